"""Lines of configuration in which a directive names a secret without `=` or `:`, wherever they are printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from diagbundle.redact.lazy import regex
from diagbundle.redact.places.judge import WORD, classes, spans, stays
from diagbundle.redact.span import LINE, Find, Literal, Pattern, Span

_BLANK = rb"[ \t]{1,64}"
_SEVERAL = 4 << 10
"""Bytes of a directive that takes several lines."""
_BEFORE = regex(rb"(?:[\w./@-]{1,200}[:-]\d{1,6}[:-])?[ \t]{0,64}[+>|-]?[ \t]{0,64}[\"']?\Z")
"""What may stand in front of a directive that begins its line: what `grep`, `diff` and mail put there."""
_ROOM = 1024
"""Bytes of what is set for one user, at most."""
_EVIDENT = 16
"""A word of so many characters is none of a sentence."""


class Directive(NamedTuple):
    """How a directive is written; the groups are its secrets."""

    anchors: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    sure: bool = False
    """Whether nothing else looks like this: otherwise a word in the midst of a line must look like a secret, too."""
    several: bool = False
    """Whether it may take several lines."""


def directive(anchors: bytes, pattern: bytes, *, sure: bool = False, several: bool = False) -> Directive:
    """In a pattern, a blank stands for blanks and `V` for a word, in quotes or not. Anchors are parted by `|`."""
    written = regex(pattern.replace(b" ", _BLANK).replace(b"<V>", WORD))
    return Directive(tuple(anchors.split(b"|")), written, sure, several)


_DIRECTIVES = (
    # SNMP
    directive(b"rocommunity|rwcommunity", rb"r[ow]community6? <V>"),
    directive(b"com2sec", rb"com2sec(?:6|unix)? (?:-Cn \S{1,64} )?\S{1,64} \S{1,256} <V>"),
    directive(
        b"createUser ",
        rb"createUser (?:-e \S{1,80} )?\S{1,64} (?:MD5|SHA\S{0,8}) (?:-[lm] )?<V>(?: (?:DES|AES\S{0,8})(?: (?:-[lmk] )?<V>)?)?",
    ),
    directive(
        b"usmUser ",
        rb"usmUser [^\n]{1,800}? \.1\.3\.6[\d.]{1,60} (0x[0-9a-fA-F]+|\"[^\"\n]+\") "
        rb"\.1\.3\.6[\d.]{1,60} (0x[0-9a-fA-F]+|\"[^\"\n]+\")?", sure=True),
    directive(b"trapsink|trap2sink|informsink", rb"(?:trap2?sink|informsink) \S{1,256} <V>"),
    directive(b"trapcommunity|defCommunity", rb"(?:trapc|defC)ommunity <V>"),
    directive(b"authCommunity ", rb"authCommunity [a-z]+(?:,[a-z]+){0,3} <V>"),
    directive(b"defAuth|defPriv|defPassphrase", rb"def(?:Auth|Priv)?(?:Passphrase|MasterKey|LocalizedKey) <V>"),
    directive(b"snmp-server community ", rb"snmp-server community <V>", sure=True),
    # Databases, caches, proxies, name servers
    directive(b"requirepass", rb"(?i:requirepass)\"? <V>"),
    directive(b"masterauth", rb"(?i:masterauth)\"? <V>"),
    directive(b"primaryauth", rb"(?i:primaryauth)\"? <V>"),
    directive(b"sentinel auth-pass ", rb"sentinel auth-pass \S{1,64} <V>"),
    directive(b"default_pass,|default_pass ,", rb"default_pass(?: )?,(?: )?<<\"([^\"\n]{1,256})\">>", sure=True),
    directive(b"setcookie ", rb"setcookie '?<V>"),
    directive(b"stats auth ", rb"stats auth [^:\s]{1,128}:(\S{1,512})", sure=True),
    directive(b"insecure-password ", rb"insecure-password <V>"),
    directive(b"cachemgr_passwd ", rb"cachemgr_passwd <V>"),
    directive(b"cache_peer ", rb"cache_peer [^\n]{0,500}?login=(?![*:]|PASS|NEGOTIATE)[^:\s]{0,128}:(\S{1,512})", sure=True),
    directive(b"secret \"|secret '", rb"secret (?:\"([^\"\n]{1,512})\"|'([^'\n]{1,512})')(?: )?;", sure=True),
    directive(b"secret ", rb"secret ([A-Za-z0-9+/]{8,256}={0,2});", sure=True),
    directive(b"yncrepl|yncRepl", rb"ync[rR]epl:{0,2} (?:[^\n]|\n\s){1,1500}?credentials=<V>", sure=True, several=True),
    directive(b"incominguser |outgoinguser |IncomingUser |OutgoingUser ", rb"(?:[iI]ncoming|[oO]utgoing)[uU]ser \S{1,128} <V>"),
    directive(b"$USER", rb"\$USER\d{1,3}\$(?: )?=(?: )?(?![/~])<V>"),
    directive(b"{PLAIN|{CLEAR|{CRAM-MD5|{DIGEST-MD5|{HMAC-MD5|{LANMAN|{NTLM|{SCRAM-SHA|{plain|{noop}",
        rb"\{(?i:PLAIN(?:-TRUNC)?|CLEAR(?:TEXT)?|(?:CRAM|DIGEST|HMAC|PLAIN)-MD5|LANMAN|NTLM|SCRAM-SHA-\d{1,3}|noop)(?:\.\w{3,6})?\}"
        rb"([^\s:\"'<,}]{3,512})", sure=True),
    directive(b"crypt(", rb"crypt\((?: )?'([^'\n]{1,256})'(?: )?,(?: )?(?:gen_salt|\w{0,40}(?:pass|pw|hash))", sure=True),
    directive(b"saslStart|saslContinue",
        rb"sasl(?:Start|Continue)\\{0,7}\"[^\n]{0,300}?payload\\{0,7}\":(?: )?"
        rb"[^\n]{0,80}?\"([A-Za-z0-9+/]{16,4096}={0,2})\\{0,7}\"", sure=True),
    directive(b"secure_link_md5 ", rb"secure_link_md5 \"[^\"\n]{0,200}?(?: )?([^\s\"$]{4,256})\"", sure=True),
    directive(b"bindpw", rb"(?:root)?bindpw <V>"),
    directive(b"rootpw", rb"rootpw (?:--(?:iscrypted|plaintext|allow-ssh) ){0,3}(?!--)<V>"),
    # Builds
    directive(b'-oauth"',
        rb'-oauth"\s{0,16}:\s{0,16}\{\s{0,64}"[\w.-]{1,128}"\s{0,16}:\s{0,16}"([\w.-]{16,256})"', sure=True, several=True),
    directive(b"PASSWORD ", rb"PASSWORD [\w.@-]{1,64} = (\S{6,128})(?=\s|\Z)", sure=True),
    directive(b"sonar.login", rb"sonar\.login[\"']?(?: )?[=:](?: )?[\"']?([0-9a-f]{40}|sq[aup]_\w{20,80})(?!\w)", sure=True),
    directive(b"<master>{|<master>\n", rb"<master>\s{0,32}\{([^{}<\n]{16,512})\}", sure=True, several=True),
    directive(b"BUNDLE_", rb"BUNDLE_\w{1,80}__\w{1,80}[\"']?(?: )?[:=](?: )?[\"']?[^\s:\"'/]{1,64}:([^\s\"'/]{4,256})", sure=True),
    # Networks
    directive(b"auth_pass", rb"auth_pass <V>"),
    directive(b": PSK |: XAUTH |: EAP |: NTLM |: IKE ",
        rb": (?:PSK|XAUTH|EAP|NTLM|IKE) (?:\"([^\"\n]{1,512})\"|'([^'\n]{1,512})'|(0[sx][A-Za-z0-9+/=]{4,512}))", sure=True),
    directive(b": PSK |: XAUTH |: EAP |: NTLM ", rb": (?:PSK|XAUTH|EAP|NTLM) ([^\s\"']{6,256})(?=\s{0,8}(?:\n|\Z))"),
    directive(b": RSA |: ECDSA |: P12 |: PKCS8 |: PIN ",
        rb": (?:RSA|ECDSA|P12|PKCS8|PIN) [^\s\"]{1,256} (?:\"([^\"\n]{1,512})\"|(\d{4,16}))", sure=True),
    directive(b"psk=", rb"psk=(?:\"([^\"\n]{8,63})\"|([0-9a-fA-F]{64})(?![0-9a-fA-F]))", sure=True),
    directive(b"PrivateKey|PresharedKey", rb"(?:PrivateKey|PresharedKey)(?: )?=(?: )?([A-Za-z0-9+/]{42,43}=?)", sure=True),
    directive(b"message-digest-key ", rb"message-digest-key \d{1,3} md5 (?:\d )?<V>", sure=True),
    directive(b"key-string ", rb"key-string (?:\d )?<V>"),
    directive(b"authentication-key ", rb"authentication-key (?:\d{1,5} )?(?:md5 )?<V>"),
    # Installation and boot
    directive(
        b"password password |-again password |-crypted password |passphrase password ",
        rb"(?:password|-again|-crypted|passphrase) password ([^\s][^\r\n]{0,511})", sure=True
    ),
    directive(b"ccess_key_id|ccessKeyId|ccessKeyID|ccess-key-id|CCESS_KEY_ID",
        rb"(?i:ccess[_-]?key[_-]?id)\\{0,7}[\"']?(?: )?[:=](?: )?\\{0,7}[\"']?"
        rb"((?!A[KS]IA[A-Z0-9]{16}\b)(?=[A-Z]{0,31}[0-9])[A-Z0-9]{16,32})(?!\w)", sure=True),
    directive(b"sst_auth", rb"sst_auth[\"']?(?: )?[:=](?: )?[\"']?[^\s:\"']{1,64}:([^\s\"']{3,256})", sure=True),
    directive(b"password_maps",
        rb"password_maps(?: )?=(?: )?(?:inline:\{(?: )?\S{1,80}(?: )?=(?: )?|static:)[^\s:]{1,128}:([^\s}]{3,256})", sure=True),
    directive(b"set net", rb"set net\d{1,2}(?:\.\w{1,40})?/(?:[\w.-]{1,40}/)?(?:reverse-|initiator-)?password <V>", sure=True),
    directive(b"wireless.", rb"wireless\.[\w@\[\]-]{1,40}\.(?:key\d?|sae_password|auth_secret|acct_secret|priv_key_pwd)=<V>", sure=True),
    directive(b"option key", rb"option key\d? '([^'\n]{5,128})'"),
    directive(b"wireless_w", rb"wireless_w(?:pa|ep\w{0,8}) string <V>", sure=True),
    directive(b"netroot=iscsi:|root=iscsi:",
        rb"(?:net)?root=iscsi:[^@\s:]{0,128}:([^@\s:]{1,256})(?::[^@\s:]{0,128}:([^@\s:]{1,256}))?@", sure=True),
    directive(b"client_send",
        rb"client_send(?: )?=(?: )?(?:<\S )?(?::(?: )?[^\s:]{1,128}(?: )?:(?: )?([^\s:]{1,256})|\"?\^[^\s^]{1,128}\^([^\s\"^]{1,256}))",
        sure=True),
    directive(b"MONITOR ", rb"MONITOR \S{3,128}@\S{1,128} \d{1,3} \S{1,64} <V> (?:primary|secondary|master|slave)", sure=True),
    directive(b"Target[", rb"Target\[[^\]\n]{1,128}\]:(?: )?(?:[^\s:@]{1,128}:)([^\s@:]{1,128})@", sure=True),
    directive(b"MAGIC-COOKIE-1|XDM-AUTHORIZATION-1", rb"(?:MAGIC-COOKIE-1|XDM-AUTHORIZATION-1) ([0-9a-f]{16,64})(?!\w)", sure=True),
    directive(b" crypt ", rb" crypt [a-z0-9:_-]{3,64} (?!0+ )([0-9a-f]{32,256}) \d", sure=True),
    directive(b"BORG_KEY ", rb"BORG_KEY [0-9a-f]{64}\r?\n((?:[A-Za-z0-9+/=]{4,128}\r?\n?){1,80})", sure=True, several=True),
    directive(b"Login incorrect|Login OK",
        rb"Login (?:incorrect|OK)[^\n\[]{0,300}\[[^\]/\n]{1,128}/(?!<)([^\]\n]{1,128})\] \(", sure=True),
    directive(b"= cleartext |= clear |= des ", rb"= (?:cleartext|clear|des) <V>"),
    directive(b'"jsonrpc":"2.0","result":"', rb"\"jsonrpc\":\"2.0\",\"result\":\"([0-9a-f]{32,128})\"", sure=True),
    directive(b"routing_key", rb"routing_key\\{0,7}[\"']?(?: )?[:=](?: )?\\{0,7}[\"']?([0-9a-f]{32})(?!\w)", sure=True),  # of a pager
    directive(b".username=", rb"\.username=[\w.@-]{1,64}:(\S{4,256})"),
    directive(b"$http_",
        rb"\$http_\w{0,40}(?i:auth|token|key|secret|password|passwd)\w{0,20}(?: )?(?:!?=|!?~)(?: )?"
        rb"(?:\"\^?([^\"$\n]{6,512})\$?\"|'\^?([^'$\n]{6,512})\$?')", sure=True),
    directive(b"set_credential", rb"set_credential(?:_binary)?=[^\s:]{1,128}:(\S{1,1024})", sure=True),
    directive(b"SetCredential",
        rb"SetCredential(?:Encrypted)?=[^\s:]{1,128}:(?: )?((?:[^\r\n]{0,512}\\\r?\n){0,40}[^\r\n]{1,4096})", sure=True),
    # Clusters, mail, terminals
    directive(b'encrypt = "|encrypt="|"encrypt": "|"encrypt":"',
        rb"\"?encrypt\"?(?: )?[:=](?: )?\"([A-Za-z0-9+/]{22,44}={0,2})\"", sure=True),
    directive(b"tokens {|tokens{", rb"tokens(?: )?\{(?: )?\w{1,32}(?: )?=(?: )?\"([^\"\n]{8,256})\""
        rb"(?:[\s,;]{1,32}\w{1,32}(?: )?=(?: )?\"([^\"\n]{8,256})\")?(?:[\s,;]{1,32}\w{1,32}(?: )?=(?: )?\"([^\"\n]{8,256})\")?",
        sure=True, several=True),
    directive(b"ConvertTo-SecureString ",
        rb"ConvertTo-SecureString (?:-\w{1,16}(?: |:)){0,4}(?:\"([^\"$\n]{1,512})\"|'([^'\n]{1,512})')", sure=True),
    directive(b"proxy_set_header |add_header |set-header |header_up |RequestHeader set |RequestHeader add |grpc_set_header ",
        rb"(?:proxy_set_header|add_header|set-header|header_up|RequestHeader (?:set|add)|grpc_set_header) "
        rb"[\"']?[\w-]{0,40}(?i:key|token|secret|password)[\"']? (?:\"([^\"$\n]{8,512})\"|([^\s;\"'$]{8,512}))", sure=True),
    directive(b'response="', rb"response=\"([0-9a-f]{32,128})\"", sure=True),
    directive(b"[CHAP Response ", rb"\[CHAP Response id=\w{1,8} <([0-9a-f]{16,128})>", sure=True),
    directive(b"uthentication: Bearer ", rb"uthentication: Bearer ([\w.~+/=-]{12,4096})", sure=True),
    directive(b"PSK - hexdump|PMK - hexdump|PTK - hexdump|passphrase - hexdump|password - hexdump",
        rb"\w{3,10} - hexdump(?:_\w{3,8})?\(len=\d{1,5}\): ((?:[0-9a-f]{2}(?: )?){4,256})(?![\w\[])", sure=True),
    directive(b"resp=",
        rb"resp=(?=[A-Za-z+/]{0,200}[0-9=])((?:[A-Za-z0-9+/]{4}){3,1000}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)(?![\w+/=])",
        sure=True),
    directive(b'assword:"|assword: "|assword"|assword:*"|assword: *"',
        rb"assword:? ?\*?\"[^\n]{0,60}\n?[^\n]{0,60}?send(?:_user)?(?: --)? \"([^\"\\\n]{1,256})\\{1,2}[rn]", sure=True, several=True),
    directive(b"following password|password below",
        rb"(?:following password|password below)[^\n:]{0,80}:\s{1,8}(\S{8,128})(?=\s|\Z)", several=True),
    # Of several lines
    directive(
        b"machine |default login ",
        rb"(?:machine\s{1,16}\S{1,256}|default)(?:\s{1,16}(?:login|account|port)\s{1,16}\S{1,256}){0,3}?"
        rb"\s{1,16}password\s{1,16}<V>(?:\s{1,16}account\s{1,16}<V>)?",
        sure=True, several=True,
    ),
    directive(
        b'variable "',
        rb"variable \"(?:[\w-]{0,60}(?:passw|secret|token|api_?key|private_?key|passphrase)[\w-]{0,60}"
        rb"|(?:\w{1,40}_)?(?:pw|pwd|psk|pass))\"(?: )?"
        rb"\{[^{}]{0,1000}?default(?: )?=(?: )?\"([^\"\n]{1,512})\"",
        sure=True, several=True,
    ),
    directive(b"<auth-user-pass>", rb"<auth-user-pass>\s{1,8}[^\n]{1,256}\n(?: )?([^\s<][^\r\n]{0,511})", sure=True, several=True),
)  # fmt: skip
_LDIF = regex(
    rb"(?i)(?:userpassword|unicodepwd|samba(?:nt|lm)password|krbprincipalkey|userpkcs12|olcrootpw|ipanthash|supplementalcredentials)(?:;[\w-]{1,20})?"
    rb":(?::[ \t]{0,8}|[ \t]{1,8}(?:\{[\w-]{2,16}\})?)([^\s{][^\r\n]{0,4096}(?:\r?\n [^\r\n]{1,256}){0,200})"
)


def _begins_line(data: bytes, at: int) -> bool:
    line = data.rfind(b"\n", max(0, at - 256), at) + 1
    return at - line <= 256 and _BEFORE.match(data[line:at]) is not None  # noqa: PLR2004 - as far as was looked


def _found(directives: tuple[Directive, ...]) -> Find:
    def find(data: bytes, at: int) -> Iterator[Span]:
        for directive in directives:
            reach = _SEVERAL if directive.several else LINE
            match = directive.pattern.match(data, at, at + reach)
            if match is None:
                continue
            sure = directive.sure or _begins_line(data, at)
            for span in spans(match, "directive"):
                if sure or _is_evident(data, span):
                    yield span
            return

    return find


def _is_evident(data: bytes, span: Span) -> bool:
    """Whether a word is none of a sentence."""
    value = data[span.start : span.end]
    return data[span.start - 1 : span.start] in (b'"', b"'") or len(value) >= _EVIDENT or classes(value) > 1


def _ldif(data: bytes, at: int) -> Iterator[Span]:
    """A pass word of a directory, with the lines it is folded into."""
    if not data[at - 1 : at].isalnum():  # `MasterUserPassword:` is no attribute of a directory
        yield from spans(_LDIF.match(data, at), "ldap_password")


_ACL = regex(rb"(?<=\s)(?:>([^\s\"]{1,512})|#([0-9a-f]{64}))(?=[\s\"]|\Z)")


def _acl(data: bytes, at: int) -> Iterator[Span]:
    """Pass words of a user of Redis: `>P`, or `#` and a digest."""
    ends = (data.find(b"\n", at, at + _ROOM), data.find(data[at : at + 5], at + 5, at + _ROOM))
    if data.startswith(b" o", at) and not _ACL_USER.search(data, max(data.rfind(b"\n", max(0, at - 256), at) + 1, at - 256), at):
        return
    for match in _ACL.finditer(data, at, min([at + _ROOM, *(end for end in ends if end >= 0)])):
        yield from spans(match, "directive")


_ACL_USER = regex(rb"(?i)(?:user|setuser)[\"' \t]{1,4}[\w.@-]{1,64}")
_HERE = regex(rb"chpasswd(?: +-{1,2}[\w-]{1,20}){0,4} *<<-? *[\"'\\]?(\w{1,32})[\"']?[^\n]{0,200}\n")
_LIST = regex(rb"chpasswd\"?:")
_USER = regex(rb"[ \t]*(?:- +)?[\"']?(?:list:[ \t]*)?[\w.@\\-]{1,64}:(?!\s|[|>])(?:[ \t]*)([^\r\n]*?)[\"']?[ \t]*(?:\r?\Z|\r?(?=\n))")


def _chpasswd(data: bytes, at: int) -> Iterator[Span]:
    """`user:password`, one a line: below `chpasswd:` of cloud-init, and in what a shell gives to `chpasswd`."""
    here, listed = _HERE.match(data, at), _LIST.match(data, at)
    if not here and not listed:
        return
    line = data.rfind(b"\n", max(0, at - 256), at) + 1
    start = here.end() if here else data.find(b"\n", at, at + 256) + 1
    end = min(len(data), at + _SEVERAL)
    while 0 < start < end:
        stop = data.find(b"\n", start, end)
        stop = stop if stop >= 0 else end
        text = data[start:stop]
        if (here and text.strip() == here[1]) or (listed and text.strip() and len(text) - len(text.lstrip(b" ")) <= at - line):
            return
        match = _USER.match(data, start, stop)
        if match and not stays(match[1]) and match[1] not in (b"R", b"RANDOM"):
            yield Span(match.start(1), match.end(1), "chpasswd")
        start = stop + 1


def by_anchor(directives: tuple[Directive, ...]) -> tuple[Pattern, ...]:
    """One pattern for each directive: an anchor is asked about its own only."""
    title = "Secrets of configuration that stand behind a directive"
    return tuple(
        Pattern("directive", title, tuple(Literal(anchor) for anchor in each.anchors), _found((each,))) for each in directives
    )  # fmt: skip


PATTERNS: tuple[Pattern, ...] = (
    *by_anchor(_DIRECTIVES),
    Pattern("redis_acl", "Pass words of users of Redis", (Literal(b" on >"), Literal(b" on #"), Literal(b" off >"), Literal(b"SETUSER ")),
        _acl),
    Pattern(
        "ldap_password", "Pass words in LDIF, also folded and in base64",
        tuple(Literal(name, fold=True) for name in (
            b"userpassword", b"unicodepwd", b"sambantpassword", b"sambalmpassword", b"krbprincipalkey", b"userpkcs12", b"olcrootpw",
            b"ipanthash", b"supplementalcredentials",
        )), _ldif,
    ),
    Pattern("chpasswd", "Pass words of users that are to be created", (Literal(b"chpasswd"),), _chpasswd),
)  # fmt: skip
