"""Files whose lines hold secrets in a column, or whose whole is one; known by their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import STRONG, Meaning
from diagbundle.redact.named.plausible import is_secret
from diagbundle.redact.places.judge import WORD, all_spans, classes, stays
from diagbundle.redact.places.typed import is_typed
from diagbundle.redact.span import Span

Rows = Callable[[bytes], Iterable[Span]]

_TO_END = rb"(?:\"(?:Bearer |Basic |Token )?([^\"\n]{1,1024})\"|'([^'\n]{1,1024})'|([^\s\"'][^\r\n]{0,1023}?))[ \t]*\r?$"
"""A value to the end of its line, in quotes or not."""
_FIELD = rb"(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'#][^\s]*)"
_SCHEME = rb"(?:\{[A-Z0-9-]{2,16}\}|\$[\w-]{1,20}\$(?:[a-z]{1,10}=\d+(?:,[a-z]=\d+)*\$)?)?"


def _columns(pattern: bytes, kind: str = "column") -> Rows:
    """The groups of every line; `<V>` is a word, `<E>` a value to the line's end, `<F>` a field that stays."""
    written = pattern.replace(b"<V>", WORD).replace(b"<E>", _TO_END).replace(b"<F>", _FIELD).replace(b"<B>", rb"[ \t]+")
    lines = regex(written, re.MULTILINE)
    return lambda data: all_spans(lines, data, kind)


_WIREGUARD = regex(rb"^([^\t\n]*(?:\t[^\t\n]*)+)$", re.MULTILINE)
_SECRET_COLUMN = {4: 0, 5: 1, 8: 1, 9: 2}
"""By the number of columns: an interface has its private key, a peer the key shared with it; `all` puts the interface's name in front."""


def _wireguard(data: bytes) -> Iterator[Span]:
    """`wg show X dump`. Public keys stay."""
    for line in _WIREGUARD.finditer(data):
        fields = line[0].split(b"\t")
        column = _SECRET_COLUMN.get(len(fields))
        if column is not None and not stays(fields[column]):
            start = line.start() + sum(len(field) + 1 for field in fields[:column])
            yield Span(start, start + len(fields[column]), "wireguard_key")


_COMMAND_LINE = regex(rb"^(?:: \d+:\d+;)?([^\s=;|&<>(){}$/`~][^\s=;|&<>(){}`]{5,63})[ \t]*\r?$", re.MULTILINE)
_PROGRAM = regex(
    rb"[a-z][a-z0-9]*(?:[._+-][a-z0-9]+)*|[A-Z_]+|[\w.-]+\.(?:sh|py|pl|rb|bin|run|exe|jar)|[!#^-].*|[A-Za-z]:\\.*|\.{1,2}/.*|[a-z][a-z0-9+]*://.*"
)


def _history(data: bytes) -> Iterator[Span]:
    """A line that is one odd word: a pass word typed at the shell's prompt."""
    for line in _COMMAND_LINE.finditer(data):
        word = line[1]
        if not _PROGRAM.fullmatch(word) and classes(word) > 1 and not stays(word) and is_typed(word):
            yield Span(line.start(1), line.end(1), "typed_name")


_ACL_LINE = regex(rb"^[ \t]*user[ \t]+[^\n]*", re.MULTILINE)
_ACL_WORD = regex(rb"(?<=[ \t])(?:>(\S+)|#([0-9a-f]{64}))")


def _redis(data: bytes) -> Iterator[Span]:
    for line in _ACL_LINE.finditer(data):
        yield from all_spans(_ACL_WORD, data, "column", line.start(), line.end())


_TYPED_NAME = regex(rb"^(\S{4,64})[ \t]+(?:ssh|tty|pts|:|ftp)", re.MULTILINE)


def _logins(data: bytes) -> Iterator[Span]:
    """Names of failed logins that look like pass words."""
    for line in _TYPED_NAME.finditer(data):
        if is_typed(line[1]):
            yield Span(line.start(1), line.end(1), "typed_name")


_second_of_colons = _columns(rb"^[^:\s#+-][^:\n]*:!{0,2}" + _SCHEME + rb"([^:\s!*][^:\n\r]*)(?=[:\r\n]|\Z)", "password_hash")
_user_colon_rest = _columns(rb"^[^:#\s][^:\n]*:<E>")
_whole = _columns(rb"^[ \t]*(\S(?:[^\r\n]*\S)?)[ \t]*\r?$", "secret_file")
_ONLY = regex(rb"\A[ \t]*([^\s#:=<>{}()\[\]/@!-][^\r\n#:=<>{}()\[\]]{3,255}?)[ \t]*\r?\n?\Z")


def _one(data: bytes) -> Iterable[Span]:
    """A file that is called by its secret, and has one line: `/etc/borg/passphrase`."""
    return all_spans(_ONLY, data, "secret_file")


_WORDY = regex(
    rb"(?i)^[ \t]*(?:[\w.-]*(?:[_.-]secret|[_.-]token|[_.-]authtoken|"
    rb"(?:shared|secret|private|api|auth|access|encryption|cipher|signing|props|keystore)[_.-]?key)"
    rb"(?:[ \t]*[=:][ \t]*|[ \t]+)|(?:token|secret|authtoken|apikey|sharedkey|secretkey)[ \t]*[=:][ \t]*)"
    rb"([a-z]{6,64}|[a-z]{3,16}(?:-[a-z]{3,16}){1,5})[ \t]*\r?$",
    re.MULTILINE,
)
_OF_LETTERS = Meaning(STRONG, "secret")


def _wordy(data: bytes) -> Iterator[Span]:
    """Settings of letters only: in a program `token = next` is code, in a file of settings it is a secret."""
    for line in _WORDY.finditer(data):
        if is_secret(line[1], _OF_LETTERS, direct=False, quoted=False, spaced=False):
            yield Span(line.start(1), line.end(1), "setting")


_SETTING = (
    rb"(?:psk|wep[_-]key\d|sae_password|wpa_(?:passphrase|psk)|leap-password|private-key|preshared-key|pin|private_key\d?_passwd|key_passphrase\d?|"
    rb"key\d?|"
    rb"(?:[\w.-]*[_.-])?(?:secret(?:[_-]?(?:access[_-]?)?key)?|pass|passwd|password|pwd|pw|authtok|bindpw|authtoken|auth|token)|"
    rb"[a-z]{2,10}(?:pass|passwd|password))"
)
_settings = _columns(rb"(?i)^[ \t]*[#;]?[ \t]*[\"']?(?:[^\s=]*:)?" + _SETTING + rb"[\"']?[ \t]*[=:][ \t]*(?!/[\w.-]+/)<E>", "setting")

_NAMES: tuple[tuple[str, Rows], ...] = (
    ((r"(?:^|/)g?shadow-?$|^getent g?shadow\b|(?:^|/)passwd-?$|^getent passwd\b"
     r"|\.htpasswd$|(?:^|/)htpasswd[^/]*$|\.passwd$|(?:^|/)dovecot/[^/]*users$"),
     _second_of_colons),
    (r"(?:^|/)squid[^/]*/[^/]*passw(?:or)?ds?$|mosquitto[^/]*/[^/]*(?:pass|pw)[^/]*$|(?:^|/)nginx/[^/]*passw(?:or)?d$", _second_of_colons),
    (r"\.htdigest$|(?:^|/)htdigest[^/]*$|(?:^|/)(?:[^/]*[-_.])?digest\.(?:pw|passwd|users?|auth|txt)$|(?:^|/)(?:[^/]*[-_.])?digest[-_.]?(?:passwd|users)$",
     _columns(rb"^[^:#\n]+:[^:\n]*:([0-9a-fA-F]{32,})", "password_hash")),
    (r"(?:^|/)flows[^/]*_cred\.json$", _columns(rb"\"\$\"[ \t]*:[ \t]*\"([^\"\n]{32,})\"")),
    (r"(?:^|/)opasswd(?:\.old)?$", _columns(rb"^[^:\n]+:\d*:\d*:([^\n]+)", "password_hash")),
    (r"(?:^|/)smbpasswd$|^pdbedit -[Lw]+",
     _columns(rb"^[^:#\n]+:\d+:([0-9A-F]{32}|[^:\n]{4,}):([0-9A-F]{32}|[^:\n]{4,})", "password_hash")),
    (r"(?:^|/)\.?pgpass(?:\.conf)?$", _columns(rb"^(?!#)(?:(?:[^:\\\n]|\\.)*:){4}([^\r\n]+)")),
    (r"(?:^|/)(?:pcp\.conf|pool_passwd)$", _second_of_colons),
    (r"(?:^|/)collectd/[^/]*(?:passwd|users|auth)[^/]*$", _columns(rb"^[^:#\s][^:\n]*:[ \t]*<E>")),
    (r"(?:^|/)[^/]*key-?file$|(?:^|/)mongo[^/]*/[^/]*\.key$|(?:^|/)\.?x11vnc[^/]*pass[^/]*$", _whole),
    (r"(?:^|/)jmx[^/]*\.passw(?:or)?d$|(?:^|/)racoon/psk[^/]*\.txt$|(?:^|/)psk\.txt$", _columns(rb"^[ \t]*<F><B><V>")),
    (r"(?:^|/)[^/]*\.psk$", _columns(rb"^[ \t]*(?:[\w.@-]{1,64}:)?([0-9a-fA-F]{32,512})[ \t]*\r?$", "secret_file")),
    (r"(?:^|/)amandapass$", _columns(rb"^[ \t]*<F><B>(?:[^\s%]*%)?<V>")),
    (r"(?:^|/)resource[^/]*\.cfg$", _columns(rb"^[ \t]*\$USER\d{1,3}\$[ \t]*=[ \t]*(?![/~])<E>")),
    (r"(?:^|/)\.google_authenticator$", _columns(rb"^([A-Z2-7]{16,128}|\d{6,10})[ \t]*\r?$", "secret_file")),
    (r"(?:^|/)voicemail[^/]*\.conf$", _columns(rb"^[ \t]*\d{1,16}[ \t]*=>[ \t]*(\d{3,12})(?=,|[ \t]*\r?$)")),
    (r"(?:^|/)[._]?curlrc$",
     _columns(rb"^[ \t]*(?:-{0,2}(?:proxy-)?user|-[uU])(?:[ \t]*[=:][ \t]*|<B>)[\"']?[^\s:\"']{0,128}:([^\s\"']{1,256})")),
    (r"(?:^|/)(?:turnserver|coturn|turn)[^/]*\.conf$", _columns(rb"^[ \t]*user[ \t]*=[ \t]*[^\s:]{1,128}:(\S{1,256})")),
    (r"(?:^|/)(?:vsftpd[^/]*/[^/]*(?:login|user|pass|pw)|vsftpd[^/]*(?:login|user|pass|pw))[^/]*\.txt$",
     _columns(rb"^[^\n]{1,128}\n([^\r\n]{1,256})")),
    (r"(?:^|/)deluge[^/]*/auth$", _columns(rb"^[ \t]*[\w.@-]{1,64}:([^:\s]{3,256})(?::\d{1,3})?[ \t]*\r?$")),
    (r"(?:^|/)lighttpd[^/]*(?:/[^/]*(?:users?|passwd|plain)[^/]*|[._-](?:users?|passwd))$", _second_of_colons),
    (r"(?:^|/)ossec[^/]*/etc/client\.keys$|(?:^|/)(?:wazuh|ossec)[^/]*client\.keys$",
     _columns(rb"^[ \t]*\d{1,8}[ \t]+\S{1,128}[ \t]+\S{1,64}[ \t]+([0-9a-f]{32,128})[ \t]*\r?$")),
    (r"(?:^|/)(?:pki|pki-[^/]*|dirsrv[^/]*|ca|kra)/(?:.*/)?(?:server)?password\.conf$",
     _columns(rb"^[ \t]*[\w.-][\w. -]{0,63}[ \t]*=[ \t]*<E>")),
    (r"(?:^|/)(?:auth_flat_file|shiro[^/]*)\.ini$|(?:^|/)svn[^/]*/(?:.*/)?conf/passwd$|(?:^|/)svnserve[^/]*passw(?:or)?d$",
     _columns(rb"^[ \t]*(?!(?:methods|constrain_sender|\w+\.\w+)[ \t]*=)[\w.@-]{1,64}[ \t]*=[ \t]*"
              rb"([^\s,;\"'][^\r\n,;\"']{1,255}?)[ \t]*(?:,[^\r\n]{0,256})?\r?$")),
    (r"(?:^|/)ipsec[^/]*(?:/[^/]*)?\.?secrets$", _columns(rb"(?:^|[ \t]):[ \t]+(?:PSK|XAUTH|EAP|NTLM|IKE)[ \t]+([^\s\"'][^\s]{2,255})")),
    (r"(?:^|/)tac_plus[^/]*(?:\.conf|\.cfg|/[^/]*)$", _columns(rb"^[ \t]*key[ \t]*=[ \t]*<E>")),
    (r"(?:^|/)\.?(?:[\w.-]*[._-])?(?:password|passphrase|passwd|pass|pw|secret|api[_-]?key|token)(?:[_-]?file)?(?:\.txt)?$", _one),
    (r"(?:^|/)\.?cvspass$", _columns(rb"^(?:/1[ \t]+)?:\S+[ \t]+(A\S{2,256})")),
    (r"(?:^|/)(?:chap|pap|srp|l2tp)-secrets$", _columns(rb"^[ \t]*<F><B><F><B><V>")),
    (r"pam_radius_auth\.conf$|(?:^|/)(?:raddb|pam_radius)/(?:server|clients)$|(?:radiusclient(?:-ng)?|radcli)/servers$",
     _columns(rb"^[ \t]*<F><B><V>")),
    (r"(?:^|/)(?:chrony\.keys|ntp\.keys|ntp/keys|ntpkeys)$",
     _columns(rb"^[ \t]*\d+<B>(?:(?:MD5|M|SHA\S*|AES\S*|CMAC\S*|A|N|S|RMD160|md5|sha\S*)<B>)?(?:HEX:|ASCII:)?<V>")),
    (r"(?:^|/)authkeys$", _columns(rb"^[ \t]*\d+<B>(?:md5|sha1)<B><V>")),
    (r"(?:^|/)(?:rsyncd\.(?:secrets|scrt)|rsync\.(?:pass|secrets))$", _user_colon_rest),
    (r"stunnel[^/]*/[^/]*(?:psk|secrets)[^/]*$", _columns(rb"^[ \t]*[\w.@-]+:([0-9a-fA-F]{32,}|[^\s:]{16,})[ \t]*\r?$")),
    (r"(?:^|/)\.?monit(?:rc|/.*)$", _columns(rb"^[ \t]*allow<B>(?:\"?[\w.@-]{1,64}):<V>")),
    (r"(?:^|/)pgbouncer/[^/]*userlist[^/]*$|(?:^|/)userlist\.txt$", _columns(rb"^\"[^\"\n]*\"<B>\"(?:md5|SCRAM-SHA-256\$)?([^\"\n]+)\"")),
    (r"(?:^|/)passwd\.client$", _columns(rb"^(?!#)[^:\n]*:[^:\n]*:<E>")),
    (r"(?:^|/)sasl_passw(?:or)?d[^/]*$|(?:^|/)sender_passwd$", _columns(rb"^[^\s#]\S*[ \t]+[^:\s]*:<E>")),
    (r"davfs2?[/-]secrets$|\.davfs2/secrets$", _columns(rb"^[ \t]*<F><B><F><B><V>")),
    ((r"(?:^|/)ppp/(?:options[^/]*|peers/[^/]+)$|(?:^|/)\.?(?:msmtprc|fetchmailrc|esmtprc)$|bird\d?\.conf$"
     r"|frr/[^/]*\.conf$|quagga/[^/]*\.conf$"),
     _columns(rb"(?:^|[ \t])(?:password|passwd|pass)<B>(?:[0-9]<B>)?(?![^\s]*\()<V>")),
    (r"(?:^|/)[^/]*realm[^/]*\.properties$", _columns(rb"^[ \t]*[\w.@-]{1,64}[ \t]*[:=][ \t]*(?:(?:OBF|MD5|CRYPT):)?([^\s,#][^\s,]*)")),
    (r"(?:^|/)(?:[\w-]*-)?users\.properties$",
     _columns(rb"^[ \t]*(?!_g_)[\w.@-]{1,64}[ \t]*=[ \t]*(?:ENC\()?([^\s,#()][^\s,)]*)")),
    (r"(?:^|/)(?:[\w-]*-)?tokens?\.csv$|(?:^|/)(?:kube-)?(?:static|known)[-_]tokens?[^/]*$|(?:^|/)basic[-_]auth\.csv$",
     _columns(rb"^[ \t]*\"?([^\s,\"#]{6,512})\"?,")),
    (r"(?:^|/)\.?passwd-s3fs$", _columns(rb"^(?!#)(?:[\w.-]+:)?[\w-]{3,128}:([^\s:]{3,512})[ \t]*\r?$")),
    (r"(?:^|/)\.?netrc$|(?:^|/)apt/auth\.conf(?:\.d/[^/]+)?$", _columns(rb"(?:^|\s)(?:password|account)\s+<V>")),
    (r"(?:^|/)haproxy[^/]*/[^/]*\.cfg$", _columns(rb"^[ \t]*user<B>\S+<B>(?:insecure-)?password<B><V>")),
    (r"(?:^|/)redis[^/]*\.conf$|(?:^|/)(?:users|redis)[^/]*\.acl$|(?:^|/)sentinel\.conf$|(?:^|/)valkey[^/]*\.conf$", _redis),
    (r"(?:^|/)grub(?:2|\.d)?/[^/]*$|(?:^|/)(?:grub|menu)\.(?:cfg|conf|lst)$|(?:^|/)user\.cfg$",
     _columns(rb"^[ \t]*password(?:_pbkdf2)?<B>(?:--(?:md5|encrypted)<B>)?(?:[\w.-]+<B>)?<V>[ \t]*\r?$")),
    (r"openvpn/(?:.*/)?[^/]*(?:auth|login|pass|cred)[^/]*$|(?:^|/)[^/]*auth-user-pass[^/]*$",
     _columns(rb"\A[^\n]*\n([^\r\n]+)", "secret_file")),
    (r"^wg show \S+ dump$|^wg show .*dump|(?:^|/)(?:wg|wireguard)[^/]*dump[^/]*$", _wireguard),
    (r"^wg show (?:\S+ )?(?:private-key|preshared-keys)$", _columns(rb"^(?:[^\t\n]*\t)*([A-Za-z0-9+/]{43}=)[ \t]*$", "wireguard_key")),
    ((r"(?:^|/)\.(?:erlang\.cookie|vault-token|vault_pass(?:word)?(?:\.txt)?|mysql_secret)$|(?:^|/)(?:pam_|libnss-)?ldap\.secret$"
     r"|(?:^|/)run/secrets/.*[^/]$"
     r"|zabbix[^/]*/[^/]*\.psk$|(?:^|/)config/(?:master|credentials/[^/]+)\.key$|(?:^|/)secrets/(?:initialAdminPassword|master\.key)$|(?:^|/)(?:pwdfile|pin)\.txt$"
     r"|k3s/server/(?:node-|agent-)?token$|rke2/server/(?:node-|agent-)?token$"), _whole),
    ((r"(?:^|/)\.?(?:my|mylogin|client)\.cnf$|(?:^|/)\.(?:npmrc|pypirc|s3cfg|smbcredentials|boto|yarnrc)$|cred(?:ential)?s?[^/]*$|cifs[^/]*$"
     r"|wpa_supplicant[^/]*\.conf$"
     r"|hostapd[^/]*\.(?:conf|psk)$|\.nmconnection$|netplan/[^/]*\.ya?ml$"
     r"|network-scripts/keys-[^/]*$|ifcfg-[^/]*$|sssd/.*\.conf$"), _settings),
    (r"(?:^|/)[^/]*\.(?:ini|conf|cfg|cnf|properties|env)$", _wordy),
    (r"_history$|(?:^|/)\.(?:sh_)?history$|^history$", _history),
    (r"^lastb\b|(?:^|/)btmp[^/]*$", _logins),
    (r"^aureport .*--tty\b", _columns(rb"^\d+\. (?:\S+ ){7}([^\n]+)", "typed_keys")),
)  # fmt: skip
_KNOWN = tuple((regex(pattern), judge) for pattern, judge in _NAMES)
_ANY = regex("|".join(f"(?:{pattern})" for pattern, _ in _NAMES))
"""One look for most files, which have none of these names."""


def rows(name: str) -> Rows | None:
    """What judges every line of a file of this name, or of what a command prints: its words joined by blanks."""
    if not _ANY.search(name):
        return None
    known = [judge for pattern, judge in _KNOWN if pattern.search(name)]
    return lambda data: (span for judge in known for span in judge(data))
