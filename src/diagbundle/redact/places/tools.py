"""Directives of tools: keys that are listed by an administrator's command, and what is typed at the prompts of services."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import STRONG, meaning
from diagbundle.redact.places.directives import Directive, by_anchor, directive
from diagbundle.redact.places.judge import spans, stays
from diagbundle.redact.span import Literal, Pattern, Span, line_at

_HEX = rb"(0x[0-9a-f]{8,256})(?!\w)"

_DIRECTIVES: tuple[Directive, ...] = (
    # Services
    directive(b"addauth digest ", rb"addauth digest [^\s:]{1,64}:(\S{3,256})", sure=True),
    directive(b"uperDigest=", rb"uperDigest=[^\s:]{1,64}:(\S{8,128})", sure=True),
    directive(b"digest:", rb"digest:[\w.@-]{1,64}:([A-Za-z0-9+/]{27}=)(?![\w+/=])", sure=True),
    directive(b"SQLConnectInfo ", rb"SQLConnectInfo \S{1,128} \S{1,64} <V>", sure=True),
    directive(b"SQLNamedConnectInfo ", rb"SQLNamedConnectInfo \S{1,64} \S{1,32} \S{1,128} \S{1,64} <V>", sure=True),
    directive(b"LDAPBindDN ", rb"LDAPBindDN \"[^\"\n]{1,256}\" <V>", sure=True),
    directive(b"joinKey|join_key|join-key|JOINKEY|JOIN_KEY|upgradeKey|UpgradeKey",
        rb"(?i:join[_-]?key|upgradekey)[\"']?(?: )?[:=](?: )?[\"']?([0-9a-f]{16,128})(?![\w-])", sure=True),
    directive(b"swift_hash_path_", rb"swift_hash_path_(?:suf|pre)fix(?: )?=(?: )?(\S{4,256})", sure=True),
    directive(b"dns ", rb"dns [a-z]{3,20} (?=[\w-]{0,60}\d)(?=[\w-]{0,60}[A-Za-z])([A-Za-z0-9_-]{24,128})(?=\s{0,8}(?:\n|\Z|\}))"),
    directive(b"kv put |etcdctl put |etcdctl set ",
        rb"(?:kv put|etcdctl (?:put|set)) (?:-\S{1,64} ){0,4}\S{0,200}(?i:passw(?:or)?d|passphrase|secret|token|api_?key|_pw|_pass) <V>",
        sure=True),
    directive(b"encrypt_string ",
        rb"encrypt_string (?:--?[\w-]{1,32}(?:=\S{1,128})? ){0,6}(?:\"([^\"$\n]{1,512})\"|'([^'\n]{1,512})')", sure=True),
    directive(b"secret-set-value ",
        rb"secret-set-value (?:--secret )?[\w-]{1,64} (?:--base64 )?([A-Za-z0-9+/]{8,512}={0,2})(?=\s|\Z)", sure=True),
    directive(b"influx user |influx setup |influx config ", rb"influx \w{4,6}[^\n|;]{0,300}?(?<=\s)-[pt] <V>", sure=True),
    directive(b"cloak-keys",
        rb"cloak-keys\s{0,16}\{\s{0,64}\"([^\"\n]{16,256})\";(?:\s{0,64}\"([^\"\n]{16,256})\";)?(?:\s{0,64}\"([^\"\n]{16,256})\";)?",
        sure=True, several=True),
    directive(b"setsteamaccount ", rb"setsteamaccount ([0-9A-Fa-f]{32})(?!\w)", sure=True),
    directive(b"node.cookie|node {", rb"node(?:\.|(?: )?\{(?:[^{}\n\"]|\"[^\"\n]*\"){0,200}?\s{0,64}\b)cookie(?: )?=(?: )?<V>",
        sure=True, several=True),
    directive(b"?auth=", rb"\?auth=([^\s&\"'<>$%{}]{3,256})(?=[&\"'\s]|\Z)"),
    directive(b"save_path",
        rb"save_path\]?[\"']?(?: )?=[^\n?]{1,200}\?(?:[^\n\"'&]{1,64}&){0,6}?auth(?:\[\w{0,8}\])?=([^\s&\"']{2,256})",
        sure=True),
    directive(b"_ldap_auth |_ldap_group|check_ldap |check_ldaps |ldap_group_acl |check_radius ",
        rb"\w{4,16} [^\n|;]{0,400}?(?<=\s)-[wPp] (?:\"([^\"\n]{1,256})\"|'([^'\n]{1,256})'|((?![-$])[^\s\"']{2,256}))", sure=True),
    directive(b"ttyd |gotty |wetty |filebrowser ",
        rb"(?:ttyd|gotty|wetty) [^\n|;]{0,200}?(?<=\s)(?:-c|--credential)(?: |=)[\"']?[^\s:\"']{1,64}:([^\s\"']{2,256})", sure=True),
    directive(b"-initial-password |-admin-password |set-password |reset-password |change-password ",
        rb"[\w-]{1,16}password (?!-)(?:\"([^\"\n]{3,256})\"|'([^'\n]{3,256})'|(?=\S{0,64}\d)([^\s\"']{6,256}))(?=\s|\Z)",
        sure=True),
    directive(b"PASSWD = `|PASSWORD = `|SECRET = `", rb"\w{6,8} = `(?!\$)([^`\r\n]{3,256})`\s{0,4}(?:\n|\Z)"),
    directive(b"\"Bearer |'Bearer |\"bearer |'bearer ",
        rb"[\"'][Bb]earer (?=[^\s\"']{0,256}\d)([^\s\"'$<>{}\[\]()%*\\]{6,4096})\\{0,7}[\"']", sure=True),
    # Keys that are listed or given
    directive(b"cts-hmac-sha|cts-cmac|arcfour-hmac|des3-cbc-sha1",
        rb"[\w:-]{8,40}\) \(0x([0-9a-f]{16,128})\)|[\w-]{8,40} \S{3,128}@\S{1,64} ([0-9a-f]{16,128})(?!\S)", sure=True),
    directive(b"auth-trunc |auth hmac(|enc cbc(|enc ecb(|enc rfc|aead rfc|aead gcm(",
        rb"(?:auth-trunc|auth|enc|aead) [\w-]{2,20}\([\w(),-]{1,40}\) " + _HEX, sure=True),
    directive(b"-E rijndael|-E aes|-E 3des|-E des|-E blowfish|-A hmac-|-A aes",
        rb"-[EA] [\w-]{3,24} (?:" + _HEX + rb"|\"([^\"\n]{4,128})\")", sure=True),
    directive(b"-y hmac-|nsupdate |dig @",
        rb"(?:(?:nsupdate|dig) [^\n|;]{0,200}?)?-y [\"']?(?:hmac-[\w-]{3,16}:)?[\w.-]{1,64}:"
        rb"([A-Za-z0-9+/]{16,128}={0,2})(?![\w+/=])",
        sure=True),
    directive(b"v1, community |v2c, community |SNMPv1 community |SNMPv2c community ",
        rb"[\w,]{2,8} community ([^\s,;:\"']{1,64})", sure=True),
    directive(b"community name ", rb"community name (?:\"([^\"\n]{1,64})\"|'([^'\n]{1,64})'|\(([^)\n]{1,64})\))", sure=True),
    directive(b"assword [|asscode [|assphrase [|ecret [|oken [",
        rb"\w{3,9} \[(?=[^\]\s]{0,256}[0-9])(?=[^\]\s]{0,256}[A-Za-z])(?![^\]\s]{0,256}[_:])([^\]\s]{6,256})\](?![\w\[(])"),
    directive(b"AT+CPIN|AT+CLCK=|AT+CPWD=",
        rb"AT\+(?:CPIN2?=|CLCK=\"\w{2}\",\d,|CPWD=\"\w{2}\",)"
        rb"\"?([^\s\",]{4,16})(?![^\s\",])\"?(?:,\"?([^\s\",]{4,16})(?![^\s\",]))?", sure=True),
)  # fmt: skip

_ABOUT = regex(rb"(?i)secret|SKEYSEED|SK_|SKEYID|\bkey|keymat|psk|passw")
_PUBLIC = regex(rb"(?i)public|encrypted")
_DUMPED = regex(
    rb"[^\n]{0,160}?[ \t](?:\d{1,4}|0x[0-9a-f]{4}): ((?:[0-9A-Fa-f]{2} ){0,31}[0-9A-Fa-f]{2})(?![0-9A-Fa-f])[^\n]{0,64}(?:\n|\Z)"
)
_MOST = 64
"""Lines of a dump."""


def _dump(data: bytes, at: int) -> Iterator[Span]:
    """`SKEYSEED => 32 bytes @ 0x...`, and on the lines below it the bytes."""
    before = data[max(0, at - 40) : at]
    if not _ABOUT.search(before) or _PUBLIC.search(before):
        return
    line = data.find(b"\n", at, at + 200) + 1
    for _ in range(_MOST if line else 0):
        row = _DUMPED.match(data, line, line + 400)
        if not row:
            return
        yield Span(row.start(1), row.end(1), "disk_key")
        line = row.end()


_LABEL = regex(rb"Label=([\w .-]{2,64}?)(?=\s+\w{1,24}=|\s*(?:\n|\Z))")


def _labelled(data: bytes, at: int) -> Iterator[Span]:
    """`cs1Label=apiToken cs1=P`, or the other way round, in CEF."""
    head = data[max(0, at - 24) : at]
    name = head[max(head.rfind(b" "), head.rfind(b"|")) + 1 :]
    label = _LABEL.match(data, at, at + 120)
    if not label or not name or meaning(label[1]).strength != STRONG:
        return
    line, end = line_at(data, at)
    of_name = re.compile(rb"(?<![\w.-])" + re.escape(name) + rb"=(\S(?:[^\n]{0,512}?\S)??)(?=\s+\w{1,24}=|\s*(?:\n|\Z))")
    field = of_name.search(data, max(line, at - 1024), min(end, at + 1024))
    if field and not stays(field[1]):
        yield Span(field.start(1), field.end(1), "token")


_ACL_WORD = regex(rb"(?<= )(?:>([^\s\"]{1,512})|#([0-9a-f]{64}))(?=[ \"\r\n]|\Z)")


def _listed_users(data: bytes, at: int) -> Iterator[Span]:
    """`1) "user bob on sanitize-payload #... ~* +@all"`, as `ACL LIST` prints users."""
    end = min(line_at(data, at)[1], at + 1024)
    again = data.find(b"-payload ", at + 1, end)
    for word in _ACL_WORD.finditer(data, at, again if again >= 0 else end):
        yield from spans(word, "directive")


_VARIANT = regex(rb"variant\s{1,32}(?:string|array of bytes(?:\s\[)?)\s{1,32}\"([^\"\n]{1,512})\"")
_KEY_OF = regex(rb"string \"([\w.-]{1,64})\"\s{1,64}\Z")
_TYPED = regex(rb"\"([\w.-]{1,64})\" (?:s|ay \d{1,3}) \"?([^\"\n]{1,512})\"")


def _entry(data: bytes, at: int) -> Iterator[Span]:
    """`dict entry( string "psk" variant string "P" )` of D-Bus."""
    key = _KEY_OF.search(data, max(0, at - 160), at)
    if key and meaning(key[1]).strength == STRONG:
        yield from spans(_VARIANT.match(data, at, at + 640), "password")


def _busctl(data: bytes, at: int) -> Iterator[Span]:
    """`a{sv} 1 "psk" s "P"`."""
    start = data.rfind(b'"', max(0, at - 66), at)
    entry = _TYPED.match(data, start, at + 600) if start >= 0 else None
    if entry and meaning(entry[1]).strength == STRONG and not stays(entry[2]):
        yield Span(entry.start(2), entry.end(2), "password")


_ORACLE = regex(rb"(?:\A|[ '\",;=])(?P<kind>[ST]):(?P<hash>[0-9A-F]{60}(?:[0-9A-F]{100})?)(?![0-9A-Za-z])")


def _verifier(data: bytes, at: int) -> Iterator[Span]:
    """`S:` and 60 digits, or `T:` and 160, of Oracle."""
    found = _ORACLE.match(data, at, at + 180)
    if found:
        yield Span(found.start("hash"), found.end("hash"), "password_hash")


_WLST = regex(
    rb"connect\(\s?(?P<a>[\"'])[\w.@-]{1,64}(?P=a)\s?,\s?(?P<b>[\"'])(?P<word>[^\"'\n]{1,256})(?P=b)\s?(?:,\s?[\"']?(?:\w{1,16}://|[\w.-]+:\d|url=)|,\s?url)"
)


def _connected(data: bytes, at: int) -> Iterator[Span]:
    """`connect('u', 'P', 't3://h:7001')`: an address stands last."""
    found = _WLST.match(data, at, at + 600)
    if found and not stays(found["word"]):
        yield Span(found.start("word"), found.end("word"), "call_password")


PATTERNS: tuple[Pattern, ...] = (
    *by_anchor(_DIRECTIVES),
    Pattern("disk_key", "Keys that a daemon logs byte by byte", (Literal(b" bytes @ 0x"),), _dump),
    Pattern("token", "A labelled field of CEF", (Literal(b"Label=", run=2),), _labelled),
    Pattern("redis_acl", "Users of Redis with their pass words in a list", (Literal(b"-payload ", next=b"#>"),), _listed_users),
    Pattern("password", "The value of an entry of D-Bus", (Literal(b"variant ", next=b" sa"), Literal(b"variant\n")), _entry),
    Pattern("password", "The value of an entry as busctl writes it", (Literal(b'" s "'), Literal(b'" ay ')), _busctl),
    Pattern(
        "password_hash",
        "Verifiers of pass words of Oracle",
        tuple(Literal(lead + kind, run=60) for lead in (b"'", b'"', b" ", b";", b"=", b",") for kind in (b"S:", b"T:")),
        _verifier,
    ),
    Pattern("call_password", "User and pass word given to a server's shell", (Literal(b"connect(", next=b"'\" "),), _connected),
)
