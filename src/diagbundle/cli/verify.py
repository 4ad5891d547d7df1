"""`diagbundle verify`: whether a bundle is whole."""

from __future__ import annotations

import os
import re
import sys
import time
from functools import cache
from typing import TYPE_CHECKING

import click

from diagbundle.cli.answer import answer_option
from diagbundle.cli.talk import named
from diagbundle.numbers import counted

if TYPE_CHECKING:
    from diagbundle.bundle.reader import Bundle, Progress, Report
    from diagbundle.cli.signed import Signed

PARTIAL, DAMAGED = 3, 4
PAUSE = 0.2
"""Seconds between two drawings."""


@click.command
@click.argument("bundle", type=click.Path())
@answer_option("For people, or one object for programs.")
@click.option("--signer", default="", metavar="SIGNER", help="Whose signature it must bear: a public key, or a file that names keys.")
@click.option(
    "--revoked", default="", metavar="FILE", type=click.Path(), help="Keys that do not count any more, as `ssh-keygen -r` has them."
)
@click.pass_context
def command(ctx: click.Context, bundle: str, *, signer: str, revoked: str, form: str) -> None:
    """Check that the file BUNDLE is whole: every byte is read and compared with its checksum, nothing is unpacked.

    If NAME.sha256 lies beside it, that is compared too. This shows that the file is as it was written; it does not show by whom.
    NAME.sha256.sig, if it is there, does: with --signer it must be by one of the keys in SIGNER, which is a public key, a file
    of such, known_hosts, or a file of allowed signers as ssh-keygen wants it. Get that by another way than the bundle.
    Of an encrypted bundle checksum and signature are checked, and nothing else.

    \b
    Exit status: 0 whole; 3 undamaged, but not everything could be collected
    on the server; 4 damaged, not a bundle, or not signed by SIGNER.
    """
    from diagbundle.bundle.manifest import struck_out
    from diagbundle.bundle.reader import Bundle
    from diagbundle.cli import signed
    from diagbundle.errors import BundleError

    signed.refuse_revoked_alone(signer, revoked)
    as_json = form == "json"
    try:
        if signed.encrypted(bundle):
            beside = signed.sealed(bundle)
            _encrypted(bundle, beside, signed.signed(bundle, beside, signer, revoked), as_json=as_json)
            return
        with Bundle.open(bundle) as opened:
            report = opened.survey(watched(f"checking {opened.name}"))
            if report.broken and not as_json:
                raise opened.broken(report)
            beside = "" if report.broken else sidecar(opened)
        signature = None if report.broken else signed.signed(bundle, beside, signer, revoked)
    except BundleError as error:
        if not as_json:
            raise
        _print_json({"file": bundle, "status": "damaged", "error": str(error), "hint": error.hint, "damaged": []})
        ctx.exit(DAMAGED)
    if as_json:
        _print_json(_object(bundle, report, beside, signature) | {"struck_out": struck_out(opened.head)})
    else:
        _print(opened.name, report, beside, signature)
        if struck := struck_out(opened.head):
            click.echo(f"  {counted(struck, 'file')} struck out of it before it left: `diagbundle list --missing` names them")
    ctx.exit(DAMAGED if report.broken else 0 if report.complete else PARTIAL)


def watched(what: str) -> Progress:
    """Tells on a terminal, a few times a second, how far it is; says nothing elsewhere."""
    from diagbundle.bundle.reader import no_progress

    if not sys.stderr.isatty():
        return no_progress
    drawn = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal drawn
        if time.monotonic() - drawn > PAUSE:
            drawn = time.monotonic()
            sys.stderr.write(f"\r{what[:60]}: {100 * done // max(1, total)} % \r")
            sys.stderr.flush()

    return progress


def _encrypted(bundle: str, sidecar: str, signature: Signed | None, *, as_json: bool) -> None:
    """What can be said without the key."""
    from diagbundle.bundle.escape import shown

    if as_json:
        about = signature.as_object() if signature else None
        return _print_json({"file": bundle, "status": "encrypted", "sidecar": sidecar, "signature": about})
    click.echo(f"{shown(os.path.basename(bundle))} is as it was sealed: it has the checksum in {shown(sidecar)}")
    if signature:
        click.echo(f"  {named(str(signature))}")
    return click.echo(named("  it is encrypted, so what is in it was not looked at: `diagbundle open FILE -i KEYFILE`"))


def _print(name: str, report: Report, sidecar: str, signature: Signed | None) -> None:
    from diagbundle.bundle.escape import shown

    click.echo(f"{name} is whole: {counted(report.members, 'file')}, {counted(report.bytes, 'byte')} unpacked; every checksum is right")
    if sidecar:
        click.echo(f"  {shown(sidecar)} beside it agrees")
    if signature:
        click.echo(f"  {named(str(signature))}")
    if not report.complete:
        click.echo(f"  not everything could be collected on the server: {shown(report.reason)}")
        click.echo("  `diagbundle list --missing` shows what was not had, and why")


def _object(bundle: str, report: Report, sidecar: str, signature: Signed | None) -> dict[str, object]:
    return {
        "file": bundle,
        "status": "damaged" if report.broken else "whole" if report.complete else "partial",
        "reason": report.reason or None,
        "members": report.members,
        "bytes": report.bytes,
        "frames": report.frames,
        "outcomes": dict(report.outcomes),
        "sidecar": sidecar or None,
        "signature": signature.as_object() if signature else None,
        "broken": report.broken,
        "damaged": [damage._asdict() for damage in report.damages],
    }


def _print_json(answer: dict[str, object]) -> None:
    import json

    click.echo(json.dumps(answer))


def sidecar(bundle: Bundle) -> str:
    """Name of the checksum file that lies beside the bundle and agrees with it, '' where there is none. Raises where it does not."""
    from diagbundle.bundle.escape import shown
    from diagbundle.bundle.format import PARTIAL_SUFFIX, SIDECAR, SUFFIX
    from diagbundle.errors import IntegrityError

    stems = [bundle.path, *(bundle.path.removesuffix(suffix) for suffix in (SUFFIX, PARTIAL_SUFFIX) if bundle.path.endswith(suffix))]
    for path in (f"{stem}{SIDECAR}" for stem in stems):
        line = _first_bytes(path)
        if not line:  # there is none, or whoever wrote it was killed before anything was in it
            continue
        match = re.match(rb"\\?([0-9a-f]{64}) [ *]", line)
        if not match or match[1].decode() != sha256_of(bundle):
            raise IntegrityError(
                f"{bundle.name} is damaged: it does not match the checksum in {shown(os.path.basename(path))}",
                "it agrees with itself, so it may be another bundle than the one that this checksum was written for",
            )
        return os.path.basename(path)
    return ""


def _first_bytes(path: str) -> bytes | None:
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            return file.read(4096)
    except OSError:
        return None


@cache
def sha256_of(bundle: Bundle) -> str:
    """Of the file as it is; it is read once."""
    from diagbundle.bundle import hashing

    sha, at = hashing.sha256(), 0
    while at < bundle.frames.file_size:
        piece = bundle.frames.pread(min(1 << 20, bundle.frames.file_size - at), at)
        sha.update(piece)
        at += len(piece)
    return sha.hexdigest()
