"""What is no text and so cannot be redacted: told by what it begins with, what it is called, and what it is made of."""

from __future__ import annotations

import codecs
import re

from diagbundle.redact.lazy import regex

HEAD = 8 << 10
"""Bytes of a beginning from which it is told what a thing is."""
ODD = bytes((*range(1, 7), *range(0x10, 0x1B), *range(0x1C, 0x20), 0x7F))
"""Bytes that texts have not: no blank, no line's end, no escape sequence; NUL is judged by itself. Of random bytes a twelfth."""
SHARE = 32
"""One such byte in so many, besides the most frequent one (a text may have its own separator), and it is no text."""
FEWEST = 8
"""So many such bytes a line must have: one with a few stray ones is a text."""
FEW = 2
"""Those of a short file."""
LEAST_LINE = 4
"""Bytes of a line that can be one without doubt: shorter ones stand in what is no text by chance."""
TAR = 512
SHORT = 256
"""Below this, one odd byte among many that are no UTF-8 is enough: a key of 32 random bytes has no more."""
_ALL = bytes(range(256))
_NOT_ODD = bytes(sorted(set(_ALL) - set(ODD)))
_HIGH = bytes(range(0x80, 0x100))
_NULS = regex(rb"\0+")
_OCTAL = regex(rb"[0-7]{1,7}")
_WIDE = regex(rb"(?:[\t\r\n -~]\0){8}|(?:\0[\t\r\n -~]){8}")
"""Letters of two bytes each: patterns do not see a word in them."""
SUSPECT = regex(rb"[\0-\3]")
"""One of them is in what is no text: nothing else is tested where there is none."""

MAGICS: tuple[tuple[str, str], ...] = (
    ("a journal file", r"LPKSHHRH"),
    ("a program or core file", r"\x7fELF|MZ.{0,200}PE\0\0|\xca\xfe\xba\xbe|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe"),
    ("a memory dump", r"KDUMP   |makedumpfile\0|MDMP|JAVA PROFILE 1\.0|FLR\0|PERFILE2|\x17\x08Dtracing"),
    ("an SQLite database", r"SQLite format 3\0"),
    ("a database", r"TDB file\n|\xce\x9a\x57\x13|\x13\x57\x9a\xce|.{16}\xde\xc0\xef\xbe|\xfe\xfe[\x03\x05-\x0b]|\xfebin|PGDMP|Obj\x01"),
    ("a database", r".{12}(?:\0[\x04-\x06][\x09\x15\x22\x31][\x53\x61\x62\x88]|[\x53\x61\x62\x88][\x09\x15\x22\x31][\x04-\x06]\0)"),
    ("a Java keystore", r"\xfe\xed\xfe\xed\0\0\0|\xce\xce\xce\xce\0\0\0"),
    ("a Kerberos keytab", r"\x05[\x01\x02]\0\0"),
    ("a Kerberos ticket cache", r"\x05[\x03\x04]\0"),
    ("a DER file (key, certificate or PKCS#12)", r"0(?:[ -\x7f]|\x81.|\x82..|\x83...|\x80)(?:\x02\x01|0[\x80-\x83]|0.\x06|\x06\x09\x2a)"),
    ("an OpenPGP file", r".{8}KBXf|\x01gpg|[\x85\x95\x99\xc5\xc6][\x00-\x0f].[\x03-\x06]|\x8c\r\x04|\xc3\r\x04"),
    ("an encrypted volume", r"LUKS\xba\xbe"),
    ("an encrypted file", r"Salted__|age-encryption\.org/v1\n"),
    ("a zip archive", r"PK[\x03\x05\x07][\x04\x06\x08]"),
    ("an archive", r"Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|!<arch>\n|\xed\xab\xee\xdb|hsqs|\xc7\x71..|\x71\xc7..\0|MSCF\0"),
    ("a cpio archive", r"07070[12][0-9A-Fa-f]{104}|070707[0-7]{70}"),
    ("a tar archive", r".{257}ustar[\0 ]"),
    (
        "compressed in a way that is not opened",
        r"\x1f[\x9d\x9e\xa0]|[\x02\x04][\x21\x22][\x4c\x4d]\x18|\x89LZO|LZIP\1|LRZI|\xff\x06\0\0sNaPpY",
    ),
    ("an image", r"\x89PNG\r\n|\xff\xd8\xff[\xc0-\xff]|GIF8[79]a|II\x2a\0|MM\0\x2a|RIFF.{4}[A-Z]|\0\0\1\0[\1-\x40]\0"),
    ("a document", r"%PDF-|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    (
        "a capture of packets",
        r"\xd4\xc3\xb2\xa1|\xa1\xb2[\xc3\x3c][\xd4\x4d]|\x4d\x3c\xb2\xa1|\n\r\r\n.{4}(?:\x4d\x3c\x2b\x1a|\x1a\x2b\x3c\x4d)",
    ),
    ("sar data", r"\x96\xd5[\x60-\x7f]\x21|\xd5\x96\x21[\x60-\x7f]"),
    ("atop data", r"\xef\xbe\xed\xfe|\xfe\xed\xbe\xef"),
    ("a Performance Co-Pilot archive", r"\0\0..\x50\x05\x26"),
    ("a Windows event log", r"ElfFile\0"),
    ("a SELinux policy", r"\x8c\xff\x7c\xf9"),
    ("a git pack or index", r"PACK\0\0\0|DIRC\0\0\0|\xfftOc"),
    ("a table of time zones or messages", r"TZif|\xde\x12\x04\x95|\x95\x04\x12\xde"),
    ("a disk image", r"QFI\xfb|KDMV|conectix|vhdxfile"),
)
"""What a thing is, by its first bytes: expressions of bytes, in Latin-1."""
NAMED: tuple[tuple[str, str], ...] = (
    ("login records", r"[wu]tmpx?"),
    ("records of failed logins", r"btmpx?"),
    ("records of last logins", r"lastlog"),
    ("counts of failed logins", r"faillog|tallylog"),
    ("process accounting", r"pacct|usracct|savacct"),
    ("sar data", r"sa[0-9]{2,8}"),
    ("Java keys", r".*\.(?:jks|keystore|truststore)"),
    ("keys", r".*\.(?:p12|pfx|der|keytab|gpg|pgp|kbx)|random-seed"),
)
"""Called like this (rotated or not) and with a NUL or another odd byte: some of these look like a text of many NULs."""
INSTEAD = {
    "a journal file": "its entries are in sos_commands/logs/journalctl_* where the host has journalctl",
    "login records": "its records are in diagbundle/tables/",
    "records of failed logins": "its records are in diagbundle/tables/",
    "records of last logins": "its records are in diagbundle/tables/lastlog",
    "counts of failed logins": "what it counts is in sos_commands/login/ where the host has a program for it",
    "process accounting": "its records are in sos_commands/logs/lastcomm_* where the host has lastcomm",
    "sar data": "its figures are in sos_commands/sar/ where the host has sar or sadf",
}
"""What holds the same as text."""
PACKED_TOO = {"login records", "records of failed logins"}
"""Things whose text is there even where they are packed."""
_MAGIC = regex("|".join(f"(?P<m{number}>{text})" for number, (_, text) in enumerate(MAGICS)).encode("latin-1"), re.DOTALL)
_NAME = regex("(?:" + "|".join(f"(?P<n{number}>{text})" for number, (_, text) in enumerate(NAMED)) + r")(?:[.-][0-9]+)*")


def what_it_is(name: str, head: bytes, *, whole: bool) -> str:
    """What this is if it is no text, else ''. `head` is its beginning, of `HEAD` bytes or, if `whole`, all of it."""
    if found := _MAGIC.match(head):
        return MAGICS[int((found.lastgroup or "")[1:])][0]
    named = _NAME.fullmatch(name.rpartition("/")[2])
    if named and named.lastgroup and (b"\0" in head or head.translate(None, _NOT_ODD)):
        return NAMED[int(named.lastgroup[1:])][0]
    if is_old_tar(head):
        return "a tar archive"
    if is_binary(head, FEWEST) or (whole and len(head) <= SHORT and (is_binary(head) or is_short_key(head))):
        return "bytes of an unknown kind"
    return ""


def reason(what: str, method: str = "") -> str:
    """Why it is not there, and what is in its place."""
    packed = f", in {method}" if method else ""
    instead = INSTEAD.get(what, "") if not method or what in PACKED_TOO else ""
    return f"binary, cannot be redacted: {what}{packed}" + (f"; {instead}" if instead else "")


def is_binary(data: bytes, fewest: int = FEW) -> bool:
    """Whether these bytes are no text: more of them than a text's own separator are none that a text has, or every third one is a NUL."""
    if not SUSPECT.search(data) or not data.strip(b"\0"):
        return False
    odd = data.translate(None, _NOT_ODD)
    if len(odd) >= fewest and len(odd) * SHARE > len(data):
        most = max(map(odd.count, set(odd)))
        if len(odd) - most >= fewest and (len(odd) - most) * SHARE > len(data):
            return True
    return _is_wide(data)


def is_clean(segment: bytes) -> bool:
    """Whether behind a stretch that is no text this is one again: a line in ASCII or UTF-8 without an odd byte."""
    if len(segment.rstrip(b"\r\n")) < LEAST_LINE or b"\0" in segment or segment.translate(None, _NOT_ODD):
        return False
    try:
        return bool(codecs.getincrementaldecoder("utf-8")().decode(segment))
    except UnicodeDecodeError:
        return False


def _is_wide(data: bytes) -> bool:
    """Whether it is made of numbers or letters of several bytes. Runs of NULs (a crash) and words between NULs are text."""
    if b"\0" not in data:
        return False
    if _WIDE.search(data):
        return True
    letters = len(data) - data.count(b"\0")
    return letters >= SHORT // 2 and sum(1 for _ in _NULS.finditer(data)) * 3 > letters


def is_short_key(data: bytes) -> bool:
    """Whether a short thing looks like random bytes: no UTF-8, a third of it above ASCII, and either an odd byte or no blank."""
    if 3 * len(data.translate(None, _ALL[:0x80])) < len(data) or _is_utf8(data):
        return False
    return bool(data.translate(None, _NOT_ODD)) or b"\0" in data or not data.strip().translate(None, _HIGH).count(b" ")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_old_tar(head: bytes) -> bool:
    """A tar header without a mark of its own: its checksum is right."""
    field = head[148:156].strip(b" \0")
    if len(head) < TAR or not _OCTAL.fullmatch(field):
        return False
    return int(field, 8) == sum(head[:148]) + sum(head[156:TAR]) + 8 * ord(" ")
