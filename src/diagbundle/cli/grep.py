"""`diagbundle grep`: lines out of bundles, without unpacking them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from diagbundle.bundle.escape import shown
from diagbundle.cli.answer import answer_option
from diagbundle.cli.talk import say
from diagbundle.errors import BundleError, UsageError

if TYPE_CHECKING:
    from diagbundle.bundle.pattern import Find
    from diagbundle.bundle.search import Ask

FOUND, NOTHING, DAMAGED = 0, 1, 4
SUFFIX = ".tar.zst"
LESS = {"names": "-l", "others": "-L", "count": "-c"}
"""What is shown in place of lines."""


@click.command
@click.argument("words", metavar="PATTERN BUNDLE [PATH]...", nargs=-1, type=click.UNPROCESSED)
@click.option("-e", "--regexp", "patterns", multiple=True, metavar="PATTERN", help="A pattern; may be given several times.")
@click.option("-i", "--ignore-case", "fold", is_flag=True, help="Take capital and small letters for the same.")
@click.option("-F", "--fixed-strings", "fixed", is_flag=True, help="PATTERN is a text, not an expression.")
@click.option("-E", "--extended-regexp", "_extended", is_flag=True, help="PATTERN is an expression, as without this.")
@click.option("-w", "--word-regexp", "word", is_flag=True, help="Only whole words.")
@click.option("-x", "--line-regexp", "line", is_flag=True, help="Only whole lines.")
@click.option("-v", "--invert-match", "invert", is_flag=True, help="Show the lines that do not match.")
@click.option("-c", "--count", "count", is_flag=True, help="Show how many lines match in each file.")
@click.option("-l", "--files-with-matches", "names", is_flag=True, help="Show only the names of files in which lines match.")
@click.option("-L", "--files-without-match", "others", is_flag=True, help="Show only the names of files in which none does.")
@click.option("-q", "--quiet", is_flag=True, help="Show nothing: the exit status says whether a line matches.")
@click.option("-m", "--max-count", "most", type=click.IntRange(0), metavar="N", help="At most so many lines of each file.")
@click.option("-A", "--after-context", "after", type=click.IntRange(0), metavar="N", help="Show so many lines behind each one, too.")
@click.option("-B", "--before-context", "before", type=click.IntRange(0), metavar="N", help="Show so many lines before each one, too.")
@click.option("-C", "--context", "around", type=click.IntRange(0), metavar="N", help="Both.")
@click.option("-o", "--only-matching", "only", is_flag=True, help="Show only what matches of each line.")
@click.option("-n/-N", "--line-number/--no-line-number", "numbered", default=True, help="Show the numbers of lines, as is usual, or not.")
@click.option("-H/", "--with-filename/--no-filename", "named", default=True, help="Show the names of files, as is usual, or not.")
@click.option("-a", "--text", "text", is_flag=True, help="Show lines of binary files, too.")
@click.option("--as-is", is_flag=True, help="Do not look into compressed files (.gz, .xz, .bz2, .zst).")
@answer_option("For people, or one object of JSON for each line.")
@click.pass_context
def command(ctx: click.Context, /, words: tuple[str, ...], patterns: tuple[str, ...], **flags: Any) -> None:
    """Show the lines in BUNDLE that match PATTERN, as path:line:text, without unpacking it.

    PATH selects: a folder (var/log), a name, or a name with * and ? in it ('*.conf', quoted). Further words
    that end in .tar.zst and are files here are bundles, too: `diagbundle grep 'I/O error' *.tar.zst`.
    BUNDLE may also be a folder that one was unpacked into, or a report of sos.

    PATTERN is an expression of Python: \\d, \\w, (a|b), x{2,3}. Letters of all scripts stand for themselves, in brackets and with -i, too;
    but . is one byte, and \\w, -w and the limits of words know letters of ASCII only.
    Compressed logs are searched as what they hold. `diagbundle cat BUNDLE PATH:LINE` shows a line among its neighbours.

    \b
    Exit status, as grep's: 0 lines were found; 1 none; 2 wrong usage;
    4 something is damaged and was not searched, which is said.

    Each frame is checked when it is read; `diagbundle verify` checks all.
    """
    from diagbundle.bundle.gather import Gathering
    from diagbundle.cli.found_lines import Printer

    given = list(words)
    if not patterns:
        patterns = tuple(given[:1])
        given = given[1:]
    if not patterns or not given:
        raise UsageError("a pattern and a bundle must be named", "diagbundle grep 'I/O error' BUNDLE.tar.zst var/log")
    if flags["form"] == "json" and (less := next((name for name in LESS if flags[name]), "")):
        raise UsageError(f"--format json tells of lines, and not less than that: {LESS[less]}", "leave one of the two out")
    bundles = [given[0], *(word for word in given[1:] if word.endswith(SUFFIX) and os.path.isfile(word))]
    paths = [word for word in given[1:] if word not in bundles[1:]]
    ask = _ask(patterns, flags)
    printer = Printer(ask.pattern, flags, several=len(bundles) > 1)
    found = damaged = False
    for bundle in bundles:
        try:
            names, events = _searched(bundle, paths, ask)
            for event in Gathering(ask, text=flags["text"] or flags["form"] == "json").events(events):
                found |= printer.tell(bundle, names, event)
                if found and flags["quiet"]:
                    ctx.exit(FOUND)
        except BundleError as error:
            damaged = True
            say(f"diagbundle: {shown(str(error))}")
            say(f"hint: {shown(error.hint)}") if error.hint else None
    ctx.exit(DAMAGED if damaged or printer.damaged else FOUND if found else NOTHING)


def _ask(patterns: Sequence[str], flags: dict[str, Any]) -> Ask:
    """What is looked for. Raises `UsageError` for what is no expression."""
    from diagbundle.bundle.pattern import Pattern, Wish
    from diagbundle.bundle.search import Ask

    chosen = {key: flags[key] for key in ("fixed", "fold", "word", "line", "invert")}
    pattern = Pattern(Wish(tuple(patterns), **chosen), finder)
    first = flags["names"] or flags["others"] or flags["quiet"]
    alone = first or flags["count"] or flags["only"]
    most = sys.maxsize if flags["most"] is None else flags["most"]
    return Ask(
        pattern,
        before=0 if alone else flags["before"] if flags["before"] is not None else flags["around"] or 0,
        after=0 if alone else flags["after"] if flags["after"] is not None else flags["around"] or 0,
        most=min(most, 1) if first else most,
        lines=not (flags["count"] or flags["names"] or flags["others"]),
        open_packed=not flags["as_is"],
    )


def finder(words: Sequence[bytes], fold: bool) -> Find:  # noqa: FBT001  # the signature is `Finder`'s
    """Several words are looked for by the scanner that finds secrets: neither room knows of the other."""
    from diagbundle.redact.scan import scanner
    from diagbundle.redact.span import Literal

    return scanner([Literal(word, fold=fold) for word in words]).anchors


def _searched(path: str, patterns: Sequence[str], ask: Ask) -> tuple[list[str], Iterator[Any]]:
    """The names of what is searched, and what is found in it. Raises `UsageError`, `BundleError`."""
    from diagbundle.bundle.reader import Bundle
    from diagbundle.bundle.search import Plan
    from diagbundle.bundle.unpack import matcher
    from diagbundle.cli.lying import is_other

    wanted = matcher(patterns)
    if is_other(path):
        return _foreign(path, patterns, ask)
    bundle = Bundle.open(path)
    plan = Plan(bundle, wanted, open_packed=ask.open_packed)
    names = [text.path for text in plan.texts]
    if patterns and not names:
        raise UsageError(f"nothing in the bundle matches: {' '.join(patterns)}", f"`diagbundle list {path}` shows all there is")
    return names, _answers(bundle, plan, ask)


def _answers(bundle: Any, plan: Any, ask: Ask) -> Iterator[Any]:
    """What the processes find, as many of them as there are processors."""
    from diagbundle.bundle.forked import in_turn
    from diagbundle.bundle.search import Found, keep_freed, search

    def ended(status: int) -> None:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        say(f"diagbundle: a process that searched has ended before its time ({how}); the search goes on without it")

    processes = min(len(os.sched_getaffinity(0)), len(plan.units))
    checked: set[int] = set()
    with bundle:
        keep_freed()
        for answer in in_turn(lambda unit: map(tuple, search(bundle, ask, unit)), plan.units, processes, ended):
            found = Found(*answer)
            if found.matched and found.text not in checked:
                checked.add(found.text)
                bundle.header(plan.texts[found.text].row)
            yield found


def _foreign(path: str, patterns: Sequence[str], ask: Ask) -> tuple[list[str], Iterator[Any]]:
    """The same of a folder, or of a report of sos: one file after the other."""
    from diagbundle.analyse.evidence.opened import open_evidence
    from diagbundle.bundle.opened import is_packed, opened
    from diagbundle.bundle.search import search_pieces
    from diagbundle.bundle.unpack import matcher

    evidence, wanted = open_evidence(path), matcher(patterns)
    entries = [entry for entry in evidence.entries if entry.there and wanted(entry.path)]
    if patterns and not entries:
        raise UsageError(f"nothing in it matches: {' '.join(patterns)}")

    def answers() -> Iterator[Any]:
        for number, entry in enumerate(entries):
            blocks = evidence.blocks(entry)
            packed = ask.open_packed and is_packed(entry.path)
            yield from search_pieces(ask, number, opened(blocks, entry.size) if packed else blocks)

    return [entry.path for entry in entries], answers()
