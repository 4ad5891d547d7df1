"""Write the man pages: one for the program, one for each command, from the same source as `--help`; and the guides: `make_man.py FOLDER`.

Options and texts are click's; settings are those of linux/diagbundle.toml; examples, files and neighbours stand in linux/pages.toml.
The guides (section 7) are docs/admin.md and its like.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from inspect import cleandoc
from typing import Any

import click

from diagbundle import config
from diagbundle.cli.group import COMMANDS, program

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guides
from roff import bold, escaped, example, prose, reference, short, title

HERE = os.path.dirname(os.path.abspath(__file__))
SETTINGS = os.path.join(HERE, "linux", "diagbundle.toml")
TEXTS = os.path.join(HERE, "linux", "pages.toml")
MARK = re.compile(r"^(?:\x08|\\b)\n", re.MULTILINE)
"""How click is told not to wrap a paragraph."""


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of every page."""
    with open(TEXTS, "rb") as file:
        texts = tomllib.load(file)
    top = click.Context(program, info_name="diagbundle", **program.context_settings)
    yield "diagbundle", _page("diagbundle", program, top, texts)
    for name in COMMANDS:
        command = program.get_command(top, name)
        if command:
            yield f"diagbundle-{name}", _page(name, command, click.Context(command, parent=top, info_name=name), texts)


def settings() -> list[tuple[str, str, str]]:
    """Key, default as TOML, and sentence of each setting, as they stand in the file that packages install."""
    with open(SETTINGS, encoding="utf-8") as file:
        paragraphs = file.read().split("\n\n")[1:]
    found = [re.fullmatch(r"((?:# .*\n)+)#(\w+) = (.*)\n?", paragraph) for paragraph in paragraphs]
    return [(one[2], one[3], " ".join(line.removeprefix("# ") for line in one[1].splitlines())) for one in found if one]


def _page(name: str, command: click.Command, ctx: click.Context, texts: dict[str, Any]) -> str:
    """One page: what click knows of the command, and what stands of it in pages.toml."""
    page = "diagbundle" if command is program else f"diagbundle-{name}"
    paragraphs = [part for part in MARK.sub("", cleandoc(command.help or "")).split("\n\n") if part.strip()]
    exits = [part for part in paragraphs if part.strip().startswith("Exit status:")]
    told, own = [part for part in paragraphs if part not in exits], texts.get(name, {})
    sentence = "Collect the evidence of a fault on a server into one file, and judge it" if command is program else COMMANDS[name]
    lines = [
        title(page, 1), ".ad l", ".SH NAME", f"{escaped(page)} \\- {prose(sentence[:1].lower() + sentence[1:])}",
        ".SH SYNOPSIS", *_synopsis(command, ctx),
        ".SH DESCRIPTION", *_joined([prose(" ".join(part.split()))] for part in told),
        *_commands(command), ".SH OPTIONS", *_options(command, ctx), *_configuration(command),
        *_entries("FILES", [texts["files"][key] for key in own.get("files", _all(command, texts["files"]))]),
        *_entries("ENVIRONMENT", [texts["variables"][key] for key in own.get("variables", _all(command, texts["variables"]))]),
        ".SH EXIT STATUS", *_exit_status(exits), *_examples(own.get("examples", ())), *_see_also(command, own),
    ]  # fmt: skip
    return "".join(f"{part}\n" for line in lines for part in short(line))


def _all(command: click.Command, texts: dict[str, Any]) -> Sequence[str]:
    """The page of the program names everything; that of a command only what it was given."""
    return list(texts) if command is program else ()


def _synopsis(command: click.Command, ctx: click.Context) -> Iterator[str]:
    yield bold(ctx.command_path)
    yield " ".join(["[\\fIOPTION\\fR]...", *map(_named, command.collect_usage_pieces(ctx)[1:])])


def _commands(command: click.Command) -> Iterator[str]:
    if command is program:
        yield ".SH COMMANDS"
        for name, sentence in COMMANDS.items():
            yield from (".TP", bold(name), f"{prose(sentence)}.", f"See {reference(f'diagbundle-{name}(1)')}.")


def _options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """As `--help` lists them: the records are click's own."""
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record:
            yield from (".TP", _named(record[0]), prose(record[1]))


def _configuration(command: click.Command) -> Iterator[str]:
    if command is program:
        yield from (".SH SETTINGS", f"They stand in {bold(config.FILE)}, in TOML. The default follows each name.")
        for key, default, sentence in settings():
            yield from (".TP", f"{bold(key)} = {escaped(default)}", prose(sentence))


def _entries(heading: str, entries: Sequence[Sequence[str]]) -> Iterator[str]:
    if entries:
        yield f".SH {heading}"
    for name, sentence in entries:
        yield from (".TP", bold(name), prose(sentence))


def _exit_status(told: Sequence[str]) -> Iterator[str]:
    """`Exit status: 0 done; 1 failed` as a list; a command that does not say its own has those of the program."""
    if not told:
        yield f"As {reference('diagbundle(1)')} lists them."
    for part in re.split(r"; (?=\d)", " ".join("".join(told).split()).partition(": ")[2].rstrip(".")) if told else ():
        status, _, meaning = part.partition(" ")
        yield from (".TP", bold(status), f"{prose(meaning or 'done')}.")


def _examples(examples: Sequence[Sequence[str]]) -> Iterator[str]:
    if examples:
        yield ".SH EXAMPLES"
        yield from _joined([prose(sentence), ".PP", *example(line)] for sentence, line in examples)


def _see_also(command: click.Command, own: dict[str, Any]) -> Iterator[str]:
    ours = [*(f"{name}(7)" for name in guides.GUIDES), *(f"diagbundle-{name}(1)" for name in COMMANDS)]
    names = ["diagbundle(1)"] if command is not program else ours
    yield from (".SH SEE ALSO", ",\n".join(map(reference, [*names, *own.get("see_also", ())])))


def _joined(paragraphs: Iterator[list[str]]) -> Iterator[str]:
    """Paragraphs with `.PP` between them, and none where a heading stands before."""
    for number, lines in enumerate(paragraphs):
        yield from ([".PP"] if number else []) + lines


def _named(usage: str) -> str:
    """Options bold, what stands for a value in italics."""
    pieces = re.split(r"(--?[a-z][\w-]*)|([A-Z][A-Z_]+)", usage)
    return "".join(
        escaped(piece) if number % 3 == 0 else bold(piece) if number % 3 == 1 else f"\\fI{escaped(piece)}\\fR"
        for number, piece in enumerate(pieces)
        if piece
    )


def main(folder: str) -> None:
    """Write each page as FOLDER/NAME.SECTION."""
    os.makedirs(folder, exist_ok=True)
    for section, made in ((1, pages()), (7, guides.pages())):
        for name, text in made:
            with open(os.path.join(folder, f"{name}.{section}"), "w", encoding="ascii") as file:
                file.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
