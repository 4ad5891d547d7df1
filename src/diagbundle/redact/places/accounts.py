"""Users and their pass words written together: `user:P`, `user P`, `user/P@host`, and sections of nothing but users."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.places.directives import Directive, by_anchor, directive
from diagbundle.redact.places.judge import spans
from diagbundle.redact.span import Find, Literal, Pattern, Span

_DIRECTIVES: tuple[Directive, ...] = (
    # One name for both
    directive(
        b"auth_pair|authPair|cloud.auth|CTL_USER|userpass|user_pass|userpwd|USERPWD",
        rb"(?:auth_?[pP]air|cloud\.auth|CTL_USER|(?i:user_?(?:pass|pwd)))\\{0,7}[\"']?(?: )?(?:=>|[:=,])(?: )?\\{0,7}"
        rb"(?:\"[^\s:\"/$]{1,64}:([^\s\"$]{3,256})\\{0,7}\"|'[^\s:'/$]{1,64}:([^\s'$]{3,256})'"
        rb"|[^\s:\"'/$]{1,64}:([^\s\"'$]{3,256})(?=\s|\Z))",
        sure=True,
    ),
    directive(b"stream_authentication |webcontrol_authentication ", rb"\w{6,10}_authentication [^\s:]{1,64}:(\S{3,256})", sure=True),
    directive(b"-u |--user |--proxy-user ",
        rb"-(?:u|-user|-proxy-user) [\w.@\\-]{1,64}:(?:\"([^\"$\n]{2,256})\"|'([^'\n]{2,256})')(?=\s|\Z)", sure=True),
    directive(b":CL:", rb":CL:(?:\"([^\"\n]{3,128})\"|([^\s\"]{3,128}))", sure=True),
    directive(b"accept.users", rb"accept\.users[\"']?(?: )?[:=](?: )?[\"']?[^\s:,\"']{1,64}::([^\s,\"']{3,256})", sure=True),
    directive(b"BasicAuth ", rb"BasicAuth [\w.@-]{1,64} ([^\s\"'{}<>]{3,256})(?=\s{0,8}(?:\n|\Z))"),
    directive(b"pstream http |pstream socks",
        rb"pstream (?:http|socks[45]) [^\s:@/]{1,64}:(\S{2,256})@[\w.-]{1,128}:\d", sure=True),
    directive(b"curlftpfs#|sshfs#|ftpfs#", rb"(?:curl)?[a-z]{2,3}fs#(?:[a-z]{3,5}://)?[^\s:@/]{1,64}:(\S{2,256})@[\w.-]{1,128}", sure=True),
    directive(b"register =>|register=>",
        rb"register(?: )?=>(?: )?(?:[a-z]{3}://)?(?:[\w.+-]{1,64}\?)?[^\s:@/]{1,64}(?:@[\w.-]{1,64})?:([^\s:@]{2,128})"
        rb"(?::[^\s@:]{1,64})?@[\w.-]{1,128}", sure=True),
    directive(b"mysql_servers|pgsql_servers",
        rb"(?:my|pg)sql_servers(?: )?=(?: )?(?:<\S )?[\w.():/-]{1,128}?/[\w-]{1,64}/[\w.-]{1,64}/([^\s:/\"'$]{2,128})", sure=True),
    directive(b"'DBI:|\"DBI:|'dbi:|\"dbi:",
        rb"[\"'](?i:DBI):[^\"'\n]{1,300}[\"'](?: )?,(?: )?[\"'][^\"'\n]{1,64}[\"'](?: )?,(?: )?(?:\"([^\"$\n]{1,256})\"|'([^'\n]{1,256})')",
        sure=True),
    directive(b"omniauth :|provider :",
        rb"(?:omniauth|provider) :\w{2,40}(?: )?,(?: )?[\"'][^\"'\n]{1,256}[\"'](?: )?,(?: )?(?:\"([^\"#\n]{8,512})\"|'([^'\n]{8,512})')",
        sure=True),
)  # fmt: skip


_ORACLE = regex(rb"(?i)\b(?:conn|connect|sqlplus(?: -\w{1,8}){0,4})[ \t]+[\"']?[\w$#.]{1,64}/\"?([^\s@\"'/]{2,128})\"?\Z")
_SWIFT = regex(rb"(?<![\w.-])user_[\w.-]{1,128}[ \t]{0,8}=[ \t]{0,8}([^\s\"']{2,256})\Z")
_BACK = 320


def _behind(pattern: re.Pattern[bytes]) -> Find:
    """What ends where the anchor begins."""

    def find(data: bytes, at: int) -> Iterator[Span]:
        line = max(at - _BACK, data.rfind(b"\n", max(0, at - _BACK), at) + 1)
        yield from spans(pattern.search(data, line, at), "directive")

    return find


_ROW = regex(rb"[ \t]{0,8}[\w.@-]{1,64}[ \t]{0,8}=[ \t]{0,8}([^\s,;\"'][^\r\n,;\"']{0,255}?)[ \t]{0,8}(?:[,;][^\r\n]{0,256})?\r?(?:\n|\Z)")
_SKIPPED = regex(rb"[ \t]{0,8}(?:[;#][^\n]{0,512})?\r?\n")
_MOST = 64
"""Users of a section."""


def _section(data: bytes, at: int) -> Iterator[Span]:
    """`[admins]`, and below it `root = P`, up to the next section."""
    if at and data[at - 1] != ord("\n"):
        return
    place = data.find(b"\n", at, at + 64) + 1
    for _ in range(_MOST if place else 0):
        skipped = _SKIPPED.match(data, place)
        row = skipped or _ROW.match(data, place)
        if not row:
            return
        if not skipped:
            yield from spans(row, "password")
        place = row.end()


PATTERNS: tuple[Pattern, ...] = (
    *by_anchor(_DIRECTIVES),
    Pattern("directive", "The login of a session of Oracle", (Literal(b"@//"),), _behind(_ORACLE)),
    Pattern("directive", "Users of Swift with their roles", (Literal(b" .admin"), Literal(b" .reseller_")), _behind(_SWIFT)),
    Pattern("password", "Users and their pass words in a section of their own", (Literal(b"[admins]"),), _section),
)
