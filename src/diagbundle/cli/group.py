"""All commands as a click group; each is imported only when it is used."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

import click

from diagbundle import __version__, carried
from diagbundle.cli.talk import named
from diagbundle.errors import UsageError

COMMANDS = {
    "collect": "Collect what an engineer needs to find a fault on this server, into one file",
    "plan": "Show every item that would be collected, without collecting it",
    "collectors": "List the collectors and what each is about",
    "check": "Say what is wrong with this host, now; nothing stays on it",
    "analyze": "Say what is wrong with the host a bundle comes from, and how that is known",
    "ticket": "Write what support needs to know of a bundle, as Markdown to paste into a ticket",
    "explain": "Explain a verdict: what it means, how it is reached, what to do",
    "rules": "List what is judged, and test rules of your own",
    "changes": "Show what changed lately on the host a bundle comes from",
    "diff": "Say what is different between two hosts, or on one before and after",
    "timeline": "Show the events of all logs of a bundle in one list, in UTC",
    "open": "Make a bundle out of what was encrypted for you",
    "report": "Write one page of HTML about a bundle: what is wrong, the host, its load, its logs over time",
    "list": "Show what is in a bundle",
    "cat": "Print one file out of a bundle",
    "grep": "Find lines in a bundle, without unpacking it",
    "convert": "Write a bundle as .tar.gz or .tar.xz, for tools that want that",
    "view": "Show a bundle in a browser, on this machine: verdicts, files, logs, search, timeline",
    "review": "Show what leaves with a bundle, to be approved and signed; take out what must not leave",
    "verify": "Check that a bundle is whole and unchanged",
    "seal": "Make a bundle ready to leave: encrypted, signed, in parts",
    "join": "Put the parts of a bundle together again, or say which must be sent again",
    "unpack": "Unpack a bundle into a folder, safely",
    "redact": "Write a file or a folder again without its secrets",
    "translate": "Turn the stand-ins of --pseudonyms back, for who holds the map",
    "salvage": "Get out of a damaged or unfinished bundle what is whole",
    "kit": "Make a copy of this program that carries a product's collectors, rules, texts and name",
}
"""Name and first sentence of each; a command is imported only when it is used, so that help and short commands start fast."""
MODULES = {"list": "list_"}


class Commands(click.Group):
    """The group of all commands, imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # the signature is click's
        """Names, in the order in which they are used."""
        return list(self._there())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of this name."""
        if cmd_name not in self._there():
            return None
        module = importlib.import_module(f"diagbundle.cli.{MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        command.name = cmd_name
        command.help = named(command.help or "")
        for each in command.params:
            if isinstance(each.type, click.Path):
                each.type.readable = False  # whoever reads the file says better why that cannot be
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a hint for names that are nearly right."""
        if args and args[0] not in self._there():
            close = difflib.get_close_matches(args[0], self._there(), 1)
            hint = f"did you mean '{close[0]}'?" if close else "`diagbundle --help` lists all commands"
            raise click.UsageError(f"there is no command {args[0]!r}\nhint: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._there().items()))

    def _there(self) -> dict[str, str]:
        """The commands of this program: no kit is made of a kit."""
        return {name: about for name, about in COMMANDS.items() if name != "kit" or carried.product() is None}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, invoke_without_command=False)
@click.version_option(__version__, "-V", "--version", prog_name="diagbundle", help="Show the version and exit; with --verbose, every part.")
def program() -> None:
    """Collect the evidence of a fault on this server into one sealed file, or open such a file.

    Nothing is ever sent anywhere: the file stays where it was written until you pass it on.

    \b
    Exit status: 0 done and whole; 1 failed, nothing usable was written; 2 wrong
    usage; 3 sealed or intact, but partial; 4 a damaged or refused bundle;
    5 verdicts at or above --fail-on; 130 ended by Ctrl-C; 141 nobody read the
    output any more.
    """


def run(words: list[str]) -> int:
    """Run a command. Returns its exit code. Raises `UsageError` for what click finds wrong."""
    if not words:  # then the help is the answer, and no error that quotes it
        with program.make_context(carried.program_name(), [], resilient_parsing=True) as ctx:
            click.echo(ctx.get_help(), err=True)
        return UsageError.exit_code
    try:
        with program.make_context(carried.program_name(), list(words)) as ctx:  # `program.main` would end with 1 for a closed pipe
            outcome: Any = program.invoke(ctx)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        message, _, hint = _click_message(error).partition("\nhint: ")
        raise UsageError(message, hint) from None
    return outcome if isinstance(outcome, int) else 0


def _click_message(error: click.ClickException) -> str:
    """Sentence and hint of an error that click found."""
    if isinstance(error, click.NoSuchOption):
        close = error.possibilities or []
        hint = f"\nhint: did you mean {' or '.join(sorted(close))}?" if close else "\nhint: --help lists all options"
        return f"there is no option {error.option_name}{hint}"
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    if isinstance(error, click.MissingParameter) and error.ctx and (greedy := _greedy(error.ctx)):
        return f"{message}\nhint: {greedy} takes the word after it for its own: write {greedy} last"
    if isinstance(error, click.UsageError) and error.ctx and "hint:" not in message:
        return f"{message}\nhint: `{error.ctx.command_path} --help` explains it"
    return message


def _greedy(ctx: click.Context) -> str:
    """An option that may stand without a value, and was given one: the word that is missing, perhaps."""
    for option in ctx.command.params:
        may_stand_alone = isinstance(option, click.Option) and isinstance(option.flag_value, str) and not option.is_flag
        if may_stand_alone and ctx.params.get(option.name or "") not in (None, option.flag_value):  # type: ignore[attr-defined]
            return option.opts[-1]
    return ""
