"""A kit is the file it was made of, and behind it the product; what is not whole gets no name."""

import errno
import importlib
import os
import pathlib
import shutil
import sys
import zipfile

import pytest
from kit_parts import COLLECTOR, OFFER, PYTHON, RULE

from diagbundle import carried
from diagbundle.carried import seal
from diagbundle.carried.described import Product
from diagbundle.errors import OutputError, UsageError
from diagbundle.kit import description, make

ALL = 'collectors = ["acme.toml"]\nrules = ["ours.toml"]\n'


@pytest.fixture
def made(described, wheel):
    """A description with one of everything."""
    return lambda code=None, **words: description.read(
        described(f'{ALL}packages = ["{wheel(code, **words)}"]\n[defaults]\ntimeout = "3m"\n', acme=COLLECTOR, ours=RULE)
    )


def refused(made, program, path, kind=UsageError):
    with pytest.raises(kind) as error:
        make.make(made, str(program), str(path))
    assert not os.path.exists(f"{path}.part")
    return f"{error.value}\nhint: {error.value.hint}"


def test_it_carries_all_of_it(made, static, tmp_path):
    program, path = static(), str(tmp_path / "acme-support")
    kit = make.make(made(), program, path)
    assert os.stat(path).st_mode & 0o777 == 0o755
    assert not os.path.exists(f"{path}.part")
    assert seal.fault(path) == ""
    again = carried.read(path)
    assert again == Product(**{**vars(kit), "program": path})
    assert (again.name, again.version, dict(again.defaults), again.offers) == (
        "acme-support",
        "1.0",
        {"timeout": "3m"},
        (("acme_live", "acme_live"),),
    )
    assert [(name, origin) for name, origin, _ in again.contents("collectors")] == [("acme.toml", "acme-support/collectors/acme.toml")]
    assert dict(again.all_contents()) == {
        "collectors/acme.toml": COLLECTOR.encode(),
        "rules/ours.toml": RULE.encode(),
        "packages/acme_live.py": PYTHON.encode(),
    }


def test_the_program_in_front_is_untouched(made, static, tmp_path):
    program, path = static(), tmp_path / "acme-support"
    make.make(made(), program, str(path))
    before, after = (pathlib.Path(name).read_bytes() for name in (program, path))
    end = before.index(b"PK\x03\x04")
    assert after[:end] == before[:end]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == make.PARTS
        assert {member.date_time for member in archive.infolist()} == {make.CHANGED}, "the same bytes tomorrow"
        assert len(set(archive.namelist())) == len(archive.namelist())


def test_the_same_input_gives_the_same_bytes(made, static, tmp_path):
    program = static()
    kits = [make.make(made(), program, str(tmp_path / name)) for name in ("one", "two")]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    other = static("diagbundle-aarch64", machine=183)
    kits.append(make.make(made(), other, str(tmp_path / "three")))
    assert len({kit.checksum for kit in kits}) == 1
    assert make.machine(str(tmp_path / "three")) == "aarch64"


def test_nothing_is_overwritten(made, static, tmp_path):
    path = tmp_path / "acme-support"
    path.write_text("mine")
    assert "is not overwritten" in refused(made(), static(), path)
    assert path.read_text() == "mine"
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert "is not overwritten" in refused(made(), static(), path)


def test_who_takes_the_name_meanwhile_keeps_it(made, static, tmp_path, monkeypatch):
    path, program, ready = tmp_path / "acme-support", static(), made()
    tried = make._tried

    def slowly(*words):
        path.write_text("theirs")
        return tried(*words)

    monkeypatch.setattr(make, "_tried", slowly)
    assert "is not overwritten" in refused(ready, program, path)
    assert path.read_text() == "theirs"


@pytest.mark.parametrize("step", ["_copy", "_put", "_tried"])
def test_who_lays_a_link_at_its_name_meanwhile_gets_nothing_written_elsewhere(made, static, tmp_path, monkeypatch, step):
    """Whoever owns the folder may exchange what lies in it."""
    victim, path, real = tmp_path / "victim", tmp_path / "acme-support", getattr(make, step)
    victim.write_bytes(b"mine")
    victim.chmod(0o640)

    def exchanged(*words):
        os.unlink(f"{path}.part")
        os.symlink(victim, f"{path}.part")
        return real(*words)

    monkeypatch.setattr(make, step, exchanged)
    with pytest.raises((UsageError, OutputError)):
        make.make(made(), str(static()), str(path))
    assert (victim.read_bytes(), victim.stat().st_mode & 0o777) == (b"mine", 0o640)
    assert not path.exists()


def test_an_unfinished_one_is_left_alone(made, static, tmp_path):
    part = tmp_path / "acme-support.part"
    part.write_text("of another run")
    with pytest.raises(UsageError, match="unfinished kit already"):
        make.make(made(), static(), str(tmp_path / "acme-support"))
    assert part.read_text() == "of another run"


@pytest.mark.parametrize("where", ["copy", "put", "sync"])
def test_without_room_nothing_is_left(made, static, tmp_path, monkeypatch, where):
    def full(*_words, **_more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    ready, program = made(), static()
    target = {"copy": (shutil, "copyfileobj"), "put": (zipfile.ZipFile, "writestr"), "sync": (os, "fsync")}[where]
    monkeypatch.setattr(*target, full)
    said = refused(ready, program, tmp_path / "acme-support", OutputError)
    assert "No space left on device" in said
    assert not (tmp_path / "acme-support").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it mounts a small disk")
@pytest.mark.root
def test_a_full_disk_holds_nothing_of_it(made, static, tmp_path):
    import subprocess

    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(small)], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        said = refused(made({"acme_live.py": PYTHON + "#" * 9000}), static(), small / "acme-support", OutputError)
        assert "No space left on device" in said
        assert os.listdir(small) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_folder_that_is_not_there(made, static, tmp_path):
    assert "No such file" in refused(made(), static(), tmp_path / "missing" / "acme-support", OutputError)


class TestThePrograms:
    def test_a_cut_one(self, made, static, tmp_path):
        program = static()
        whole = pathlib.Path(program).read_bytes()
        for keep in (len(whole) - 1, len(whole) // 2, 30):
            with open(program, "wb") as file:
                file.write(whole[:keep])
            assert "the static file is damaged" in refused(made(), program, tmp_path / "kit")

    def test_a_changed_one(self, made, static, tmp_path):
        program = static()
        with open(program, "r+b") as file:
            file.seek(1000)
            file.write(b"!")
        assert "damaged" in refused(made(), program, tmp_path / "kit")
        assert "its checksum is another one" in refused(made(), program, tmp_path / "kit")

    def test_one_that_is_none(self, made, static, tmp_path):
        assert "this is no static file" in refused(made(), __file__, tmp_path / "kit")
        assert "this is no static file" in refused(made(), static(machine=8), tmp_path / "kit")
        assert "this is no static file" in refused(made(), static(members=[("other", b"")]), tmp_path / "kit")
        assert "this is no static file" in refused(made(), static(members=[(make.PARTS, b"[]")]), tmp_path / "kit")
        assert "the static file is damaged" in refused(made(), shutil.which("true"), tmp_path / "kit")
        empty = tmp_path / "empty"
        empty.touch()
        assert "this is no static file" in refused(made(), empty, tmp_path / "kit")

    def test_one_that_cannot_be_read(self, made, tmp_path):
        assert "the program cannot be read" in refused(made(), tmp_path / "missing", tmp_path / "kit")
        assert "no regular file" in refused(made(), tmp_path, tmp_path / "kit")
        os.mkfifo(tmp_path / "pipe")
        assert "no regular file" in refused(made(), tmp_path / "pipe", tmp_path / "kit")

    def test_one_of_another_version(self, made, static, tmp_path):
        program = static(members=[(make.PARTS, b'{"metadata": {"component": {"version": "9.9"}}}')])
        assert "another version" in refused(made(), program, tmp_path / "kit")

    def test_a_kit(self, made, static, tmp_path):
        make.make(made(), static(), str(tmp_path / "kit"))
        assert "this is a kit already" in refused(made(), tmp_path / "kit", tmp_path / "other")


class TestThePackages:
    """Each is loaded out of the kit, in a child that has no more than a kit has."""

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("import ssl\n" + PYTHON, "the static file has no module ssl"),
            ("import asyncio\n" + PYTHON, "the static file has no module asyncio"),
            ("import pytest\n" + PYTHON, "the static file has no module pytest"),
            ("import acme_other\n" + PYTHON, "the static file has no module acme_other"),
            ("this is no Python", "SyntaxError"),
            ("x = 1", "it gives no collector"),
            ("raise RuntimeError('no licence')", "no licence"),
            ("import os\nos._exit(0)", "its code ended or disturbed the process"),
            (PYTHON.replace("acme_live(", "logs("), "two collectors are called 'logs'"),
            (PYTHON.replace("acme_live(", "acme("), "two collectors are called 'acme'"),
            (PYTHON.replace("Acme live", ""), "'title' must be"),
            ("from importlib.metadata import version\nversion('acme_live')\n" + PYTHON, "No package metadata was found"),
        ],
    )
    def test_what_does_not_load_is_refused(self, made, static, tmp_path, code, words):
        assert words in refused(made({"acme_live.py": code}), static(), tmp_path / "kit")
        assert not (tmp_path / "kit").exists()

    def test_what_may_be_missing_may(self, made, static, tmp_path):
        code = "try:\n    import ssl\nexcept ModuleNotFoundError:\n    ssl = None\nimport click, json, psutil\n" + PYTHON
        assert make.make(made({"acme_live.py": code}), static(), str(tmp_path / "kit")).offers

    def test_the_one_in_the_kit_is_tried_and_not_one_that_is_installed_here(self, made, static, tmp_path, monkeypatch):
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "acme_live.py").write_text(PYTHON)
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        monkeypatch.setitem(sys.modules, "acme_live", None)  # whatever is there afterwards goes
        del sys.modules["acme_live"]
        importlib.import_module("acme_live")

        assert "no licence" in refused(made({"acme_live.py": "raise RuntimeError('no licence')"}), static(), tmp_path / "kit")

    def test_one_may_need_another(self, described, wheel, static, tmp_path):
        base = wheel({"acme_base.py": "TITLE = 'Acme live'\n"}, name="acme_base", offer="")
        upper = wheel({"acme_live.py": "import acme_base\n" + PYTHON}, needs=("acme-base",))
        alone = described(f'packages = ["{upper}"]\n')
        with pytest.raises(UsageError, match="needs another one that is not there"):
            description.read(alone)
        with pytest.raises(UsageError, match="no package offers a collector"):
            description.read(described(f'packages = ["{base}"]\n'))
        assert make.make(description.read(described(f'packages = ["{upper}", "{base}"]\n')), static(), str(tmp_path / "kit")).offers

    def test_two_may_not_have_one_file(self, described, wheel):
        one, other = wheel(), wheel(name="acme_twin")
        with pytest.raises(UsageError, match="two packages have a file of one name"):
            description.read(described(f'packages = ["{one}", "{other}"]\n'))


def test_settings_name_collectors_that_are_there(described, static, tmp_path, wheel):
    more = f'packages = ["{wheel()}"]\n[defaults]\nonly = '
    make.make(description.read(described(more + '["acme_live", "logs"]')), static(), str(tmp_path / "kit"))
    assert "no collector is called 'acme_lice'" in refused(
        description.read(described(more + '["acme_lice"]')), static(), tmp_path / "other"
    )


def test_a_product_of_a_name_alone(described, static, tmp_path):
    assert make.make(description.read(described()), static(), str(tmp_path / "kit")).files == {}


def test_a_wheel_of_many_modules(made, static, tmp_path):
    code = {
        "acme_live/__init__.py": "from acme_live.inside.deep import acme_live",
        "acme_live/inside/__init__.py": "",
        "acme_live/inside/deep.py": PYTHON,
    }
    assert make.make(made(code, offer=OFFER.replace("= acme_live", "= acme_live:acme_live")), static(), str(tmp_path / "kit")).offers


def test_a_package_without_an_init(made, static, tmp_path):
    """Which several wheels may share."""
    code = {"acme/live/deep.py": PYTHON}
    assert make.make(made(code, offer=OFFER.replace("= acme_live", "= acme.live.deep")), static(), str(tmp_path / "kit")).offers


def test_only_the_kit_carries(static, tmp_path):
    assert carried.read(static()) is None
    assert carried.read(__file__) is None
    assert carried.read(str(tmp_path / "missing")) is None
    assert (carried.product(), carried.public_key(), carried.told(), carried.program_name()) == (None, "", None, "diagbundle")
