"""The .deb, .rpm and .apk: what is in them, that they are the same each time, and what happens from install to purge."""

import gzip
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import pytest

from diagbundle import __version__
from diagbundle.cli.group import COMMANDS

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LINUX = Path(TOP, "packaging", "linux")
sys.path.insert(0, str(LINUX))
import build  # noqa: E402

ARCH = platform.machine()
PROGRAM = Path(TOP, "dist", f"diagbundle-linux-{ARCH}")
OLDER = "0.0.9"
SETTINGS = "etc/diagbundle/diagbundle.toml"
CONTENTS = {
    "usr/bin/diagbundle", SETTINGS, "etc/diagbundle/collectors.d", "etc/diagbundle/redact.d", "etc/diagbundle/rules.d",
    "usr/share/doc/diagbundle/copyright", "usr/share/doc/diagbundle/examples/acme.toml", "usr/share/man/man1/diagbundle.1.gz",
    "usr/share/bash-completion/completions/diagbundle", "usr/share/fish/vendor_completions.d/diagbundle.fish",
    *(f"usr/share/man/man1/diagbundle-{name}.1.gz" for name in COMMANDS),
    *(f"usr/share/man/man7/diagbundle-{name}.7.gz" for name in ("admin", "support", "engineer")),
}  # fmt: skip


def needs_program(test):
    """Slow, and only with the static file."""
    test = pytest.mark.skipif(not PROGRAM.exists(), reason=f"there is no dist/{PROGRAM.name}: `make static` makes it")(test)
    return pytest.mark.slow(test)


def as_root(test):
    return pytest.mark.root(pytest.mark.skipif(os.geteuid() != 0, reason="needs root")(test))


def needs(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def run(*argv, **more):
    found = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False, **more)
    assert found.returncode == 0, f"{argv}: {found.stdout}{found.stderr}"
    return found.stdout


def made(folder, *flags, date="1767225600"):
    """The packages of the static file, by their endings."""
    shutil.copy(PROGRAM, folder)
    script = [sys.executable, LINUX / "build.py", ARCH, "--dist", folder, "--work", folder / "work", *flags]
    run(*script, env={**os.environ, "SOURCE_DATE_EPOCH": date})
    return {path.suffix[1:]: path for path in folder.iterdir() if path.suffix in (".deb", ".rpm", ".apk")}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return made(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    return made(tmp_path_factory.mktemp("older"), "--version", OLDER)


# -- without any tool


def test_the_changelog_of_the_project_becomes_that_of_the_packages():
    text = "# Changes\n\n## Not yet released\n\n* New `one`,\n  in two lines.\n\n## 1.0.0, 2026-12-24\n\n* First.\n"
    new, first = build.changelog(text, "1.1.0", 1_800_000_000)
    assert (new.version, new.time, new.notes) == ("1.1.0", 1_800_000_000, ("New one, in two lines.",))
    assert (first.version, first.notes) == ("1.0.0", ("First.",))
    assert re.fullmatch(
        r"diagbundle \(1\.0\.0-1\) unstable; urgency=medium\n\n  \* First\.\n\n -- .* <.*@.*>  Thu, 24 Dec 2026 00:00:00 -0000\n",
        first.for_debian(),
    )
    assert first.for_nfpm()["changes"] == [{"note": "First."}]


def test_a_candidate_comes_before_its_release():
    assert [build.ordered(version, "~") for version in ("1.0.0", "1.0.0rc2", "1.0.0b1")] == ["1.0.0", "1.0.0~rc2", "1.0.0~beta1"]
    (candidate,) = build.changelog("## Not yet released\n\n* One.\n", "1.0.0rc2", 0)
    assert candidate.for_debian().startswith("diagbundle (1.0.0~rc2-1) ")


def test_each_licence_that_is_named_has_its_text_and_each_part_its_licence():
    text = (LINUX / "copyright").read_text(encoding="utf-8")
    paragraphs = [dict(re.findall(r"^([A-Z]\w+): (.*)", part, re.MULTILINE)) for part in text.split("\n\n")]
    named = {name for one in paragraphs if "Files" in one for name in one["License"].split(" or ")}
    assert named == {one["License"] for one in paragraphs if "Files" not in one and "License" in one}
    config = (LINUX / "nfpm.yaml").read_text(encoding="utf-8")
    assert set(re.search(r"^license: (.*)", config, re.MULTILINE)[1].split(" AND ")) == named


def test_every_part_of_the_static_file_is_named():
    import tomllib

    pins = LINUX.parent / "static" / "pins.toml"
    if not pins.exists():
        pytest.skip("nothing says what the static file is made of")
    known = dict(re.findall(r"^Files: (\S+?)/\*\n(?:.+\n)*?License: (.*)", (LINUX / "copyright").read_text(encoding="utf-8"), re.MULTILINE))
    pinned = tomllib.loads(pins.read_text(encoding="utf-8"))
    parts = {name: one["license"] for group in ("debian", "pypi") for name, one in pinned[group].items() if isinstance(one, dict)}
    parts["cpython"], parts["awscrt/crt/aws-lc"] = parts.pop("python"), parts.pop("awscrt")
    assert {name: licence for name, licence in parts.items() if licence not in known.get(name, "")} == {}


def test_a_date_and_a_program_must_be_known(tmp_path):
    found = subprocess.run([sys.executable, LINUX / "build.py", "--dist", tmp_path], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr.splitlines()[1]) == (1, "hint: `make static` makes it")


# -- what is in them


def tar_of_apk(path):
    """Pieces of an .apk: what is said of it, and its files. Each is a gzip stream of its own."""
    rest, pieces = path.read_bytes(), []
    while rest:
        stream = zlib.decompressobj(31)
        data = stream.decompress(rest)
        pieces.append((rest[: len(rest) - len(stream.unused_data)], data))
        rest = stream.unused_data
    return pieces


def files_of(path, kind, tmp_path):
    """Name and bytes of what a package installs."""
    if kind == "apk":
        data = tar_of_apk(path)[-1][1]
    elif kind == "deb":
        data = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], capture_output=True, check=True).stdout
    else:
        run("rpm", "--root", tmp_path, "--dbpath", "/var/lib/rpm", "--nodeps", "--noscripts", "-i", path)
        return {str(one.relative_to(tmp_path)): one.read_bytes() if one.is_file() else None for one in tmp_path.rglob("*")}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {one.name.removeprefix("./").rstrip("/"): tar.extractfile(one).read() if one.isfile() else None for one in tar}


KINDS = [pytest.param("apk"), pytest.param("deb", marks=needs("dpkg-deb")), pytest.param("rpm", marks=[needs("rpm"), pytest.mark.root])]


@needs_program
@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_there_and_nothing_touched_the_program(packages, kind, tmp_path):
    files = files_of(packages[kind], kind, tmp_path)
    assert set(files) >= CONTENTS
    assert files["usr/bin/diagbundle"] == PROGRAM.read_bytes()
    assert f"{build.ZSH[kind][1:]}/_diagbundle" in files
    assert ("usr/share/licenses/diagbundle/LICENSE" in files) is (kind != "deb")
    assert gzip.decompress(files["usr/share/man/man1/diagbundle.1.gz"]).startswith(b".TH DIAGBUNDLE 1 2026-01-01")


@needs_program
def test_two_builds_are_the_same(packages, tmp_path):
    again = made(tmp_path)
    assert {kind: path.read_bytes() == packages[kind].read_bytes() for kind, path in again.items()} == {
        "deb": True,
        "rpm": True,
        "apk": True,
    }
    assert {path.name for path in again.values()} == {
        f"diagbundle_{__version__}-1_{build.ARCHES[ARCH]}.deb", f"diagbundle-{__version__}-1.{ARCH}.rpm", f"diagbundle_{__version__}-r1_{ARCH}.apk",
    }  # fmt: skip


@needs_program
def test_what_an_apk_says_of_itself_is_true(packages):
    told, files = tar_of_apk(packages["apk"])[-2:]
    with tarfile.open(fileobj=io.BytesIO(told[1] + bytes(1024))) as tar:
        said = dict(re.findall(r"^(\w+) = (.*)", tar.extractfile(".PKGINFO").read().decode(), re.MULTILINE))
    assert (said["pkgname"], said["pkgver"], said["arch"], said["datahash"]) == (
        "diagbundle",
        f"{__version__}-r1",
        ARCH,
        hashlib.sha256(files[0]).hexdigest(),
    )
    with tarfile.open(fileobj=io.BytesIO(files[1])) as tar:
        sums = {
            one.name: (one.pax_headers.get("APK-TOOLS.checksum.SHA1"), hashlib.sha1(tar.extractfile(one).read()).hexdigest())
            for one in tar
            if one.isfile()
        }
    assert {name: pair for name, pair in sums.items() if pair[0] != pair[1]} == {}


@needs_program
@needs("lintian")
def test_lintian_is_content(packages):
    user = ["--allow-root"] if os.geteuid() == 0 else []
    assert run("lintian", *user, "--display-info", "--pedantic", "--fail-on", "error,warning,info,pedantic", packages["deb"]) == ""


@needs_program
@needs("rpmlint")
def test_rpmlint_is_content(packages):
    assert " 0 errors, 0 warnings" in run("rpmlint", "--config", LINUX / "rpmlint.toml", packages["rpm"])


# -- from install to purge


class Debian:
    """dpkg, with a root of its own: there are no scripts in the package, so nothing of a system is needed."""

    kept_as = SETTINGS

    def __init__(self, root):
        self.root = root
        for name in ("info", "updates", "triggers"):
            (root / "var/lib/dpkg" / name).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()

    def dpkg(self, *words):
        return run("dpkg", f"--root={self.root}", "--force-confdef", "--log=/dev/null", *words)

    def install(self, package):
        self.dpkg("--install", package)

    upgrade = install

    def version(self):
        return run("dpkg-query", f"--admindir={self.root}/var/lib/dpkg", "-W", "-f", "${Version}", "diagbundle")

    def remove(self):
        self.dpkg("--remove", "diagbundle")

    def purge(self):
        self.dpkg("--purge", "diagbundle")


class RedHat:
    """rpm, with a root of its own. It knows no purge: what an admin has edited is kept as .rpmsave."""

    kept_as = f"{SETTINGS}.rpmsave"

    def __init__(self, root):
        self.root = root

    def rpm(self, *words):
        return run("rpm", "--root", self.root, "--dbpath", "/var/lib/rpm", *words)

    def install(self, package):
        self.rpm("--nodeps", "-i", package)

    def upgrade(self, package):
        self.rpm("--nodeps", "-U", package)

    def version(self):
        return self.rpm("-q", "--qf", "%{VERSION}-%{RELEASE}", "diagbundle")

    def remove(self):
        self.rpm("-e", "diagbundle")


SYSTEMS = [
    pytest.param(Debian, "deb", id="dpkg", marks=needs("dpkg", "dpkg-query")),
    pytest.param(RedHat, "rpm", id="rpm", marks=needs("rpm")),
]


@needs_program
@as_root
@pytest.mark.parametrize(("system", "kind"), SYSTEMS)
def test_what_the_admin_wrote_survives(system, kind, packages, older, tmp_path):
    host = system(tmp_path)
    host.install(older[kind])
    assert host.version() == f"{OLDER}-1"
    for path in (tmp_path / "etc/diagbundle", tmp_path / "etc/diagbundle/collectors.d"):
        assert (path.stat().st_mode & 0o7777, path.stat().st_uid) == (0o755, 0)
    assert run("chroot", tmp_path, "/usr/bin/diagbundle", "--version").strip().endswith(__version__)
    edited = (tmp_path / SETTINGS).read_text().replace('#case = ""', 'case = "4711"')
    (tmp_path / SETTINGS).write_text(edited)
    drop_in = tmp_path / "etc/diagbundle/collectors.d/acme.toml"
    shutil.copy(tmp_path / "usr/share/doc/diagbundle/examples/acme.toml", drop_in)

    host.upgrade(packages[kind])
    assert host.version() == f"{__version__}-1"
    assert (tmp_path / SETTINGS).read_text() == edited
    run("chroot", tmp_path, "/usr/bin/diagbundle", "plan", "--only", "acme")  # it takes the file, and the drop-in

    host.remove()
    assert (tmp_path / system.kept_as).read_text() == edited
    assert not (tmp_path / "usr/bin/diagbundle").exists()
    assert drop_in.exists()
    drop_in.unlink()
    if system is Debian:
        host.purge()
        assert not (tmp_path / SETTINGS).exists()
        assert [path for path in tmp_path.rglob("*diagbundle*") if "/var/" not in str(path)] == []


@needs_program
@as_root
@pytest.mark.parametrize(("system", "kind"), SYSTEMS)
def test_nothing_stays_where_nothing_was_changed(system, kind, packages, tmp_path):
    host = system(tmp_path)
    host.install(packages[kind])
    host.remove()
    if system is Debian:
        host.purge()
    assert [path for path in tmp_path.rglob("*diagbundle*") if "/var/" not in str(path)] == []
