"""The roof: begins, turns errors into words and exit codes. Each command lives in a file of its own."""

from __future__ import annotations

import gc
import os
import sys

from diagbundle import carried
from diagbundle.bundle.escape import shown
from diagbundle.cli.talk import give_up_output, give_up_talk, say
from diagbundle.errors import DiagbundleError
from diagbundle.resources import is_static

SIGPIPE = 13
INTERRUPTED = 130
FOREIGN = ("PYTHONPATH", "PYTHONSTARTUP", "PYTHONINSPECT", "LD_PRELOAD", "LD_AUDIT")
"""Variables by which something is loaded into every Python, or every program, that is started."""


def main() -> None:
    """Entry point of the program."""
    _stand()
    _begin_clean()
    code = run(sys.argv[1:] or (["collect"] if is_static() else []))
    give_up_talk()
    sys.exit(code)


def _stand() -> None:
    """On three legs: a standard stream that was closed would give its number to the bundle, and what is said would go into it."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False, encoding="utf-8"))  # noqa: SIM115  # for the whole run


def _begin_clean() -> None:
    """Begin again where the caller's environment would change what we are.

    Modules and libraries of somebody else's that would be loaded into us, and names of files read in another encoding
    (LANG=de_DE): in a bundle they are the bytes that they are. The static file looks at none of this.
    """
    foreign = any(name in os.environ for name in FOREIGN)
    if sys.executable and not is_static() and (foreign or sys.getfilesystemencoding() != "utf-8"):
        environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        os.execve(sys.executable, [sys.executable, "-P", "-X", "utf8", *sys.orig_argv[1:]], environment)  # noqa: S606  # ourselves


def run(words: list[str]) -> int:
    """Run one command. Returns the exit code; errors are told on standard error."""
    name = carried.program_name()
    try:
        code = _dispatch(words)
        sys.stdout.flush()
    except DiagbundleError as error:
        say(f"{name}: {shown(str(error))}")  # words of the command line stand in it, too: a shell writes names of files there
        if error.hint:
            say(f"hint: {shown(error.hint)}")
        return error.exit_code
    except BrokenPipeError:
        give_up_output()  # whoever read it has gone: there is nothing more to say
        return 128 + SIGPIPE
    except OSError as error:
        what = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        say(f"{name}: the system refused: {shown(what)}")
        return 1
    except MemoryError:
        say(f"{name}: there is not enough memory")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _dispatch(words: list[str]) -> int:
    """The version, `list FILE` and `cat FILE PATH` are asked again and again: to import click would take longer than to answer them."""
    gc.freeze()  # nothing that was imported is garbage
    if "--version" in words or "-V" in words:
        from diagbundle.cli import version

        if version.asked(words):
            return version.tell(words)
    if not any(word.startswith("-") for word in words):
        match words:
            case ["list", bundle]:
                from diagbundle.cli import listing

                return listing.plain(bundle)
            case ["cat", bundle, path]:
                from diagbundle.cli import printing

                return printing.member(bundle, path)
    from diagbundle.cli import group

    return group.run(words)
