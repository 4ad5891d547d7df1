"""`diagbundle ticket`: what a bundle says, to be pasted into a ticket."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from diagbundle.cli.analysis import A_TICKET, claimed, diagnosed, kinds, read_text
from diagbundle.cli.answer import answer_option

if TYPE_CHECKING:
    from diagbundle.analyse.evidence.entry import Evidence
    from diagbundle.analyse.missing.kinds import Kind, Kinds
    from diagbundle.report.ticket import File, Ticket

PARTIAL = 3


@click.command
@click.argument("bundle", type=click.Path())
@answer_option("Markdown, one page, or for programs.", ("md", "html", "json"))
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write it to a new file. Default: `-`, standard output.")
@click.option("--about", multiple=True, metavar="KIND", help="What kind of problem it is (network, disk, …). Without it: found out.")
@click.option("--all", "everything", is_flag=True, help="Everything, however long it gets.")
@click.option("--signer", default="", metavar="SIGNER", help="Whose signature the bundle must bear, as `verify` takes it.")
@click.option("--revoked", default="", metavar="FILE", type=click.Path(), help="Keys that do not count any more, as `verify` takes them.")
@claimed
def command(bundle: str, form: str, output: str | None, about: tuple[str, ...], *, everything: bool, **flags: Any) -> int:
    """Write what support needs to know of BUNDLE as Markdown for a ticket, of about 120 lines at most.

    Which host and which file it is; what is wrong, with the lines that show it; what changed lately; which claims hold; how much is there
    of what a problem of this kind needs, and the one command that fetches the rest; what could not be judged. What comes from the bundle
    cannot become a link, a mention or markup. Every byte of the bundle is checked first.

    \b
    Exit status: 0 whole; 3 undamaged, but not everything could be collected
    on the server; 4 damaged, or not a bundle: nothing is written.
    """
    from diagbundle.cli.damage import ended
    from diagbundle.newfile import refuse_taken, write_new

    output = None if output == "-" else output
    if output:
        refuse_taken(output)  # before the work
    known = kinds(flags["rules"])
    told = [_kind(known, name) for name in about]
    file, evidence = _opened(bundle, flags["signer"], flags["revoked"])
    ticket = _ticket(file, evidence, told, known, flags)
    text = _text(ticket, form, everything=everything)
    if output:
        write_new(output, text.encode())
    else:
        click.echo(text, nl=False)
    return ended(0 if evidence.head.complete else PARTIAL, evidence)


def _kind(known: Kinds, name: str) -> Kind:
    """The kind of this name. Raises `UsageError`."""
    import difflib

    from diagbundle.errors import UsageError

    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean '{close[0]}'? There are" if close else "there are"
    raise UsageError(f"there is no kind of problem called {name!r}", f"{hint}: {', '.join(known)}")


def _opened(path: str, signer: str, revoked: str) -> tuple[File, Evidence]:
    """What lies at a path, and what is known of it as a file. A bundle is checked whole. Raises as `open_evidence` and `signed` do."""
    from diagbundle.analyse.evidence.bundle import BundleEvidence
    from diagbundle.analyse.evidence.opened import open_evidence
    from diagbundle.bundle import hashing
    from diagbundle.bundle.escape import shown
    from diagbundle.bundle.reader import Bundle
    from diagbundle.cli.lying import is_other
    from diagbundle.cli.signed import refuse_revoked_alone, signed
    from diagbundle.cli.verify import sha256_of, sidecar, watched
    from diagbundle.errors import UsageError
    from diagbundle.report.ticket import File

    refuse_revoked_alone(signer, revoked)
    other = is_other(path)
    if signer and other:
        raise UsageError(f"only a bundle can bear a signature: {path}")
    if os.path.isdir(path) or not os.path.lexists(path):
        evidence = open_evidence(path)
        return File(evidence.name, checked="a folder: whether it was changed is not known"), evidence
    if other:
        evidence = open_evidence(path)
        with open(path, "rb") as archive:
            return File(evidence.name, os.path.getsize(path), hashing.of_file(archive.fileno()), "it holds no checksums"), evidence
    bundle = Bundle.open(path)
    report = bundle.survey(watched(f"checking {bundle.name}"))
    if report.broken:
        raise bundle.broken(report)
    beside = sidecar(bundle)
    checked = "every checksum in it is right" + (f", and {shown(beside)} beside it agrees" if beside else "")
    who = signed(path, beside, signer, revoked)
    return File(bundle.name, bundle.frames.file_size, sha256_of(bundle), checked, str(who) if who else ""), BundleEvidence(bundle)


def _ticket(file: File, evidence: Evidence, told: list[Kind], known: Kinds, flags: dict[str, Any]) -> Ticket:
    from diagbundle.analyse.missing.kinds import chosen
    from diagbundle.analyse.missing.needs import held
    from diagbundle.report.ticket import Ticket

    said = "\n".join([*(read_text(path, A_TICKET) for path in flags["ticket"]), *flags["claim"]])
    diagnosis = diagnosed(evidence, flags)
    which = told or chosen(known, diagnosis.analysis.verdicts, said)
    return Ticket(file, evidence.head, diagnosis, held(which, diagnosis.analysis, evidence))


def _text(ticket: Ticket, form: str, *, everything: bool) -> str:
    """The ticket as it is written: it ends with a newline, and is UTF-8 whatever it holds."""
    from diagbundle.report import ticket as tickets

    if form == "json":
        from diagbundle.report.json import written

        return written(tickets.as_json(ticket)) + "\n"
    told = tickets.blocks(ticket, everything=everything)
    if form == "html":
        from diagbundle.report.blocks import pieces
        from diagbundle.report.page import render

        return render("ticket.html", blocks=told, pieces=pieces)
    from diagbundle.report.markdown import markdown

    return markdown(told)
