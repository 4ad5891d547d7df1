"""What a regular expression cannot say of a secret: sums that must agree, and the words beside it that make it something else.

A check is given a text and a candidate in it, and says where the secret begins and ends; None if it is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from diagbundle.redact.lazy import regex

Check = Callable[[bytes, int, int], tuple[int, int] | None]

IBAN_LENGTH = {
    b"AD": 24, b"AE": 23, b"AL": 28, b"AT": 20, b"AZ": 28, b"BA": 20, b"BE": 16, b"BG": 22, b"BH": 22, b"BI": 27, b"BR": 29, b"BY": 28,
    b"CH": 21, b"CR": 22, b"CY": 28, b"CZ": 24, b"DE": 22, b"DJ": 27, b"DK": 18, b"DO": 28, b"EE": 20, b"EG": 29, b"ES": 24, b"FI": 18,
    b"FK": 18, b"FO": 18, b"FR": 27, b"GB": 22, b"GE": 22, b"GI": 23, b"GL": 18, b"GR": 27, b"GT": 28, b"HN": 28, b"HR": 21, b"HU": 28,
    b"IE": 22, b"IL": 23, b"IQ": 23, b"IS": 26, b"IT": 27, b"JO": 30, b"KW": 30, b"KZ": 20, b"LB": 28, b"LC": 32, b"LI": 21, b"LT": 20,
    b"LU": 20, b"LV": 21, b"LY": 25, b"MC": 27, b"MD": 24, b"ME": 22, b"MK": 19, b"MN": 20, b"MR": 27, b"MT": 31, b"MU": 30, b"NI": 28,
    b"NL": 18, b"NO": 15, b"OM": 23, b"PK": 24, b"PL": 28, b"PS": 29, b"PT": 25, b"QA": 29, b"RO": 24, b"RS": 22, b"RU": 33, b"SA": 24,
    b"SC": 31, b"SD": 18, b"SE": 24, b"SI": 19, b"SK": 24, b"SM": 27, b"SO": 23, b"ST": 25, b"SV": 28, b"TL": 23, b"TN": 24, b"TR": 26,
    b"UA": 29, b"VA": 22, b"VG": 24, b"XK": 20, b"YE": 30,
}  # fmt: skip
"""Characters of an IBAN by country."""

_ASIDE = 64
"""Bytes to the left of a candidate in which the words stand that say what it is."""
_DIGIT = regex(rb"[0-9]")
_NOT_DIGIT = regex(rb"[^0-9]+")
_WORDS = regex(rb"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

_CARD_KEY = frozenset(b"card cards cc pan ccn creditcard cardno cardnumber ccnumber visa mastercard amex credit debit karte".split())
_NUMBER_KEY = frozenset(
    b"id ids uid gid pid tid order orders orderid serial sn inode ino trace traceid span spanid parent time ts timestamp date epoch "
    b"offset off seq sequence nr ns us request requestid req txid txnid transaction xid session sessionid job task msg message event "
    b"item ticket invoice tracking isbn ean barcode imei imsi iccid wwn lun guid uuid size bytes count counter total block sector addr "
    b"address ptr handle cookie key version build lsn scn snapshot rev revision cursor shard partition position pos len length hash "
    b"checksum crc port queue packet packets phone tel zxid csn gtid start end since until expires duration elapsed nanos micros "
    b"millis thread node object oid mtime ctime atime disk device dev reference ref userid".split(),
)
_NO_ID = frozenset((b"paid", b"prepaid", b"valid", b"invalid"))
_WORD = rb"[A-Za-z][\w.-]{0,40}"
_LEFT_KEY = regex(
    rb"(" + _WORD + rb")" + 2 * (rb"(?:[ \t]{1,2}(" + _WORD + rb"))?") + rb"[\s\"'\\]{0,4}[=:#]?[\s\"'\\\[(#<>]{0,4}\Z",
)
_HEX_LEFT = regex(rb"(?:\A|[^0-9A-Za-z])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{4,8}[ :]{1,2}\Z")
_HEX_RIGHT = regex(rb"(?: [0-9A-Fa-f]{4}\b){2}")
"""A dump in hex, in groups of four."""
_COUNTERS = regex(rb"(?:\A|[\s,;|])[0-9]+[ \t,;|]+\Z")
_LONGER = regex(rb"[0-9][.:/_-]\Z|[A-Za-z][./_-]\Z|[0-9A-Za-z%+]\Z")
_ESCAPED = regex(rb"(?:\\[nrtbfv0]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|=[0-9A-F]{2}|#0[0-9]{2})\Z")
_SURE_LENGTH = (15, 16)

_NAME = bytes(byte for byte in range(128) if chr(byte).isalnum() or chr(byte) in "_.+-")
_LOCAL = 64
_SPLIT = regex(rb".?(@|%40)", re.DOTALL)
_OF_NAME = (b"%2B", b"%2D", b"%2E", b"%5F")
_ESCAPE = regex(rb"(?<=\\)(?:[nrtbfv0]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})|(?<=%)[0-9A-Fa-f]{2}|(?<=#)0[0-9]{2}")
_OPENS = b"<=:[({ \\\"'"
_MESSAGE_ID = (b"message-id", b"message_id", b"messageid", b"msgid", b"msg-id", b"msg_id", b"in-reply-to", b"references")
_USER_INFO = regex(rb"://[^\s/?#\"'<>]*\Z|(?:sql|postgres|mongodb|redis|amqp|mariadb|\+srv)s?://[^\s\"'<>]*\Z", re.IGNORECASE)
_TO_HOST = regex(rb"\b(?:ssh|scp|sftp|rsync|mosh|ssh-copy-id|sshfs)\s[^|;\n]{0,60}\Z")
_AS_PATH = regex(rb":(?:[/~]|[0-9]{2,5}(?![0-9A-Za-z])|[\w.-]+/[\w./-]+)")
_VERSION = regex(rb"[v^~]?[0-9]+\.[0-9x*]|[0-9]x\.\w+\Z")
_NO_DOMAIN = frozenset(
    b"service socket scope slice timer mount automount swap target path device "
    b"so png jpg jpeg gif svg webp ico js css htm html php py rb git journal log conf cfg txt json yaml yml xml db sock pid lock tmp bak "
    b"gz xz zst tgz tar rpm deb snap flatpak appimage apk whl egg gem nupkg msi dmg jar war ear class exe dll bin img iso ko".split(),
)
"""Last labels: of units of systemd and of files."""
_ALGORITHMS = (b"openssh.com", b"libssh.org", b"lysator.liu.se", b"ssh.com", b"putty.projects.tartarus.org")
"""Who has named algorithms of SSH `name@domain`."""
_NO_NAME = frozenset((b"git", b"hg", b"svn", b"gitlab", b"gitea"))


def digits(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """A token has digits; a name that only begins like one has none."""
    return (start, end) if _DIGIT.search(data, start, end) else None


def mixed(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Small letters, capitals and digits: what a digest in hex or a word is not."""
    text = data[start:end]
    return (start, end) if not text.islower() and not text.isupper() and _DIGIT.search(text) else None


def card(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """A card, its sum and the words beside it; most lengths only beside a word that says so."""
    number, left = _NOT_DIGIT.sub(b"", data[start:end]), data[max(0, start - _ASIDE) : start]
    if not _is_luhn(number) or (_LONGER.search(left) and not _ESCAPED.search(left)):
        return None
    words = _words_left(left)
    if words & _CARD_KEY:
        return start, end
    is_dump = data[start + 4 : start + 5] == b" " and (_HEX_LEFT.search(left) or _HEX_RIGHT.match(data, end))
    is_other = (
        is_dump
        or words & _NUMBER_KEY
        or any(word.endswith(b"id") for word in words - _NO_ID)
        or _COUNTERS.search(left)
        or len(number) not in _SURE_LENGTH
    )
    return None if is_other else (start, end)


def _words_left(left: bytes) -> set[bytes]:
    """The words of the name that a value has on its left, in lower case."""
    named = _LEFT_KEY.search(left)
    return {word.lower() for name in named.groups(b"") for word in [name, *_WORDS.findall(name)]} if named else set()


def _is_luhn(number: bytes) -> bool:
    total = 0
    for place, byte in enumerate(reversed(number)):
        value = (byte - 48) << (place & 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the sum of two digits
    return total % 10 == 0


def iban(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """As many characters as the country's have, and the remainder by 97 that they have."""
    size = IBAN_LENGTH.get(data[start : start + 2], 0)
    text, place = bytearray(), start
    while place < end and len(text) < size:
        if data[place] not in b" -":
            text.append(data[place])
        place += 1
    if not size or len(text) < size or data[place : place + 1].isalnum() or bytes(text[2:4]) in (b"00", b"01", b"99"):
        return None
    number = "".join(str(int(chr(byte), 36)) for byte in text[4:] + text[:4])
    return (start, place) if int(number) % 97 == 1 else None


def mail(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """An address of a person, not a unit, a version, a place to log in, an algorithm or a message. The candidate begins at its `@`."""
    at = _SPLIT.match(data, start)
    if not at:
        return None
    begin, domain = _name_before(data, at.start(1)), data[at.end() : end]
    name = data[begin : at.start(1)]
    if not name or name in _NO_NAME or domain.rpartition(b".")[2] in _NO_DOMAIN or domain.endswith(_ALGORITHMS):
        return None
    if (
        _VERSION.match(domain)
        or (domain.isupper() and (not name.isupper() or data[begin - 1 : begin] == b"/"))
        or _AS_PATH.match(data, end)
    ):
        return None
    return None if _is_no_mail_after(data[max(0, begin - 2 * _ASIDE) : begin]) else (begin, end)


def _name_before(data: bytes, at: int) -> int:
    """Where the name that ends here begins: an escape before it is none of it, but `%2B` in it is."""
    begin, limit = at, max(0, at - _LOCAL)
    while True:
        head = data[limit:begin]
        begin -= len(head) - len(head.rstrip(_NAME))
        if begin <= limit or data[begin - 1 : begin + 2].upper() not in _OF_NAME:
            break
        begin -= 1
    escape = _ESCAPE.match(data, begin, at)
    return escape.end() if escape else begin


def _is_no_mail_after(left: bytes) -> bool:
    """Whether what stands on the left says that it is something else: a user in a URL, where to log in, a message."""
    if left[-24:].rstrip(_OPENS).lower().endswith(_MESSAGE_ID) or (b"://" in left and _USER_INFO.search(left)):
        return True
    is_login = b"ssh" in left or b"scp" in left or b"sftp" in left or b"rsync" in left or b"mosh" in left
    return is_login and _TO_HOST.search(left) is not None


CHECKS: Mapping[str, Check] = {"card": card, "digits": digits, "iban": iban, "mail": mail, "mixed": mixed}
"""By the name that a pattern asks for."""
