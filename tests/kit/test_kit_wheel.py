"""A kit carries Python only, of wheels whose names can be trusted to stay where they are put."""

import os
import stat
import struct
import tomllib
import zipfile

import pytest
from kit_parts import PYTHON

from diagbundle.errors import UsageError
from diagbundle.kit import wheel as wheels

TOP = os.path.join(os.path.dirname(__file__), "..", "..")


def refused(path):
    with pytest.raises(UsageError) as error:
        wheels.read(str(path))
    return f"{error.value}\nhint: {error.value.hint}"


def test_what_is_carried(wheel, tmp_path):
    path = tmp_path / wheel(
        {"acme_live.py": PYTHON, "acme_more/__init__.py": "", "acme_more/data.txt": "1"},
        needs=("diagbundle", "Acme.Base>=2 ; python_version > '3'", "pytest ; extra == 'dev'"),
    )
    found = wheels.read(str(path))
    assert set(found.files) == {"acme_live.py", "acme_more/__init__.py", "acme_more/data.txt"}
    assert found.modules == {"acme_live", "acme_more"}
    assert found.offers == [("acme_live", "acme_live")]
    assert found.needs == ["diagbundle", "acme-base"]
    assert found.project == "acme-live"


@pytest.mark.parametrize(
    ("code", "tag", "word"),
    [
        ({"acme_live.py": "", "acme_fast.so": b"x"}, "py3-none-any", "acme_fast.so"),
        ({"acme_live.py": "", "libacme.so.1.2": b"x"}, "py3-none-any", "libacme.so.1.2"),
        ({"acme_live.py": "", "data.bin": b"\x7fELF\x02\x01"}, "py3-none-any", "data.bin"),
        ({"acme_live.py": ""}, "cp311-cp311-linux_x86_64", "cp311-cp311-linux_x86_64"),
    ],
)
def test_native_code_is_refused_with_the_reason(wheel, tmp_path, code, tag, word):
    said = refused(tmp_path / wheel(code, tag=tag))
    assert "a package has native code, and a kit carries Python only" in said
    assert word in said
    assert "the static file loads none" in said


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.py", "'.' or '..' in it"),
        ("a/../../evil.py", "'.' or '..' in it"),
        ("./evil.py", "'.' or '..' in it"),
        ("a//evil.py", "empty component"),
        ("/etc/cron.d/evil", "absolute path"),
        ("C:/evil.py", "absolute path"),
        ("a\\evil.py", "backslash"),
        ("a\nb.py", "control character"),
        ("a\u202eb.py", "control character"),
        ("a/" * 70 + "b.py", "more than 64 components"),
        ("x" * 300 + ".py", "255 bytes"),
        ("acme_live.py", "another file of the same name"),
        ("acme_live.py/", "another file of the same name"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_names_are_refused(wheel, tmp_path, name, why):
    said = refused(tmp_path / wheel(members=[(name, b"import os")]))
    assert "a package has a file that is refused" in said
    assert why in said
    assert "\u202e" not in said


def test_a_link_is_refused(wheel, tmp_path):
    link = zipfile.ZipInfo("acme_link.py")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    assert "it is no regular file" in refused(tmp_path / wheel(members=[(link, b"/etc/shadow")]))


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.py", bytes(wheels.LARGEST + 1))
    assert "16 MiB are the most" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(wheels.MOST + 1):
            archive.writestr(f"n{number}.py", b"")
    assert "too many files" in refused(path)


def test_what_is_no_wheel(tmp_path, wheel):
    path = tmp_path / "acme-1.0-py3-none-any.whl"
    path.write_bytes(b"no zip")
    assert "is no wheel, or damaged" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("acme.py", "")
    assert "(WHEEL, Tag)" in refused(path)
    assert "cannot be read" in refused(tmp_path / "missing.whl")
    whole = (tmp_path / wheel()).read_bytes()
    at = whole.index(PYTHON.encode()) + 5
    path.write_bytes(whole[:at] + b"X" + whole[at + 1 :])
    assert "is no wheel, or damaged" in refused(path)
    path.write_bytes(whole[: len(whole) // 2])
    assert "is no wheel, or damaged" in refused(path)


def test_a_wrong_central_directory_ends_in_a_sentence(tmp_path, wheel):
    whole = bytearray((tmp_path / wheel()).read_bytes())
    entry = whole.rindex(b"PK\x01\x02")
    struct.pack_into("<H", whole, entry + 10, 99)  # a way to compress that nobody knows
    path = tmp_path / "odd-1.0-py3-none-any.whl"
    path.write_bytes(whole)
    assert "is no wheel, or damaged" in refused(path)


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_in_what_is_packed_in_any_way_ends_in_a_sentence(tmp_path, packing):
    path = tmp_path / "acme-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("acme.py", "x = 1\n" * 1000)
    data = bytearray(path.read_bytes())
    data[45:60] = bytes(byte ^ 0x55 for byte in data[45:60])
    path.write_bytes(data)
    assert refused(path).startswith("a package ")
    assert ": None" not in refused(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.whl")
    assert "a package" in refused(tmp_path / "pipe.whl")


def test_names_of_modules_that_would_never_be_loaded(wheel, tmp_path):
    assert "its name" not in refused(tmp_path / wheel({"json.py": ""}))
    assert "of a name that is taken" in refused(tmp_path / wheel({"json.py": ""}))
    assert "of a name that is taken" in refused(tmp_path / wheel({"diagbundle/evil.py": ""}))


def test_files_for_the_system_are_refused(wheel, tmp_path):
    assert "a kit installs nothing" in refused(tmp_path / wheel({"acme_live.py": PYTHON, "acme_live-1.0.data/scripts/acme": "#!python"}))


def test_what_the_static_file_lacks_is_known():
    """What is left out when it is built, as the modules that cannot be imported then."""
    with open(os.path.join(TOP, "packaging/static/left_out.txt"), encoding="utf-8") as file:
        lines = [line.partition("#")[0].strip() for line in file]
    import sys

    out = {line.removesuffix(".py") for line in lines if "/" not in line} & set(sys.stdlib_module_names)
    assert out - wheels.ABSENT == set()
    with open(os.path.join(TOP, "packaging/static/pins.toml"), "rb") as file:
        pinned = set(tomllib.load(file)["pypi"])
    assert pinned - {"ziglang", "awscrt"} == wheels.DISTRIBUTIONS - {"diagbundle"}
