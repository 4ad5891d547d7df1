"""`diagbundle collect`: the one command of the admin."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import click

from diagbundle import __version__, carried, config
from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import ENCRYPTED_SUFFIX, PARTIAL_SUFFIX, SUFFIX
from diagbundle.bundle.pack import Member
from diagbundle.cli import encryption, options
from diagbundle.cli.answer import answer_option
from diagbundle.cli.collection import RATIONED_TIME, Collection, Output
from diagbundle.cli.redaction import Redaction, to_look_at, told
from diagbundle.cli.screen import Screen, is_terminal
from diagbundle.cli.sealing import Delivery, Sealing, pass_on, sealing_options
from diagbundle.cli.talk import WIDTH, give_up_output, say, vendor_says
from diagbundle.collect.budget import room
from diagbundle.collect.engine import Result
from diagbundle.collect.identity import ask_or_do
from diagbundle.collect.output import ANSWER_WITHIN, FileOutput, PipeOutput, bundle_name, choose_folder, free_place, not_taken
from diagbundle.collect.plan import plan
from diagbundle.collect.registry import is_ours
from diagbundle.collect.supervise import NOT_ASKED
from diagbundle.errors import UsageError
from diagbundle.host import Host
from diagbundle.model import Collector
from diagbundle.numbers import amount, counted

LOST = "could not be had, or not whole"
LOSSES_SHOWN = 12
LONGEST = 240
"""Characters of a loss's name, and of its reason, that are shown."""
FOLDERS = (".", "/root", "/var/tmp", "/tmp")  # noqa: S108  # the file is created exclusively, mode 0600
EXIT_PARTIAL = 3


@click.command
@options.choice_options
@options.redaction_options
@options.encryption_option
@sealing_options
@click.option(
    "-o", "--output", metavar="PLACE", help="File or folder for the bundle; `-` writes it to standard output. Default: the current folder."
)
@click.option("--case", metavar="NUMBER", help="Case number; becomes part of the file's name.")
@click.option("--timeout", metavar="TIME", help="Time for the whole run; what there is then is sealed. Default: 30m.")
@click.option("--max-size", metavar="SIZE", help="Size that the bundle may have at most: 500M, 2G. Default: no limit.")
@click.option("--yes", "-y", is_flag=True, help="Begin without asking.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@answer_option("Print the bundle's path, or the outcome for programs.")
def command(*, yes: bool, quiet: bool, form: str, **flags: Any) -> int:
    """Collect what an engineer needs to find a fault on this server, into one file.

    It reads, and changes nothing. Private keys and password databases are never read. Nothing is sent anywhere: the file
    stays here until you pass it on. What could not be had is listed at the end, and in the file.

    The path of the file goes to standard output, everything else to standard error. As another user than root it collects
    what it may, and says what it could not.

    \b
    Exit status: 0 done, and whole; 1 nothing usable was written; 3 sealed, but
    partial: something failed, did not answer in time, or was cut short, or it
    could not be signed or cut into parts.
    """
    screen = Screen(quiet=quiet)
    collection = Collection(flags, screen)
    settings, redaction = collection.settings, collection.redaction
    to = encryption.recipients(settings.encrypt_to)
    place = _place(settings, collection.who | {"name": redaction.host_name(collection.who["name"])}, SUFFIX + ENCRYPTED_SUFFIX * bool(to))
    sealing = Sealing(settings.sign, settings.max_part, place)
    redaction.keep(place)
    if collection.rationed:
        screen.say(
            f"This host gives us {collection.share:.0%} of a processor: the run ends after {RATIONED_TIME}. `--timeout 30m` waits longer.\n"
        )
    if not quiet:  # it looks at the logs first, to tell their size
        _statement(
            screen, settings, collection.collectors, collection.host, place, redaction, [*encryption.statement(to), *sealing.statement()]
        )
    if not yes and not quiet and is_terminal(0) and is_terminal(2) and not _agreed():
        say("Nothing was collected.")
        return 1
    return collection.run(place, lambda: _output(place, to), partial(_conclude, collection, sealing, form, to))


def _output(place: str, to: list[str]) -> Output:
    below = PipeOutput(os.dup(1)) if place == "-" else FileOutput(place)
    if not to:
        return below
    from diagbundle.collect.encrypted import EncryptedOutput

    return EncryptedOutput(below, to)


def _conclude(collection: Collection, sealing: Sealing, form: str, to: list[str], result: Result) -> int:
    """It is sealed: signed and cut where that was asked, and told. Returns the exit code."""
    delivery = sealing.deliver(result.sealed.path, collection.alive)
    _summary(collection.screen, result, to, delivery)
    _tell(result, to, delivery, form)
    return 0 if result.complete and not delivery.faults else EXIT_PARTIAL


def _place(settings: config.Config, who: dict[str, Any], suffix: str) -> str:
    """The file to write, or `-`: decided and tried before anything is collected."""
    place = settings.output
    if place == "-":
        if is_terminal(1):
            raise UsageError("a bundle is not written to a terminal: --output -", "send it somewhere: diagbundle collect -o - > FILE")
        return place
    is_folder = ask_or_do(lambda: os.path.isdir(place), ANSWER_WITHIN) is not False
    if place and not is_folder and not place.endswith("/"):
        if not place.endswith(suffix) or place.endswith(PARTIAL_SUFFIX + suffix.removeprefix(SUFFIX)):
            missing = "" if os.path.isdir(os.path.dirname(os.path.abspath(place))) else "the folder does not exist, and "
            raise UsageError(
                f"{missing}the name of {'an encrypted' if suffix != SUFFIX else 'a'} bundle ends in {suffix}: {place}",
                f"name an existing folder, or a file like {_stem(place)}{suffix}",
            )
        choose_folder((os.path.dirname(place) or ".",), FOLDERS[1:])
        return not_taken(os.path.abspath(place))
    folder = os.path.abspath(choose_folder((place,) if place else FOLDERS, FOLDERS[1:]))
    return free_place(folder, bundle_name(who["name"], settings.case, time.time()), suffix)


def _stem(place: str) -> str:
    """A name without what it says of an archive's kind."""
    return re.sub(r"(\.(tar|tgz|txz|zip|gz|xz|bz2|zst|age|partial))+$", "", place)


def _from_here(path: str) -> str:
    """How a file is named from the current folder."""
    name = os.path.basename(path)
    return shown(name if os.path.exists(name) and os.path.samefile(name, path) else path)


def _do(count: int) -> str:
    return "does" if count == 1 else "do"


def _statement(  # noqa: PLR0913, PLR0917  # all that is to be said
    screen: Screen, settings: config.Config, collectors: list[Collector], host: Host, place: str, redaction: Redaction, sealing: list[str]
) -> None:
    """What will be read, what never, where it goes: before anything is collected."""
    names = {collector.name for collector in collectors}
    logs = ask_or_do(lambda: _log_size(host), 2.0) if "logs" in names else None
    about = f" (about {amount(logs)})" if logs else ""
    reads = f"system state, configuration, all logs{about}, container logs" if not settings.only else ", ".join(sorted(names))
    free = f"({amount(room(os.path.dirname(place))[0])} free)" if place != "-" else "standard output"
    probes = _probes(settings, collectors, host)
    kit = carried.product()
    called = f"{kit.name} {kit.version} for {kit.title}" if kit else f"diagbundle {__version__}"
    lines = [
        *_beside("", f"{called} collects what an engineer needs to find a fault on this server, into one file."), "",
        *_beside("  reads    ", reads), "           `diagbundle plan` shows every item",
        f"  probes   {probes or 'nothing over the network'}", *["           `--without reachability` leaves them out"] * bool(probes),
        "  never    private keys, password databases, credentials, memory of processes",
        *[part for word, line in redaction.statement() for part in _beside(f"  {word:<8} ", line)],
        *sealing,
        *_beside("  writes   ", f"{shown(place)} {free}" if place != "-" else free),
        f"  sends    nothing. {'The file stays here until you pass it on.' if place != '-' else 'Who reads standard output gets it.'}", "",
        *([*vendor_says(kit.title, kit.before), ""] if kit and kit.before else ()),
    ]  # fmt: skip
    _lines(screen, lines)
    if os.geteuid() != 0:
        screen.say("You are not root: what only root may read will be missing, and named at the end.\n")


def _beside(word: str, text: str, indent: str = "") -> list[str]:
    """A word and what belongs to it, in lines that fit on a terminal."""
    indent = indent or " " * len(word)
    return textwrap.wrap(text, WIDTH, initial_indent=word, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _probes(settings: config.Config, collectors: list[Collector], host: Host) -> str:
    """What will be asked over the network, or ''."""
    if "reachability" in settings.without:
        return ""
    asking = [collector for collector in collectors if collector.waits or not is_ours(collector)]
    items = [item for one in plan(asking, host, probes=True, seconds=2.0) for item in one.items]
    count = sum(1 for item in items if item["kind"] == "probe" and "not_asked" not in item)
    return f"{count} small requests, to addresses that this server's configuration names" if count else ""


def _log_size(host: Host) -> int:
    """Bytes below /var/log that are really on disk."""
    return sum(host.stat(path).st_blocks * 512 for path in host.walk("/var/log"))


def _agreed() -> bool:
    """Ask; Enter is yes."""
    sys.stderr.write("Begin? [Y/n] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return bool(answer) and answer.strip().lower() in ("", "y", "yes")


def _summary(screen: Screen, result: Result, to: list[str], delivery: Delivery) -> None:
    """What came out, what is missing and why."""
    sealed = result.sealed
    where = delivery.name if sealed.path != "-" else "written to standard output"
    word = "Done" if result.complete else "Ended, partial,"
    screen.say("")
    screen.say(f"{word} in {result.seconds:.0f} s: {where}  {amount(sealed.size)}")
    screen.say(f"  sha256 {sealed.sha256}" + (f"  (not written beside it: {sealed.fault})" if sealed.fault else ""))
    _lines(screen, [*encryption.summary(to), *delivery.lines])
    counts = result.outcomes
    collected, absent, skipped = (counts.get(outcome, 0) for outcome in ("collected", "absent", "skipped"))
    screen.say(f"  {counted(collected, 'item')} collected; {absent:,} {_do(absent)} not exist here; {skipped:,} left out on purpose")
    if result.hidden:
        _lines(screen, _beside("  ", told(result.hidden), "    "))
    if not result.complete and LOST not in result.reason:  # then they are named below
        _lines(screen, _beside("  ", f"not whole: {shown(result.reason)}", "    "))
    if result.unread:
        screen.say(f"  at least {amount(result.unread)} of files were not read for want of room")
        screen.say("  hint: name a place with more room with --output, or ask for less: --since 2d, --without NAME")
    ended = f"{NOT_ASKED}{result.reason}"
    for what, sample in (("not asked any more", False), ("counters read only once", True)):
        if names := [shown(row["source"]) for row in result.losses if row.get("reason") == ended and ("sample" in row) is sample]:
            _lines(screen, _beside("  ", f"{what}: {', '.join(names)}", "    "))
    losses = [row for row in result.losses if row["outcome"] != "denied" and row.get("reason") != ended]
    denied = [row for row in result.losses if row["outcome"] == "denied"]
    file = _from_here(sealed.path) if sealed.path != "-" else "FILE"
    _losses(screen, losses, LOST, file)
    _losses(screen, denied, "was denied" if len(denied) == 1 else "were denied", file)
    _losses(screen, result.unwanted, "named with --include and left out", file)
    for pid, name, gone in result.swept:
        screen.say(
            f"  a command had left a process running, {'which was ended' if gone else 'which cannot be ended'}: {shown(name)} ({pid})"
        )
    if result.left_behind:
        readers = "1 reader is" if len(result.left_behind) == 1 else f"{len(result.left_behind)} readers are"
        screen.say(f"  {readers} stuck in the kernel and left behind: {', '.join(map(str, result.left_behind))}")
    _lines(screen, to_look_at(result.suspects, LOSSES_SHOWN))
    if sealed.path != "-" and not to and len(delivery.paths) == 1:
        screen.say("Before it leaves, see what is in it, to be approved:")
        screen.say(f"  `diagbundle review {_from_here(sealed.path)}`")
    if sealed.path != "-" and (to or delivery.signer or len(delivery.paths) > 1):
        _lines(screen, pass_on(delivery.paths, delivery.beside(sealed.path, is_summed=not sealed.fault)))
    if (kit := carried.product()) and kit.after:
        _lines(screen, ["", *vendor_says(kit.title, kit.after)])


def _lines(screen: Screen, lines: Iterable[str]) -> None:
    for line in lines:
        screen.say(line)


def _losses(screen: Screen, rows: list[Member], what: str, file: str) -> None:
    if not rows:
        return
    screen.say(f"  {len(rows):,} {what}:")
    for row in rows[:LOSSES_SHOWN]:
        source = shown(row["source"] if isinstance(row["source"], str) else " ".join(row["source"]))
        source = f"{row['collector']}: {source}" if row["kind"] == "table" else source
        source, reason = (text if len(text) <= LONGEST else f"{text[:LONGEST]} …" for text in (source, shown(row.get("reason", ""))))
        line = f"    {source:<28}  {reason}"
        _lines(screen, [line] if len(line) <= WIDTH else [f"    {source}", *_beside("      ", reason)])
    if len(rows) > LOSSES_SHOWN:
        screen.say(f"    and {len(rows) - LOSSES_SHOWN:,} more: `diagbundle list --missing {file}`")


def _tell(result: Result, to: list[str], delivery: Delivery, form: str) -> None:
    """Data to standard output: the path alone, or those of the parts, or the outcome as JSON."""
    sealed = result.sealed
    if form == "json":
        outcome = {
            "path": sealed.path, "size": sealed.size, "sha256": sealed.sha256, "complete": result.complete, "reason": result.reason or None,
            "outcomes": result.outcomes, "redacted": dict(result.hidden), "suspects": result.suspects,
            "seconds": round(result.seconds, 3), "losses": result.losses, "encrypted_to": to,
            "parts": delivery.paths if len(delivery.paths) > 1 else [], "signer": delivery.signer or None, "not_done": delivery.faults,
        }  # fmt: skip
        _print(json.dumps(outcome, indent=1), to_stderr=sealed.path == "-")
    elif sealed.path != "-":
        _print("\n".join(delivery.paths))


def _print(text: str, *, to_stderr: bool = False) -> None:
    """To whoever listens. The bundle is sealed: that nobody does is worth a word, and not another exit."""
    try:
        click.echo(text, err=to_stderr)
        sys.stdout.flush()
    except OSError as error:
        say(f"diagbundle: standard output takes nothing: {error.strerror}")
        give_up_output()
