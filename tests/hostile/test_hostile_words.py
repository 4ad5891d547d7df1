"""What is named on the command line: files that are none, names that mean harm; and what a terminal gets to see."""

import os
import pty
import re
import socket

import pytest
from hostile_bundles import EVIL, NAME, make, told
from hostile_desk import COMMANDS, harmless, judge

WORD = EVIL + "\udcff"
"""As the shell hands it over, when a file is called so."""


def fifo(path):
    os.mkfifo(path)


def listening(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path)


def private(path):
    with open(path, "wb") as file:
        file.write(make.good().build())
    os.chown(path, 0, -1)
    os.chmod(path, 0)


FILES = {
    "a folder": (os.mkdir, 2, "a folder, not a regular file|this folder holds nothing of a host"),
    "a FIFO": (fifo, 2, "not a regular file"),
    "a socket": (listening, 2, "cannot be read"),
    "a device": (lambda path: os.symlink("/dev/zero", path), 2, "not a regular file"),
    "a terminal": (lambda path: os.symlink("/dev/tty", path), 2, ""),
    "nothing": (lambda _path: None, 2, "no such file"),
    "a link to nothing": (lambda path: os.symlink("nowhere", path), 2, "no such file"),
    "a link to itself": (lambda path: os.symlink("x", path), 2, "symbolic links"),
    "a file of no bytes": (lambda path: os.close(os.open(path, os.O_CREAT)), 4, "empty|no zstd file"),
    "a text": (lambda path: os.symlink("/etc/hostname", path), 4, "no zstd file"),
    "a file that is memory": (lambda path: os.symlink("/proc/self/mem", path), None, "refused|damaged|cannot be read"),
    "a file of the kernel": (lambda path: os.symlink("/proc/version", path), 4, "no zstd file|empty"),
    "a private file": (private, 2, "you may not read this file|not readable"),
}
ON_A_FILE = ("list", "list --json", "verify", "cat", "unpack", "salvage", "salvage -o")


@pytest.fixture
def lay(desk):
    """Lays a thing into the desk's folder, and takes it away again."""
    laid = []

    def one(name, how):
        path = os.path.join(desk.work, name)
        laid.append(path)
        how(path)

    yield one
    for path in laid:
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        elif os.path.lexists(path):
            os.unlink(path)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_bundle_is_refused_at_once(desk, lay, name):
    how, code, says = FILES[name]
    if name == "a private file" and os.geteuid():
        pytest.skip("needs root, to hide a file from the user")
    lay("x", how)
    for command in ON_A_FILE:
        ran = desk.run(*(word.format("x") for word in COMMANDS[command]), seconds=10)
        assert ran.code in ((1, 4) if code is None else (code,)), (command, ran)
        assert "Traceback" not in ran.err, ran.err
        assert re.search(says, ran.err + ran.out.decode()), (command, ran)
    assert desk.unpacked() == set()


def evil(path):
    with open(path, "w", encoding="utf-8") as file:
        file.write(EVIL * 1000)


SIDECARS = {
    "fifo": (fifo, 0),
    "folder": (os.mkdir, 0),
    "zero": (lambda path: os.symlink("/dev/zero", path), 4),
    "nothing": (lambda path: os.symlink("nowhere", path), 0),
    "evil": (evil, 4),
}


@pytest.mark.parametrize("name", SIDECARS)
def test_what_lies_beside_a_bundle_does_no_harm(desk, lay, name):
    how, code = SIDECARS[name]
    desk.put(make.good().build())
    lay("x.tar.zst.sha256", how)
    ran = desk.run("verify", "x.tar.zst", seconds=10)
    judge(desk, "verify", ran)
    assert ran.code in {code, 0 if name == "zero" else code}


LINES = [
    ["list", "x.tar.zst", WORD],
    ["list", "-l", "x.tar.zst", WORD],
    ["list", WORD],
    ["list", "x.tar.zst", f"--{WORD}"],
    ["verify", "x.tar.zst", WORD],
    ["verify", WORD],
    ["cat", "x.tar.zst", WORD],
    ["cat", "x.tar.zst", f"{WORD}:7"],
    ["cat", "x.tar.zst", NAME, WORD],
    ["unpack", "x.tar.zst", WORD, "-o", "out/all"],
    ["unpack", "x.tar.zst", "-o", f"out/{WORD}/nowhere"],
    ["unpack", "x.tar.zst", "-o", f"out/{WORD}"],
    ["salvage", "x.tar.zst", "-o", f"out/2{WORD}"],
    ["salvage", WORD],
    [WORD],
    [f"--{WORD}"],
    ["collect", f"--{WORD}"],
    ["collect", "--only", WORD, "--output", "/dev/null/x"],
    ["collect", "--since", WORD],
    ["collect", "--include", f"/nowhere/{WORD}"],
    ["collect", "--collector", f"/nowhere/{WORD}"],
    ["collect", "--config", f"/nowhere/{WORD}"],
    ["plan", "--only", WORD],
    ["plan", "--root", f"/nowhere/{WORD}"],
    ["verify", "--help"],
    ["collectors", WORD],
]


@pytest.mark.parametrize("words", LINES, ids=lambda words: " ".join(words).replace(WORD, "EVIL").replace(NAME, "NAME"))
def test_words_of_the_command_line_come_back_harmless(desks, words):
    """A shell writes the names of files there: `diagbundle verify *`. As ourselves: the commands of the field need more than the desk has."""
    desk = desks.get("root") or desks["user"]
    if desk.program[-1] and words[0] in ("collect", "plan", "collectors"):
        pytest.skip("this Python has a copy of the program without collectors")
    desk.put(told().build())
    ran = desk.run(*words, memory=1 << 30)
    assert ran.code in (0, 1, 2), ran
    assert "Traceback" not in ran.err, ran.err
    assert harmless(ran.err), ran.err
    assert harmless(ran.out.decode()), ran.out
    desk.unpacked()


@pytest.mark.parametrize("name", ["x\x1b[31m\u202e.tar.zst", "x\nhint: run `rm -r ~`.tar.zst", "x\udcff\udc9b.tar.zst"])
def test_a_bundle_of_a_hostile_name(desk, lay, name):
    lay(name, lambda _path: desk.put(told().build(), name))
    for command, words in COMMANDS.items():
        judge(desk, command, desk.run(*(word.format(name) for word in words)))
    desk.put(told().build()[:-100], name)
    for command, words in COMMANDS.items():
        judge(desk, command, desk.run(*(word.format(name) for word in words)))
    desk.unpacked()


def on_a_terminal(desk, *words):
    """What the program writes to a terminal, with these words."""
    controller, terminal = pty.openpty()
    process = desk.start(desk.whole(*words), stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    seen = b""
    try:
        while piece := os.read(controller, 1 << 16):
            seen += piece
    except OSError:
        pass  # the end of a terminal
    os.close(controller)
    assert process.wait(60) in (0, 2, 3, 4), seen
    return seen.decode()


@pytest.mark.parametrize(
    "words",
    [["list", "x.tar.zst"], ["list", "-lm", "x.tar.zst"], ["verify", "x.tar.zst"], ["cat", "x.tar.zst", NAME], ["cat", "x.tar.zst", NAME + "2"],
     ["unpack", "x.tar.zst", "-o", "out/all"], ["salvage", "x.tar.zst"], ["list", WORD]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_nothing_raw_reaches_a_terminal(desk, words):
    """Started whole, as a user would; also the content of files, which a pipe gets as it is."""
    desk.put(told().build())
    seen = on_a_terminal(desk, *words)
    assert harmless(seen.replace("\r\n", "\n"), "\n\t"), ascii(seen)
    desk.unpacked()


def test_a_terminal_gets_mebibytes_of_control_characters_in_bounded_memory(desk):
    desk.put(make.Composer([make.Member("p", b"\x1b" * (1 << 20))]).build())
    code = desk.program[-1] + (
        "import sys\nfrom diagbundle.cli import printing\nsys.stdout.isatty = lambda: True\nprinting.member('x.tar.zst', 'p')\n"
        "sys.stderr.write(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    process = desk.start([*desk.program[:-1], code], stdout=-3, stderr=-1)
    _, held = process.communicate(timeout=120)
    assert int(held) < 60 << 10
