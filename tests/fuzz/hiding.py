"""Redaction: whatever comes, it comes out, in bounded time, and hiding secrets again changes nothing."""

import bz2
import gzip
import lzma
import sys
from functools import cache
from pathlib import Path

import zstandard

from diagbundle.errors import SourceError
from diagbundle.redact import rules
from diagbundle.redact.identifiers import pseudonym
from diagbundle.redact.redactor import Redactor

sys.path.insert(0, str(Path(__file__).parent.parent / "redact"))  # as pytest does for the tests there
import made  # templates of the cases

NAMES = ("", "/etc/ppp/chap-secrets", "/root/.pgpass", "/proc/7/environ", "/proc/net/tcp", "wg show all dump", "/var/log/audit/audit.log")

LONGEST = 8 << 10
"""Bytes of a text: no pattern looks further than 16 KiB, and what was hidden brings together what was further apart."""


@cache
def redactor(*, names):
    """The same for all inputs: what one leaves behind is the next one's business."""
    return Redactor(
        key=bytes(32), pseudonyms=pseudonym.Pseudonyms(bytes(32), {"host": [b"kestrel"], "user": [b"mwozniak"]}) if names else None
    )


def seeds():
    """Texts with secrets, of every tenth case."""
    names = [path.stem for path in sorted(Path(made.CASES).glob("[!i]*.toml"))]  # those of identifiers are written otherwise
    return [case.values[0].made()[0] for name in names for case in made.cases(name)[::10]]


def packed():
    """The same texts, packed in every way."""
    ways = (gzip.compress, lzma.compress, bz2.compress, zstandard.compress, lambda text: text.decode("utf-8", "replace").encode("utf-16"))
    return [ways[number % len(ways)](text) for number, text in enumerate(seeds())]


def files_of_patterns():
    """Our own."""
    return [path.read_bytes() for path in sorted(Path(rules.__file__).parent.glob("patterns/*.toml"))]


def text(data):
    """Any bytes, as any file."""
    name = NAMES[len(data) % len(NAMES)]
    once = redactor(names=False).whole(data := data[:LONGEST], name)
    assert redactor(names=False).whole(once, name) == once, "redacting again changes something"


def replaced(data):
    """With stand-ins for addresses and names; those of addresses are addresses, which a second time would give others."""
    assert redactor(names=True).whole(data).count(b"\n") == data.count(b"\n"), "the number of lines changes"


def opened(data):
    """As a file: packed, wide, or no text at all."""
    try:
        b"".join(redactor(names=False).file("/var/log/any.gz")((data,)))
    except SourceError:
        return


def patterns(data):
    """A customer's file of patterns."""
    rules.load(data.decode("utf-8", "replace"), "/etc/diagbundle/redact.d/any.toml")
