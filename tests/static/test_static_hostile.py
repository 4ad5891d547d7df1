"""Nothing but the file itself shapes what runs: no variable of the environment, nothing beside it; and a copy that is not whole says so."""

import os
import random
import re
import shutil
import struct
from pathlib import Path

import pytest
from static_runs import ENVIRONMENT, collected, needs, opened, ran

SEED = 6
DAMAGED = 4
NAME = "diagbundle-linux-x86_64"
RUN = "open({ran!r}, 'w').close(); raise SystemExit('a stranger')\n"
"""What a neighbour does if anybody runs it."""
NEIGHBOURS = (
    "python313._pth", "python._pth", "{name}._pth", "pyvenv.cfg", "../pyvenv.cfg", "pybuilddir.txt", "python313.zip", "encodings/__init__.py", "os.py",
    "site.py", "sitecustomize.py", "usercustomize.py", "diagbundle/__init__.py", "diagbundle/cli/main.py", "lib/python3.13/os.py",
    "lib/python3.13/encodings/__init__.py", "lib/python3.13/site-packages/x.pth", "click.py", "json.py", "psutil.py", "zstandard.py", "zlib.so",
    "_scan.abi3.so", "diagbundle.toml", "diagbundle.py", "__main__.py", "collectors/evil.py", "evil.toml", ".env",
)  # fmt: skip
ENVIRONMENTS = {
    "PYTHONPATH": "{neighbours}", "PYTHONHOME": "{neighbours}", "PYTHONSTARTUP": "{neighbours}/os.py", "PYTHONINSPECT": "1", "PYTHONUSERBASE": "{neighbours}",
    "PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1", "PYTHONMALLOC": "debug", "PYTHONVERBOSE": "1", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii",
    "PYTHONOPTIMIZE": "2", "PYTHONHASHSEED": "x", "PYTHONPLATLIBDIR": "{neighbours}", "PYTHONTRACEMALLOC": "1", "PYTHONPROFILEIMPORTTIME": "1",
    "PYTHONNOUSERSITE": "", "PYTHONCASEOK": "1", "PYTHONBREAKPOINT": "os.system", "PYTHONEXECUTABLE": "{neighbours}/os.py", "PYTHONSAFEPATH": "",
    "__PYVENV_LAUNCHER__": "{neighbours}", "MIMALLOC_VERBOSE": "1", "LD_PRELOAD": "{neighbours}/zlib.so", "LD_LIBRARY_PATH": "{neighbours}",
    "LD_AUDIT": "{neighbours}/zlib.so", "LD_DEBUG": "all", "LANG": "de_DE.ISO-8859-1", "LC_ALL": "nowhere.KOI8-R", "LANGUAGE": "\udcff", "TZ": "../../etc/passwd",
    "TZDIR": "{neighbours}", "PYTHONTZPATH": "{neighbours}", "TMPDIR": "/nowhere/at/all", "HOME": "/nowhere", "IFS": "/", "CDPATH": "/", "ENV": "{neighbours}/os.py",
    "BASH_ENV": "{neighbours}/os.py", "COLUMNS": "-1", "TERM": "nonsense", "PAGER": "false", "MALLOC_CHECK_": "3", "GCONV_PATH": "{neighbours}",
    "OPENSSL_CONF": "{neighbours}/os.py", "OPENSSL_ia32cap": "0", "UNKNOWN_\udcfe": "\udcff",
}  # fmt: skip


@pytest.fixture(scope="module")
def beside(program, tmp_path_factory) -> Path:
    """A copy of the file among neighbours that would leave a trace if anybody ran them."""
    folder = tmp_path_factory.mktemp("among") / "neighbours"
    folder.mkdir()
    for name in NEIGHBOURS:
        path = folder / name.format(name=NAME)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"home = {folder}\n" if path.suffix == ".cfg" else RUN.format(ran=str(folder.parent / "ran")))
    return Path(shutil.copy(program, folder / NAME))


def without_times(seen) -> tuple[int, bytes, bytes]:
    return seen.code, seen.printed, seen.said


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_variable_changes_nothing(program, beside, name):
    value = ENVIRONMENTS[name].format(neighbours=beside.parent)
    for words in (("--version",), ("collectors",), ("plan", "--only", "os")):
        assert without_times(ran(beside, *words, environment=ENVIRONMENT | {name: value})) == without_times(ran(program, *words)), (
            name,
            words,
        )
    assert not (beside.parents[1] / "ran").exists()


@pytest.mark.parametrize(
    "environment", [{}, {name: value for name, value in ENVIRONMENTS.items() if name != "LD_DEBUG"}], ids=["none", "all of them"]
)
def test_a_collection_in_a_hostile_environment(beside, tmp_path, environment):
    """In the empty one, there is not even a PATH. What commands said is what they say elsewhere, too."""
    environment = {name: value.format(neighbours=beside.parent) for name, value in environment.items()}
    bundle = collected(beside, tmp_path / "out", environment=environment, cwd=beside.parent)
    opened(beside, bundle)
    seen = ran(beside, "cat", bundle, "sos_commands/kernel/uname_-a", environment=environment, cwd=beside.parent)
    assert seen.printed.decode().split()[0] == os.uname().sysname, seen.all
    assert not (beside.parents[1] / "ran").exists()


@needs("strace")
def test_neighbours_are_not_even_looked_at(beside, tmp_path):
    """Of all files that are opened or asked for, none lies in the program's folder, or above it, but the program."""
    trace = tmp_path / "trace"
    through = ("strace", "-f", "-qq", "-e", "trace=%file", "-e", "signal=none", "-o", trace)
    collected(beside, tmp_path / "out", "collect", "--yes", "--only", "os", through=through, cwd=beside.parent)
    asked = {
        path
        for line in trace.read_text(errors="replace").splitlines()
        for path in re.findall(r'"([^"]+)"', line.partition("execve(")[0] or line)
    }
    near = {
        path
        for path in asked
        if path.startswith(str(beside.parents[1])) or (not path.startswith("/") and Path(beside.parent, path).exists())
    }
    in_the_archive = {path for path in near if path.startswith(f"{beside}/")}  # asked for as if it were a folder: there is none
    assert near - in_the_archive == {str(beside)}, sorted(near)


def elf_size(program: Path) -> int:
    """Bytes of the program, before its archive: the sections' table is its end, or the last segment is."""
    with program.open("rb") as file:
        head = file.read(64)
        programs, sections, of_program, programs_number, of_section, sections_number = (
            *struct.unpack_from("<QQ", head, 32),
            *struct.unpack_from("<HHHH", head, 54),
        )
        file.seek(programs)
        segments = [struct.unpack_from("<IIQQQQQQ", file.read(of_program)) for _ in range(programs_number)]
    return max(sections + of_section * sections_number, *(offset + size for _, _, offset, _, _, size, _, _ in segments))


def cut(size):
    return lambda data: data[: size(data) if callable(size) else size]


DAMAGES = {
    "1 kB": cut(1024),
    "half of it": cut(lambda data: len(data) // 2),
    "within the archive": cut(lambda data: len(data) - 1_000_000),
    "one byte short": cut(-1),
    "the seal is missing": cut(-46),
    "half of the seal is missing": cut(-20),
    "100 bytes more": lambda data: data + bytes(100),
    "a line feed more": lambda data: data + b"\n",
    "twice": lambda data: data + data,
    "zeros for its last block": lambda data: data[:-4096] + bytes(4096),
    "a hole of zeros": lambda data: data[: len(data) // 2] + bytes(8192) + data[len(data) // 2 + 8192 :],
    "as text, by ftp": lambda data: data.replace(b"\n", b"\r\n"),
}
NEVER_BEGAN = {"1 kB", "half of it", "as text, by ftp"}
"""What is missing is needed to begin at all: the kernel may refuse it, or end it."""


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_copy_says_so(program, tmp_path, name):
    (copy := tmp_path / "copy").write_bytes(DAMAGES[name](program.read_bytes()))
    copy.chmod(0o755)
    seen = ran("sh", "-c", '"$1" --version', "sh", copy)
    assert b"version" not in seen.printed, seen.all
    assert seen.code != 0, seen.all
    if name not in NEVER_BEGAN:
        assert_said(seen, name)


def assert_said(seen, what):
    assert seen.code == DAMAGED, (what, seen.all)
    assert re.fullmatch(rb"diagbundle: this copy of the program is damaged: [^\n]+\nhint: [^\n]+\n", seen.said), (what, seen.all)


def test_one_changed_byte_anywhere_is_noticed(program, tmp_path):
    """Where it is in what runs before the check, the kernel may end it; the rest says what is the matter."""
    copy = Path(shutil.copy(program, tmp_path / "copy"))
    chance, size, elf = random.Random(SEED), copy.stat().st_size, elf_size(copy)
    places = [chance.randrange(elf) for _ in range(30)] + [chance.randrange(elf, size) for _ in range(30)] + [elf, size - 1, size - 46]
    ended = 0
    for place in places:
        with copy.open("r+b") as file:
            file.seek(place)
            was = file.read(1)
            file.seek(place)
            file.write(bytes([was[0] ^ 1 << chance.randrange(8)]))
        seen = ran("sh", "-c", '"$1" --version', "sh", copy)
        with copy.open("r+b") as file:
            file.seek(place)
            file.write(was)
        assert b"version" not in seen.printed, (place, seen.all)
        if place < elf and seen.code > 125:  # not executable, or ended by a signal
            ended += 1
        else:
            assert_said(seen, place)
    assert ended < 3, f"{ended} of {len(places)} ended without a word"
    assert ran(copy, "--version").code == 0
