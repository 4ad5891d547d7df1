"""The completions offer what the program takes, in the shells themselves, and run nothing for it."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from diagbundle.cli.group import COMMANDS, program
from diagbundle.collect import registry

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "packaging"))
import make_completions  # noqa: E402

COLLECTORS = {name for name, one in registry.find(drop_in_folder="/nonexistent").collectors.items() if registry.is_ours(one)}
RAN = "a-program-was-run"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("completions")
    make_completions.main(str(folder))
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a bundle, a file with a space in its name, and a folder."""
    (tmp_path / "db1.tar.zst").touch()
    (tmp_path / "two words.toml").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def flags_of(name):
    top = click.Context(program, info_name="diagbundle", **program.context_settings)
    command = program.get_command(top, name)
    params = command.get_params(click.Context(command, parent=top, info_name=name))
    return {flag for one in params if isinstance(one, click.Option) for flag in (*one.opts, *one.secondary_opts)}


def part_for(script, name):
    """What a script says of one command."""
    text = script.read_text(encoding="utf-8")
    if script.name.endswith(".bash"):
        return "\n".join(re.findall(rf'^ +(?:[\w| ]+ \| )?{name}(?: \| [\w| ]+)?\) words="(.*)"', text, re.MULTILINE))
    if script.name.endswith(".fish"):
        return "\n".join(re.findall(rf"-n '__diagbundle_at {name}'( .*)", text))
    return text.partition(f"\n    {name})\n")[2].partition(";;")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_stands_in_each_script(scripts, name):
    assert set(part_for(scripts / "diagbundle.bash", name).split()) == flags_of(name)
    in_zsh = {flag for spec in re.findall(r"^ +'(.*)' ?\\?$", part_for(scripts / "_diagbundle", name), re.MULTILINE) for flag in re.findall(r"^(?:\*|\([^)]*\))(-[\w-]+)", spec)}  # fmt: skip
    assert in_zsh == flags_of(name)
    in_fish = {
        f"--{flag}" if kind == "l" else f"-{flag}"
        for kind, flag in re.findall(r" -(l|s) ([\w-]+)", part_for(scripts / "diagbundle.fish", name))
    }
    assert in_fish == flags_of(name)


def test_the_same_source_gives_the_same_scripts(scripts, tmp_path):
    make_completions.main(str(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {path.name: path.read_bytes() for path in scripts.iterdir()}


def typed(argv, setup, line, keys):
    """What a shell at a terminal shows after a line and a key. PATH is empty; whatever it would run tells so."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(shutil.which(argv[0]), argv, {"PATH": "/nonexistent", "TERM": "dumb", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"})
    try:
        _until(terminal, f"{setup}\necho rea''dy\n", "ready")
        shown = _until(terminal, line + keys, None)
        return shown + _until(terminal, "\necho do''ne\n", "done")
    finally:
        os.close(terminal)
        os.kill(child, 9)
        os.waitpid(child, 0)


def _until(terminal, text, mark, seconds=10.0):
    """What is shown until a mark, or, without one, until nothing more comes."""
    os.write(terminal, text.encode())
    shown, end = b"", time.monotonic() + seconds
    while time.monotonic() < end and (mark is None or mark.encode() not in shown):
        if select.select([terminal], [], [], 0.7 if mark is None else 0.2)[0]:
            shown += os.read(terminal, 65536)
        elif mark is None:
            break
    assert mark is None or mark.encode() in shown, shown
    return shown.decode(errors="replace")


def bash(scripts, line):
    """The words that bash puts in for a line: `insert-completions` takes all that there are."""
    setup = f"""PS1=; bind 'set enable-bracketed-paste off'; bind '"\\C-o": insert-completions'; command_not_found_handle() {{ echo {RAN}; }}
diagbundle() {{ printf '<%s>' "$@"; }}; source {scripts}/diagbundle.bash"""
    shown = typed(["bash", "--norc", "--noprofile", "-i"], setup, line, "\x0f")
    assert RAN not in shown
    return re.findall(r"<([^<>]*)>", shown)


def zsh(scripts, line):
    """What zsh lists, or puts in, for a line."""
    setup = f"""PS1= PROMPT_EOL_MARK=; unsetopt zle_bracketed_paste; LISTMAX=9999; command_not_found_handler() {{ echo {RAN}; }}
fpath=({scripts} $fpath); autoload -Uz compinit; compinit -u -D; diagbundle() {{ printf '<%s>' "$@"; }}"""
    shown = typed(["zsh", "-f", "-i"], setup, line, "\t\t")
    assert RAN not in shown
    return set(re.findall(r"[\w./+-]+(?: words\.toml)?", shown.replace(line, "", 1).replace("\\", "")))


def fish(scripts, line):
    """What fish offers for a line."""
    tell = (
        f"function fish_command_not_found; echo {RAN}; end; set PATH /nonexistent; source {scripts}/diagbundle.fish; complete -C $argv[1]"
    )
    found = subprocess.run([shutil.which("fish"), "--no-config", "-c", tell, line], capture_output=True, text=True, check=True)
    assert (found.stderr, RAN in found.stdout) == ("", False)
    return [offered.partition("\t")[0] for offered in found.stdout.splitlines()]


SHELLS = [pytest.param(shell, marks=pytest.mark.skipif(not shutil.which(shell.__name__), reason=f"{shell.__name__} is not installed")) for shell in (bash, zsh, fish)]  # fmt: skip
LINES = {
    "diagbundle ": set(COMMANDS),
    "diagbundle ver": {"verify"},
    "diagbundle collect --on": {"--only"},
    "diagbundle collect --only ": {*COLLECTORS, "include"},
    "diagbundle collect --yes --without proc": {"process"},
    "diagbundle check --fail-on ": {"critical", "warning", "note"},
    "diagbundle timeline --severity e": {"emergency", "error"},
    "diagbundle explain DSK00": {"DSK001", "DSK002"},
    "diagbundle verify ": {"db1.tar.zst", "two words.toml"},
    "diagbundle verify db": {"db1.tar.zst"},
    "diagbundle list db1.tar.zst --mis": {"--missing"},
    "diagbundle unpack -o f": {"folder"},
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("line", LINES)
def test_a_shell_offers_what_fits(shell, line, scripts, place):
    offered = {word.removesuffix("/") for word in shell(scripts, line)}
    assert LINES[line] - offered == set()


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_what_does_not_fit_is_not_offered(shell, scripts, place):
    assert not {"critical", "db1.tar.zst", "verify"} & set(shell(scripts, "diagbundle collect "))
    assert not {"two words.toml", "--missing", "db1.tar.zst"} & set(shell(scripts, "diagbundle check --format "))
    assert "two words.toml" not in shell(scripts, "diagbundle cat db1.tar.zst ")
    assert "db1.tar.zst" not in shell(scripts, "diagbundle collect --root ")


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_value_behind_an_equals_sign_is_completed_too(shell, scripts, place):
    assert "networking" in " ".join(shell(scripts, "diagbundle collect --only=networ"))


def test_no_script_calls_a_program(scripts):
    """Only words of the shells themselves stand where a command stands."""
    for name, forbidden in (
        ("diagbundle.bash", r"`|\$\((?!\()|<\("),
        ("diagbundle.fish", r"\((?!commandline|count|__fish_complete_directories)"),
        ("_diagbundle", r"`|\$\("),
    ):
        text = Path(scripts / name).read_text(encoding="utf-8").replace(r"'\''", "")
        code = re.sub(r"'(?:[^'\\]|\\.)*'|#.*", "", text)
        assert not re.search(forbidden, code), name
