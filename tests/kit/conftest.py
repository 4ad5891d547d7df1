"""What is needed to make kits: a stand-in for the static file, descriptions of products, wheels and keys, all made here."""

import os
import zipfile

import pytest
from kit_parts import OFFER, PYTHON, TOML, sealed

from diagbundle import carried
from diagbundle.transport.key import LETTERS, PUBLIC, expanded, polymod


@pytest.fixture
def static(tmp_path):
    """A function that makes a stand-in for the static file."""
    return lambda name="diagbundle-linux", **words: sealed(tmp_path / name, **words)


@pytest.fixture
def described(tmp_path):
    """A function: the description of a product in a file, and files beside it."""

    def write(more="", *, head=TOML, **files):
        for name, text in files.items():
            (tmp_path / f"{name}.toml").write_text(text)
        path = tmp_path / "product.toml"
        path.write_text(head + more)
        return str(path)

    return write


@pytest.fixture
def wheel(tmp_path):
    """A function that makes a wheel."""

    def make(  # noqa: PLR0913  # all that a wheel may have wrong
        code=None, *, offer=OFFER, name="acme_live", tag="py3-none-any", needs=("diagbundle",), members=()
    ):
        files = {"acme_live.py": PYTHON} if code is None else code
        info = f"{name}-1.0.dist-info"
        required = "".join(f"Requires-Dist: {one}\n" for one in needs)
        files = {
            **files,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{required}",
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        } | ({f"{info}/entry_points.txt": offer} if offer else {})
        path = tmp_path / f"{name}-1.0-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in files.items():
                archive.writestr(member, data)
            for info, data in members:
                archive.writestr(info, data)
        return os.path.basename(path)

    return make


@pytest.fixture
def public_key():
    """A public key as age writes it, of bytes that were drawn now."""
    bits = f"{int.from_bytes(os.urandom(32)):0256b}0000"
    values = [int(bits[at : at + 5], 2) for at in range(0, 260, 5)]
    rest = polymod([*expanded(PUBLIC), *values, *[0] * 6]) ^ 1
    return f"{PUBLIC}1" + "".join(LETTERS[value] for value in [*values, *(rest >> 5 * (5 - at) & 31 for at in range(6))])


@pytest.fixture
def running(monkeypatch):
    """A function: from now on, this program is the kit in a file."""
    monkeypatch.delenv("DIAGBUNDLE_STATIC", raising=False)  # which names the file for other tests, and would be a setting here

    def become(path):
        kit = carried.read(path)
        monkeypatch.setattr(carried, "product", lambda: kit)
        return kit

    return become
