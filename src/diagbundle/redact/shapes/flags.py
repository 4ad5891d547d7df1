"""Short flags whose value is a secret after the command that gives them this meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from diagbundle.redact.lazy import regex
from diagbundle.redact.shapes.headers import cookie_pairs
from diagbundle.redact.shapes.text import hidden, line_start, mixed
from diagbundle.redact.shapes.words import Word, word_at
from diagbundle.redact.span import Literal, Pattern, Span

_BACK = 1024
"""Bytes before a flag in which its command stands."""


class _Flag(NamedTuple):
    """What a short flag means to some commands."""

    commands: re.Pattern[bytes]
    form: str
    """`word`: the secret follows the flag, glued to it or not; `apart`: never glued; `odd`: nor a plain word; `glued`: glued, or
    apart where it looks like one; `cookies`: names and values; else the user stands before it, and this is what parts the two."""
    needs: re.Pattern[bytes] | None = None
    """What must stand between the command and the flag."""


def _flag(commands: str, form: str, needs: str = "") -> _Flag:
    return _Flag(regex(commands.encode(), re.IGNORECASE), form, regex(needs.encode()) if needs else None)


_LOGIN = "docker|podman|nerdctl|buildah|skopeo|helm|oras|az|oc|cf|ibmcloud|argocd|crane|regctl|snap|npm|gcloud|rclone|twine|heroku|faas-cli"
_SNMP = "snmp(?:b?get|bulkget|bulkwalk|walk|set|getnext|table|df|status|test|trap|inform|usm|netstat|delta|ps|translate|vacm)?"
_SNMP += "|snmp-check|snmptrapgen|trapsess|trapgen"
_LDAP = "ldap(?:search|add|modify|delete|whoami|compare|modrdn|exop|vi|passwd|url)|dsconf|dsidm|dsctl|db2ldif|ldif2db"
_SMB = (
    "smbclient|rpcclient|net|smbget|smbcacls|smbtree|wbinfo|samba-tool|winexe|wmic|smbcquotas|ntlm_auth|smbmap"
    "|smbspool|pth-\\w+|pdbedit|mount\\.cifs"
)
_CLIENTS = "influx|doctl|hcloud|vercel|netlify|surge|sentry-cli|cloudsmith|codecov|doppler|infisical|railway|turso|sonar-scanner|tea|ngrok"
"""Commands whose `-t` is a token."""
WEB = (
    "curl|wget|govc|http|https|xh|httpie|ab|siege|wrk|aria2c|lftp|etcdctl|ctr|crictl|skopeo|nerdctl|es|elasticdump|jfrog"
    "|jf|svn|cadaver|hey|grpcurl|curlie|wscat"
)
_FLAGS: dict[bytes, tuple[_Flag, ...]] = {
    b"-p": (
        _flag(r"mysql\w*|mariadb[\w-]*|innobackupex|xtrabackup|mydumper|myloader|mytop|innotop|pt-[\w-]+|percona\w*", "glued"),
        _flag("doveadm", "word", r"\bpw\b"),
        _flag("ipa-(?:server|replica|ca|kra)-[\\w-]+", "word"),
        _flag("sshpass", "word", r"^(?:\s+-[vfdeh]+)*\s*$|^[\"',\s\\\x00a0-9=]*$"),
        _flag(_LOGIN, "word", r"\blogin\b"),
        _flag(
            "7z[arz]?|rar|unrar|mongo\\w*|cqlsh|fence_\\w+|crackmapexec|nxc|netexec|smbmap|rdesktop|evil-winrm"
            "|useradd|usermod|racadm|ipmipower|twine|conan|poetry",
            "word",
        ),
        _flag(
            "bmc-\\w+|ipmi-\\w+|ipmiconsole|rabbitmqadmin|couchbase-cli|cbq|cbbackupmgr|esxcli|cypher-shell|ncftp\\w*"
            "|tmsh|pcs|hydra|keytool|check_\\w+",
            "word",
        ),
        _flag(
            "openfortivpn|sstpc|medusa|ncrack|patator|vncdo\\w*|ilorest|hponcfg|tabcmd|psexec\\w*|paexec|credhub|jmxterm|mqtt-cli|certutil"
            "|keepassxc-cli|imapsync|mutt|smtp-cli|wpscan|ovftool|govc|vic-machine\\S*|bcp|lpadmin|ewfmount|bdemount|dislocker\\S*",
            "word",
        ),
        _flag(
            "hdbsql|sas2ircu|omconfig|perl-dbi|nsrauth|onstat|beeline|tdload|clickhouse-client|impala-shell|vertica|vsql|nzsql|arangosh|bteq|wlst|asadmin",
            "word",
        ),
    ),
    b"-P": (
        _flag(
            "zip|unzip|p4|ipmitool|mosquitto_\\w+|sqlcmd|bcp|isql|osql|tsql|fisql|ssh-keygen|nxclient|xmlwf|freebcp|zipcloak|zipnote|mqttx",
            "word",
        ),
        _flag("ab", ":"),
    ),
    b"-b": (_flag("curl", "cookies"),),
    b"-t": (_flag(_CLIENTS, "odd"),),
    b"-hp": (_flag("rar", "word"),),
    b"-pw": (_flag("plink|pscp|psftp|putty|kitty|klink|kadmin(?:\\.local)?|addprinc|add_principal|ank|cpw|change_password", "word"),),
    b"-u": (_flag("lftp", ","), _flag(WEB, ":")),
    b"-U": (_flag("curl", ":"), _flag(_SMB, "%")),
    b"-a": (
        _flag("(?:redis|valkey|keydb)-(?:cli|benchmark)|iredis|ldappasswd|ipa-server-install", "word"),
        _flag("http|https|xh|httpie", "word", r"(?:-A|--auth-type)[ =]?bearer\b"),
        _flag("http|https|xh|httpie|check_http", ":"),
    ),
    b"-A": (_flag(_SNMP, "word"), _flag("ab", ":")),
    b"-X": (_flag(_SNMP, "word"),),
    b"-c": (_flag("esxcli", "word"), _flag(_SNMP + "|check_\\w*snmp\\w*", "word")),
    b"-C": (_flag("check_\\w*snmp\\w*|onesixtyone", "word"),),
    b"-w": (_flag(_LDAP + r"|vsql|kadmin(?:\.local)?|ipa-[\w-]+", "word"),),
    b"-s": (_flag("ldappasswd|slappasswd", "word"),),
    b"-N": (_flag("ssh-keygen", "word"),),
    b"-k": (_flag("openssl", "apart"),),
    b"-K": (_flag("openssl", "apart"), _flag("pk12util", "word")),
    b"-W": (_flag("pk12util", "word"),),
    b"-xp": (_flag("sendemail", "word"),),
    b"-ap": (_flag("swaks", "word"),),
    b"/p:": (_flag("xfreerdp3?|wlfreerdp|mstsc", "word"),),
}
_OTHERS = (
    "ssh|scp|sftp|rsync|mkdir|cp|ps|tar|kill|pgrep|nmap|netstat|ss|chown|chmod|install|grep|find|iptables|perf"
    "|strace|nc|psql|run|exec|compose|bash|sh"
)
_COMMAND = regex(
    rb"("
    + b"|".join(sorted({flag.commands.pattern for flags in _FLAGS.values() for flag in flags} | {_OTHERS.encode()}))
    + rb")(?:\.exe|\.bin|-?[0-9][0-9.]*)?",
    re.IGNORECASE,
)
_WORD = regex(rb"(?:^|(?<=[\s/\"'=(|;&`>\x00]))[A-Za-z0-9][\w.-]{0,63}+(?=[\s\"'\\\x00!])")
"""What may be a command: most words are none, and the same few stand in most lines."""
_NEXT = regex(rb"[ \t]+|=|\x00|(\\*[\"']),?\s{0,40}(?:a[0-9]{1,3}=)?\\*[\"']")
_BREAK = regex(rb"[|;&](?=\s)|(?<!\\)(?<!\\\r)\n|\b(?:run|exec)\s")
_PORTS = regex(rb"(?:[0-9.]+:)?[0-9-]+:[0-9-]+(?:/\w+)?|[0-9]{1,3}(?:,[0-9]+)*")
_LEADS = (b" ", b"\t", b"\0", b'"', b"'", b"!")


def _owner(data: bytes, at: int) -> tuple[bytes, int] | None:
    """The command before a flag and where it ends."""
    block = at - at % _BACK
    low = line_start(data, at, at - max(0, block - _BACK))
    line = data.find(b"\n", at, block + _BACK)
    for name, end in reversed(_owners(data[low : line + 1 if line >= 0 else block + _BACK])):
        if low + end <= at:
            return (name, low + end) if low + end > at - _BACK + len(name) else None
    return None


@lru_cache(maxsize=8)
def _owners(text: bytes) -> list[tuple[bytes, int]]:
    """The commands in a text and where they end; remembered, for a line may hold a flag at every third byte."""
    return [(name, found.start() + len(name)) for found in _WORD.finditer(text) if (name := _command(found[0]))]


@lru_cache(maxsize=4096)
def _command(word: bytes) -> bytes:
    """The command that a word is, without its version."""
    command = _COMMAND.fullmatch(word)
    return command[1] if command else b""


def _short_flag(data: bytes, at: int) -> Iterable[Span]:
    """The value of a short flag, if the command before it says that it is a secret."""
    if data[at + 2 : at + 3] == b"-":
        return ()
    cluster = _CLUSTER.match(data, at + 1, at + 12)
    letters = data[at + 1 : at + 4]
    name = letters if letters in _FLAGS else letters[:2]
    if cluster:
        at, name = cluster.end() - 2, b"-u"
        letters = name
    if name not in _FLAGS:
        return ()
    owner = _owner(data, at)
    if owner is None and name in (b"-p", b"-P", b"-pw"):
        return _of_any(data, at, at + 1 + (3 if letters == b"-pw" else 2))
    if owner is None or _BREAK.search(data, owner[1], at):
        return ()
    spans: list[Span] = []
    for width in (3, 2) if name != letters[:2] else (2,):
        for flag in _FLAGS.get(letters[:width], ()):
            between = data[owner[1] : at]
            if flag.commands.fullmatch(owner[0]) and (flag.needs is None or flag.needs.search(between)):
                return _flagged(data, at, at + 1 + width, flag.form)
    return spans


_WITH_USER = regex(rb"(?:\s|\A)(?:-[uUnl]|--?user(?:-?name)?|--?login)[ =][^\s|;&-][^\s|;&]{0,80}(?:\s[^|;&\n]{0,160})?\Z")
"""Before a flag: the user of a command that nobody here has heard of."""


def _of_any(data: bytes, at: int, after: int) -> Iterable[Span]:
    """`newtool -u bob -p P`: of a command with a user, `-p` takes the pass word where the word looks like one."""
    line = line_start(data, at, 256)
    word = word_at(data, after + 1) if data[after : after + 1] == b" " else None
    if not word or not _WITH_USER.search(data[line:at]) or not mixed(value := data[word.start : word.end]) or b"/" in value:
        return ()
    return hidden(data, word.start, word.end, "command_password")


_CLUSTERED = b"sSkivLfgNjGI"
_CLUSTER = regex(rb"-[" + _CLUSTERED + rb"]{1,7}u(?=[\s\"'])")
"""Flags without a value and `-u` in one word: `-sSku bob:P`."""


def _flagged(data: bytes, at: int, after: int, form: str) -> Iterator[Span]:
    """The secret behind a flag of this form."""
    lead = data[at : at + 1]
    if lead in (b'"', b"'"):
        head = data[max(0, at - 8) : at]
        lead = head[len(head.rstrip(b"\\")) :] + lead
    is_apart = _NEXT.match(data, after, after + 80)
    if form in ("apart", "odd") and not is_apart:
        return
    if is_apart:
        lead = data[is_apart.start() : is_apart.end()][-1:] if is_apart[0] == b"\0" or is_apart[1] else b" "
        lead = is_apart[1] or lead
        after = is_apart.end()
    word = word_at(data, after, lead=lead)
    if word is None or word.start == word.end:
        return
    value = data[word.start : word.end]
    if (is_apart and (value.startswith(b"-") or (form in ("glued", "odd") and not mixed(value)))) or _PORTS.fullmatch(value):
        return
    yield from _in_form(data, word, form)


def _in_form(data: bytes, word: Word, form: str) -> Iterator[Span]:
    start = word.start
    if form == "cookies":
        yield from cookie_pairs(data, start, word.end, is_quoted=True)
        return
    if form not in ("word", "glued", "apart", "odd"):
        place = data.find(form.encode(), word.start, word.end)
        start = place + 1
        if place < 0 or (form != "%" and data[word.start : place].find(b"/") >= 0) or data[start : start + 2] == b"//":
            return
    yield from hidden(data, start, word.end, "command_password")


def _anchors() -> Iterator[Literal]:
    """One letter where it is a flag by itself, two where only both are: most flags in a log are none of these."""
    single = bytes({flag[1] for flag in _FLAGS if len(flag) == len(b"-p")})
    for lead in _LEADS:
        yield Literal(lead + b"-", next=single)
        for first in sorted({flag[1] for flag in _FLAGS} | {*_CLUSTERED}):
            if first not in single:
                second = {flag[2] for flag in _FLAGS if flag[1] == first and len(flag) > len(b"-p")}
                second |= {*_CLUSTERED, *b"u"} if first in _CLUSTERED else set()
                yield Literal(lead + b"-" + bytes([first]), next=bytes(sorted(second)))


PATTERN = Pattern(
    "command_password",
    "A short flag that takes a secret after this command",
    (*_anchors(), Literal(b" /p:")),
    _short_flag,
)
