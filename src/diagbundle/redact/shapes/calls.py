"""Secrets in source code and its traces: the argument of a call that is a pass word by its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import STRONG, meaning
from diagbundle.redact.shapes.text import SHORT, closing, doubled, exact, folded, hidden, within
from diagbundle.redact.span import Literal, Pattern, Span

_CALLS: dict[bytes, int] = {
    b"mysqli_connect(": 2, b"mysql_connect(": 2, b"mysql_pconnect(": 2, b"new mysqli(": 2, b"new pdo(": 2,
    b"dbi->connect(": 2, b"pdo::__construct(": 2, b"pdo->__construct(": 2, b"mysqli::__construct(": 2, b"mysqli->__construct(": 2,
    b"mysqli_real_connect(": 3, b"mysqli->real_connect(": 2, b"pymysql.connect(": 2, b"mysqldb.connect(": 2,
    b"smtp.plainauth(": 2, b"jwt.sign(": 1, b"jwt.verify(": 1, b"jwt.encode(": 1, b"jwt.decode(": 1, b"createhmac(": 1,
    b"sp_addlinkedsrvlogin": 4,
    b"pgp_sym_encrypt(": 1, b"pgp_sym_decrypt(": 1, b"aes_encrypt(": 1, b"aes_decrypt(": 1,
    b"drivermanager.getconnection(": 2, b"oci_connect(": 1, b"oci_pconnect(": 1, b"odbc_connect(": 2, b"imap_open(": 2, b"ldap_bind(": 2,
    b"ftp_login(": 2, b"sp_addlogin": 1, b"sp_password": 1, b"auth=(": 1, b"httpbasicauth(": 1, b"httpdigestauth(": 1, b"httpntlmauth(": 1,
    b"setbasicauth(": 1, b"simple_bind": 1, b"ssh2_auth_password(": 2, b"smtp.login(": 1, b"server.login(": 1, b"imap.login(": 1,
    b"db.auth(": 1, b".login(": 1, b"->login(": 1, b"::login(": 1, b"->authenticate(": 1, b".authenticate(": 1, b"basic_auth(": 1,
    b"basicauth(": 1, b".auth(": 1, b":auth(": 0,
    b"changeuserpassword(": 1, b"setuserpassword(": 1, b"updateuserpassword(": 1, b"resetuserpassword(": 1,
    b"ftp.login(": 1, b"usernamepasswordcredentials(": 1, b"networkcredential(": 1, b"networkcredential]::new(": 1,
    b"networkcredential -argumentlist ": 1, b"networkcredential -argumentlist @(": 1, b"passwordauthentication(": 1,
    b"basicawscredentials(": 1, b"credentials(": 3,
    b"from remote(": 4, b"function remote(": 4, b"remotesecure(": 4, b"from mysql(": 4, b"function mysql(": 4, b"from postgresql(": 4,
    b"function postgresql(": 4, b"from mongodb(": 4,
}  # fmt: skip
"""How many arguments stand before the secret."""
_OPEN = regex(rb"\w*\s{0,4}\(?\s{0,4}")
_QUOTE = regex(rb"(?:[bruNBRU]|new )?(\\*[\"'])")
_BARE = regex(rb"[^,()\"'\n]{0,200}(?:\([^()\n]{0,100}\))?")
_COMMA = regex(rb"\s{0,8},\s{0,24}(?:\w{1,20}\s?=\s?)?")


def _argument(data: bytes, at: int) -> Iterable[Span]:
    """`mysqli_connect("h", "u", "P")`."""
    head = data[at : at + 32].lower()
    name = next((call for call in _CALLS if head.startswith(call)), b"")
    opened = _OPEN.match(data, at + len(name)) if name else None
    place = opened.end() if opened else -1
    for _ in range(_CALLS.get(name, 0)):
        if place < 0:
            return ()
        _, end = _argument_at(data, place)
        comma = _COMMA.match(data, end)
        place = comma.end() if comma else -1
    if place < 0:
        return ()
    start, end = _argument_at(data, place)
    return hidden(data, start, end - 1, "call_password") if start > place and end - start > SHORT else ()


def _argument_at(data: bytes, at: int) -> tuple[int, int]:
    """Where the text of an argument begins and where the argument ends; one that is not in quotes begins where it stands."""
    quote = _QUOTE.match(data, at)
    if quote:
        line = within(data, quote.end(), 1024)
        end = doubled(data, quote.end(), line) if quote[1] == b"'" else closing(data, quote.end(), quote[1], line)
        return quote.end(), (end if end >= 0 else line) + len(quote[1])
    bare = _BARE.match(data, at)
    return at, bare.end() if bare else at


_SETTER = regex(
    rb"(?:\.|::)(?:set|put|add|setProperty|setOption|setParameter)\w{0,20}\((?:\\*[\"'][^\"'()\n]{0,60}\\*[\"']\s?,\s?){0,2}"
    rb"(\\*[\"'])[\w.-]{0,40}(?:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key)\1\s?,\s?(\\*[\"'])",
    re.IGNORECASE,
)


def _setter(data: bytes, at: int) -> Iterator[Span]:
    """`config.set("db", "password", "P")`."""
    found = _SETTER.match(data, at, at + 300)
    end = closing(data, found.end(), found[2], within(data, found.end(), 1024)) if found else -1
    if found and end >= 0:
        yield from hidden(data, found.end(), end, "call_password")


_DEFAULT = regex(
    rb"(?:env(?:iron)?(?:\.get|\.fetch|\.pop|\.setdefault|\.str|\.getordefault)?|getenv|get_env|getordefault|os\.getenv|config)\(\s{0,4}"
    rb"[\"'](?P<call>[\w.-]{1,80})[\"']\s{0,4},\s{0,4}(?:default\s?=\s?)?(?P<q>[\"'])(?P<given>[^\"'\n]{4,256})(?P=q)"
    rb"|env(?:\.(?P<member>\w{1,80})|\[[\"'](?P<index>[\w.-]{1,80})[\"']\])\s{0,4}(?:\|\||\?\?|\bor\b)\s{0,4}(?P<r>[\"'`])(?P<other>[^\"'`\n]{4,256})(?P=r)",
    re.IGNORECASE,
)


def _default(data: bytes, at: int) -> Iterable[Span]:
    """What is taken where the environment has none: `process.env.API_SECRET || 'P'`, `os.getenv("DB_PASSWORD", "P")`."""
    found = _DEFAULT.match(data, at, at + 512)
    name = (found["call"] or found["member"] or found["index"]) if found else b""
    if not found or meaning(name).strength != STRONG:
        return ()
    return hidden(data, *found.span("given" if found["call"] else "other"), "call_password")


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "call_password",
        "What is taken where the environment has no secret",
        (*exact("env.", "env[", "ENV["), *folded("getenv(", "environ.get(", "env(", "env.fetch(", "getordefault(", "env.str(", "get_env(")),
        _default,
    ),
    Pattern("call_password", "The argument of a call that is a pass word", folded(*(name.decode() for name in _CALLS)), _argument),
    Pattern("call_password", "A pass word given to the environment", (Literal(b"::set", fold=True, next=b"eE"),), _setter),
    Pattern(
        "call_password", "A pass word given to a setter", tuple(Literal(word, next=b"PO(") for word in (b".set", b".put", b".add")), _setter
    ),
)
