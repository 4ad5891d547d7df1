"""Secrets on command lines that stand at a place of their own: behind a subcommand, behind the user, among the arguments of a check."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import STRONG, Meaning
from diagbundle.redact.named.plausible import random_like
from diagbundle.redact.shapes.text import exact, folded, hidden, within
from diagbundle.redact.span import Pattern, Span

_KIND = "command_password"
_REACH = 1024
_SECRET = rb"(?:\"([^\"\n]{1,512})\"|'([^'\n]{1,512})'|(?![-<\[|;&>])([^\s\"';|&<>`)]{3,512}))"
_WORD = rb"(?:\"[^\"\n]{1,256}\"|'[^'\n]{1,256}'|(?![-<\[|;&>])[^\s\"';|&<>]{1,256})"
_FLAGS = rb"(?:--?[\w-]{1,32}(?:=[^\s]{1,256})?[ \t]{1,16}){0,8}"


class _Command(NamedTuple):
    """How a command is written; the groups are the secrets."""

    anchors: str
    pattern: re.Pattern[bytes]


def _command(anchors: str, pattern: bytes) -> _Command:
    """In the pattern a blank stands for blanks, `<P>` for a secret, `<W>` for another word, `<F>` for flags without values."""
    written = pattern.replace(b" ", rb"[ \t]{1,16}").replace(b"<P>", _SECRET).replace(b"<W>", _WORD)
    return _Command(anchors, regex(written.replace(b"<F>", _FLAGS), re.IGNORECASE))


_COMMANDS = (
    # Directories and logins
    _command("radtest ", rb"radtest (?:-[tP] \S{1,16} |-\S{1,16} ){0,4}+<W> <P> <W> \d{1,5} <P>"),
    _command("samba-tool user ", rb"samba-tool user (?:create|add) <W> <P>"),
    _command("smbclient ", rb"smbclient (?:-[mOsU] \S{1,128} |-\S{1,64} ){0,6}+[\"']?(?://|\\{2,4})[^\s\"']{1,256}[\"']? <P>"),
    _command("doveadm auth ", rb"doveadm auth (?:test|login|cache) (?:-[aAmMrx] \S{1,128} |-\S{1,16} ){0,8}+<W> <P>"),
    _command("ejabberdctl |prosodyctl ",
        rb"(?:ejabberdctl|prosodyctl) <F>(?:register|change_password) <W> [\w-]{1,40}(?:\.[\w-]{1,40}){0,6} <P>"),
    _command("net user ", rb"net user <W> <P>(?=\s+/|\s*\n|\s*\Z)"),
    _command("net use ", rb"net use (?:[a-z*]:? )?<W> (?:/user:\S{1,128} )?(?![/\\])<P>(?=\s|\Z)"),
    _command("schtasks ", rb"schtasks(?:\.exe)? (?:/\w{1,8}(?: (?!/)[^\s/]\S{0,128})? ){1,16}/rp <P>"),
    _command("impacket-", rb"impacket-\w{4,16} (?:-[\w-]{1,24} ){0,6}?(?:[\w.-]{1,64}/)?[\w.$-]{1,64}:([^\s@/]{3,256})(?=@|\s|\Z)"),
    _command("exec.py |secretsdump.py |getuserspns.py |getnpusers.py |gettgt.py |smbclient.py |lookupsid.py ",
        rb"\w{4,12}\.py (?:-[\w-]{1,24} (?!-)\S{1,128} |-[\w-]{1,24} ){0,6}?(?:[\w.-]{1,64}/)?[\w.$-]{1,64}:([^\s@/]{3,256})(?=@|\s|\Z)"),
    _command("http -a |https -a |xh -a ", rb"(?:https?|xh) -a <P> [^\n]{0,200}?-A bearer"),
    _command("cf auth ", rb"cf auth <W> <P>"),
    _command("cmdkey ", rb"cmdkey [^\n]{0,200}?/pass:<P>"),
    _command("hdbuserstore ", rb"hdbuserstore (?:-\w )?set \S{1,64} \S{1,128} \S{1,64} <P>"),
    _command("-encrypt ", rb"-encrypt(?: |=)([A-Za-z0-9+/]{22,44}={0,2})(?=\s|\Z)"),
    _command("dsmadmc ", rb"dsmadmc [^\n]{0,200}?-pa(?:ss\w{0,4})?=<P>"),
    _command("hdparm ", rb"hdparm [^\n]{0,200}?--security-(?:unlock|set-pass|disable|erase(?:-enhanced)?) <P>"),
    _command("sedutil-cli ", rb"sedutil-cli (?:-v+ )?--\w{4,24} (?:\d{1,2} )?(?:on |off )?<P>(?: <P>)? /dev/"),
    _command("secret-set-value ", rb"secret-set-value (?!--)[\w-]{4,64} <P>"),
    _command("nickserv identify |nickserv :identify ", rb"nickserv :?identify (?:[\w|-]{1,32} )?<P>(?=\s{0,4}(?:\n|\Z))"),
    _command(".logon ", rb"\.logon \S{1,64}/\w{1,40}(?: )?,<P>"),
    _command("net rpc password ", rb"net rpc password <W> <P>"),
    _command("wbinfo ",
        rb"wbinfo (?:--?[\w-]{1,24} ){0,4}?(?:-a|-K|--authenticate|--krb5auth)(?: |=)[\"']?[^\s%\"']{1,128}%([^\s\"']{3,256})"),
    _command("mount.cifs |mount -t cifs |mount -t smb| cifs ",
        rb"(?:mount(?:\.cifs| -t (?:cifs|smb\w{0,3}))| cifs) [^\n]{0,400}?(?<=[\s,])user(?:name)?=[^\s,%]{1,64}%([^\s,\"']{3,256})"),
    _command("dsmc set password ", rb"dsmc set password <P>(?: <P>)?"),
    _command("sapcontrol |sapstartsrv ", rb"(?:sapcontrol|sapstartsrv) [^\n|;]{0,200}?-user <W> <P>"),
    _command("suseconnect ", rb"suseconnect [^\n|;]{0,200}?(?:-r|--regcode)(?: |=)<P>"),
    _command("pro attach |ua attach ", rb"(?:pro|ua) attach <F>([A-Za-z0-9]{20,64})(?=\s|\Z)"),
    # Makers of hashes
    _command("openssl passwd ", rb"openssl passwd (?:-(?:salt|in|writerand|rand) \S{1,128} |-\S{1,16} ){0,8}+<P>"),
    _command("rclone obscure ", rb"rclone obscure <P>"),
    _command("mkpasswd ", rb"mkpasswd (?:-[mSRPs] ?\S{1,32} |--?\w[\w-]{1,20}(?:=\S{1,64})? ){0,6}+<P>"),
    _command("oathtool ", rb"oathtool (?:-[dswNSc] \S{1,32} |--?[\w-]{1,24}(?:=\S{1,32})? ){0,8}+(?!@)<P>"),
    _command("hash-password |hashpw ", rb"(?:hash-password|hashpw) <F><P>"),
    # Databases
    _command("mysqladmin |mariadb-admin ", rb"(?:mysql|mariadb-)admin (?:(?!password)[^\s|;]{1,128} ){0,12}password <P>"),
    _command("isql ", rb"isql <F>[\w-]{1,64} [\w$.-]{1,64} <P>(?=\s|\Z)"),
    _command("connect to ", rb"connect to <W> user <W> using <P>"),
    _command(" catalog | auxiliary ", rb" (?:catalog|auxiliary) [\"']?[\w$#.]{1,64}/([^\s@\"'/]{3,128})@\w"),
    _command('"mysqladmin"|"mariadb-admin"',
        rb"\"(?:mysql|mariadb-)admin\"(?:, ?\"[^\"\n]{1,128}\"){0,12}?, ?\"password\", ?\"([^\"\n]{3,512})\""),
    # Stores and tools of developers
    _command("snyk auth |cargo login |setapikey |authtoken |add-authtoken |service install |operator unseal |operator rekey |vault unwrap ",
        rb"(?:snyk auth|cargo login|setapikey|(?:add-)?authtoken|service install|operator (?:unseal|rekey)|unwrap) <F>"
        rb"(?=[^\s]{0,512}\d)([\w.~+/=-]{16,512})(?=[\s\"']|\Z)"),
    _command("doctl auth init ", rb"doctl auth init (?:-t|--access-token)(?: |=)<P>"),
    _command("config http-basic.|config --global http-basic.|config -g http-basic.",
        rb"config (?:-g |--global )?http-basic\.\S{1,128} <W> <P>"),
    _command("config pypi-token.|oauth.|config bearer.|gitlab-token.",
        rb"(?:config (?:-g |--global )?)?(?:pypi-token|[\w-]{0,16}oauth|bearer|gitlab-token)\.\S{1,128} "
        rb"(?=[^\s]{0,512}\d)([\w.~+/=-]{16,512})"),
    _command("bundle config ", rb"bundle config <F>(?:set )?<F>[\w.-]{3,128} [\w.@-]{1,64}:([^\s\"'/]{4,256})"),
    _command("secret set ", rb"secret set <F><W> (?:-[a-z-]{1,16} \S{1,128} ){0,4}(?:--body(?: |=)|-b(?: )?)<P>"),
    _command("config set --secret |config set ",
        rb"config set (?:--?\w[\w-]{1,16} ){0,3}--secret (?:--?\w[\w-]{1,16} ){0,3}[\w:.[\]-]{1,80} <P>"),
    _command("user-secrets set ", rb"user-secrets set <F><W> <P>"),
    _command("reset-admin-password ", rb"reset-admin-password <F><P>"),
    _command("user:password ", rb"user:password <W> <P>"),
    _command("admin user add ", rb"admin user add <W> <W> <P>"),
    _command("user add ", rb"etcdctl[^\n]{0,200}user add [\w.@-]{1,64}:(\S{3,256})"),
    _command("signtool ", rb"signtool(?:\.exe)? sign (?:/[a-z]{1,3} (?!/)\S{1,200} |/[a-z]{1,3} ){0,8}?/p <P>"),
    _command("put-parameter ", rb"put-parameter (?=[^\n]{0,800}SecureString)[^\n]{0,600}?--value(?: |=)<P>"),
    _command("alias set |config host add ", rb"(?:alias set|config host add) <W> https?://\S{1,200} <W> <P>"),
    # Hardware
    _command("user set password ", rb"user set password \d{1,3} <P>"),
    _command("lan set ", rb"lan set \d{1,2} (?:password|snmp) <P>"),
    _command("password -i ", rb"password -i \d{1,3} <P>"),
    _command("racadm ",
        rb"racadm (?:-[a-z]{1,6} \S{1,128} |--?\w{1,20} ){0,6}set "
        rb"\S{1,80}\.\w{0,24}(?:password|passphrase|community\w{0,8}|psk|secret\w{0,8}) <P>"),
    _command("secret,", rb"secret,(?:[\w.-]{1,40}=[^\s,]{1,200},){0,6}?data=([^\s,\"']{4,1024})"),
    _command("set_password ", rb"set_password (?:vnc|spice) <P>"),
    _command("iwconfig ", rb"iwconfig <W> key (?:restricted |open )?(?:s:)?<P>"),
    _command("wpa_cli ", rb"wpa_cli (?:-\S{1,32}(?: \S{1,64})? ){0,3}+set_network \d{1,3} (?:psk|password|wep_key\d|sae_password) '?<P>"),
)  # fmt: skip


def _at(command: _Command) -> Pattern:
    def find(data: bytes, at: int) -> Iterator[Span]:
        pattern = command.pattern
        if found := pattern.match(data, at, at + _REACH):
            for group in range(1, pattern.groups + 1):
                yield from hidden(data, *found.span(group), _KIND)

    return Pattern(_KIND, "A secret at its place on a command line", folded(*command.anchors.split("|")), find)


_ODD = Meaning(STRONG, "password")
_ARGUMENT = regex(rb"[^\s\"'|;&<>!]{8,128}")
_CHECK = regex(rb"[ \t]-a[ \t]+([^\n|;&>]{8,512})")
_BANG = regex(rb"check_command[ \t]+[\w./-]{1,80}(![^\n]{1,512})")


def _arguments(data: bytes, start: int, end: int) -> Iterator[Span]:
    """Those of the arguments that nobody would think of."""
    for word in _ARGUMENT.finditer(data, start, end):
        if random_like(word[0], _ODD):
            yield from hidden(data, word.start(), word.end(), _KIND)


def _nrpe(data: bytes, at: int) -> Iterable[Span]:
    """`check_nrpe -H h -c check_db -a user P`."""
    found = _CHECK.search(data, at, within(data, at, _REACH))
    return _arguments(data, *found.span(1)) if found else ()


def _bang(data: bytes, at: int) -> Iterable[Span]:
    """`check_command check_db!user!P`."""
    found = _BANG.match(data, at, at + _REACH)
    return _arguments(data, *found.span(1)) if found else ()


PATTERNS: tuple[Pattern, ...] = (
    *(_at(command) for command in _COMMANDS),
    Pattern(_KIND, "A secret among the arguments of a check", exact("check_nrpe"), _nrpe),
    Pattern(_KIND, "A secret among the arguments of a check in its definition", exact("check_command"), _bang),
)
