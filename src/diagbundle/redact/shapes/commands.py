"""Secrets on command lines whose flag or place means a secret only after the command that gives it this meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import NO, STRONG, meaning
from diagbundle.redact.named.plausible import is_secret
from diagbundle.redact.shapes import flags
from diagbundle.redact.shapes.text import LONG, closing, exact, folded, hidden, line_start, mixed, within
from diagbundle.redact.shapes.words import Word, word_at
from diagbundle.redact.span import Literal, Pattern, Span

_FAR = 512
"""Bytes of what stands before a pipe."""
Rule = Callable[[bytes, int], Iterable[Span]]
_TAKES_SECRET = regex(
    rb"(?:\s*(?:sudo|/usr/bin/sudo)(?:\s+-[a-zA-Z]+)*)?\s*(?:\S*/)?(?:passwd\b|chpasswd|sudo\b[^\n"
    rb"|;]*-\w*S|su\b|kinit|cryptsetup|smbpasswd|pdbedit"
    rb"|(?:docker|podman|helm|oras|skopeo|buildah|nerdctl|gh|az|vault|argocd|npm|crane|snap|gcloud|op|aws|wrangler"
    rb"|flyctl|fly|heroku|glab)\b[^\n|;]*"
    rb"|gpg2?\b[^\n|;]*(?:passphrase|batch)|openssl\b[^\n|;]*(?:stdin|-pbkdf2|enc|passwd)|ssh-add|ecryptfs\S*"
    rb"|veracrypt|read|openconnect|realm|adcli|net\b[^\n|;]*|sshpass|htpasswd\b[^\n|;]*-\w*i"
    rb"|mkpasswd\b[^\n|;]*|ipa|mysql_secure_installation|saslpasswd2\b[^\n|;]*|rabbitmqctl\b[^\n|;]*"
    rb"|wpa_passphrase\b[^\n|;]*|openfortivpn\b|vpnc\b|fscrypt\b|gocryptfs\b|encfs\b[^\n|;]*|borg\b|restic\b|age\b|pass\s+insert\b[^\n|;]*|secret-tool\b[^\n|;]*"
    rb"|keepassxc-cli\b[^\n|;]*|ldap\w+\b[^\n|;]*-y\s*/dev/stdin|zfs\b[^\n|;]*|systemd-creds\b[^\n|;]*|kubectl\b[^\n|;]*secret|mosquitto_passwd"
    rb"|[\w./-]{1,64}\b[^\n|;]{0,200}-{1,2}[\w-]{0,24}(?:pass|token|secret|key)[\w-]{0,16}(?:[_-](?:on|from|by|via))?[_-]?std-?in"
    rb"|[\w./-]{1,64}\b[^\n|;]{0,200}--?(?:pass[\w-]{0,16}|[\w-]{0,16}-key|token)(?:[= ]-|[ =](?:/dev/)?(?:stdin|fd:?/?0|0))(?=\s|\Z))"
)
_TAKER = regex(
    rb"\b(?:passwd|chpasswd|sudo|su|kinit|cryptsetup|smbpasswd|pdbedit|docker|podman|helm|gh|az|vault|argocd|gpg2?"
    rb"|openssl|ssh-add|adcli|sshpass"
    rb"|openconnect|vpnc|ldap\w+|mysql|read\b[^\n<]{0,60}\b\w*(?i:pw|pwd|pass|secret|token)\w*|realm|net|kadmin|htpasswd|mkpasswd|ipa|saslpasswd2|rabbitmqctl|systemd-creds|wpa_passphrase)\b"
)
_ECHO = regex(rb"(?:echo|printf|yes)\s+(?:-[neE]+\s+|--\s+|(?P<q>['\"]?)%s(?:\\+n)?(?P=q)\s+)*")
_PIPE = regex(
    rb"(?:[ \t]*(?:;|&&)[ \t]*(?:echo|printf|sleep)\b[^|;&\n]{0,128}){0,4}[ \t]*(?:;[ \t]*)?[)}]?\s*\|\s*"
    rb"(?:(?:tr|base64|base32|xxd|openssl base64|tee|head|cut|sed)\b[^\n|;&]{0,64}\|\s*){0,3}"
)
"""A pipe, perhaps at the end of a group of commands: `(echo P; echo P) | smbpasswd -s`; what decodes the text may stand between."""
_COMMAND_NAME = regex(
    rb"(?i)(?:pass(?:word|wd|phrase|code)?|secret|token)"
    rb"(?:[_.-]?(?:command|cmd|eval|prog(?:ram)?)[\"']?(?:[ \t]*[:=][ \t]*|[ \t]+)[\"']|[_.-]?(?:file|fd)?(?:=|[ \t]+)[\"']?[<$]\()\Z"
)
"""A setting that names a command which says the secret: `--password-command 'echo P'`."""
_PAIRED = regex(rb"(?:[^\s:'\"\\]{1,64}):")


def _piped(data: bytes, at: int) -> Iterable[Span]:
    r"""`echo P | passwd --stdin u`, `echo 'u:P' | chpasswd`, `printf 'P\n' | sudo -S`."""
    head = _ECHO.match(data, at, at + 80)
    word = word_at(data, head.end()) if head else None
    if word and data[at - 1 : at] in (b'"', b"'", b"(") and _COMMAND_NAME.search(data, max(0, at - 64), at):
        return hidden(data, word.start, word.end, "command_password")
    if word and (target := _TO_FILE.match(data, word.after, word.after + 200)) and _keeps_secret(data[word.start : word.end], target[1]):
        return hidden(data, word.start, word.end, "command_password")
    pipe_at = data.find(b"|", word.end, word.end + _FAR) if word else -1
    if not word or pipe_at < 0 or data.find(b"\n", word.end, pipe_at) >= 0:
        return ()
    while (more := word_at(data, word.after + 1)) and data[word.after : word.after + 1] == b" " and more.after - at < _FAR:
        if data[more.start : more.start + 1] == b"|":
            break
        word = Word(word.start, more.end, more.after)
    pipe = _PIPE.match(data, word.after, word.after + _FAR)
    if not pipe:
        return ()
    taker = _TAKES_SECRET.match(data, pipe.end(), pipe.end() + 256)
    return _given(data, word.start, word.end, is_pair=b"chpasswd" in taker[0]) if taker else ()


_TO_FILE = regex(rb"[ \t]*(?:>{1,2}|\|[ \t]*(?:sudo[ \t]+)?tee(?:[ \t]+-a)?[ \t])[ \t]*[\"']?([\w./~${}@+-]{2,160})")


def _keeps_secret(value: bytes, path: bytes) -> bool:
    """Whether a file has the name of a secret, and this may be one: `echo P > /etc/wireguard/private.key`."""
    means = meaning(path.rpartition(b"/")[2].removesuffix(b".txt"))
    if means.strength == NO and b"/secrets/" in path:
        return mixed(value)
    return means.strength != NO and is_secret(value, means, direct=True, quoted=True, spaced=False)


def _given(data: bytes, start: int, end: int, *, is_pair: bool) -> Iterator[Span]:
    """What was given on standard input; of pairs the user stays."""
    end -= len(data[start:end]) - len(re.sub(rb"(?:\\+[nr])+\Z", b"", data[start:end]))
    pair = _PAIRED.match(data, start, end) if is_pair else None
    yield from hidden(data, pair.end() if pair else start, end, "command_password")


def _here_string(data: bytes, at: int) -> Iterable[Span]:
    """`kinit u <<< P`."""
    begin = at + 3
    while data[begin : begin + 1] == b" " and begin < at + LONG:
        begin += 1
    word = word_at(data, begin)
    low = max(data.rfind(b"\n", max(0, at - 256), at) + 1, at - 256, 0)
    taker = _TAKER.search(data, low, at)
    if not word or not (taker or mixed(data[word.start : word.end])):
        return ()
    return _given(data, word.start, word.end, is_pair=b"chpasswd" in data[low:at])


_HERE = regex(rb"<<-?[ ]?[\"'\\]?(\w{1,32})[\"']?[^\n]{0,200}\n([^\n]{4,128})\n(?:([^\n]{4,128})\n)?[ \t]{0,16}\1(?!\w)")


def _here_document(data: bytes, at: int) -> Iterator[Span]:
    """`realm join d <<EOF`, the pass word on the one or two lines below; lists of users are another pattern's."""
    found = _HERE.match(data, at, at + _FAR)
    low = max(data.rfind(b"\n", max(0, at - 256), at) + 1, at - 256, 0)
    if found and b"chpasswd" not in data[low:at] and _TAKER.search(data, low, at):
        for group in (2, 3):
            if found[group] is not None and b" " not in found[group].strip():
                yield from hidden(data, *found.span(group), "command_password")


_SEND = regex(rb"send(?:line|_line)?\s{0,3}(?:\(|-[a-z]\s+|--\s+|\s)?\s{0,3}(?:--\s+)?[bru]?(\\*[\"'])")


def _sent(data: bytes, at: int) -> Iterable[Span]:
    r"""Expect's `send "P\\r"` after it was asked for a pass word."""
    found = _SEND.match(data, at, at + 40)
    before = data[max(0, at - 300) : at].lower()
    asked = max(before.rfind(b"assword"), before.rfind(b"assphrase"), before.rfind(b"asscode"))
    if not found or asked < 0 or b"send" in before[asked:]:
        return ()
    end = closing(data, found.end(), found[1], found.end() + 256)
    text = data[found.end() : end] if end >= 0 else b""
    if _PLAIN_WORDS.fullmatch(text) and not found[0].startswith((b"sendline", b"send_line")):
        return ()
    return _given(data, found.end(), end, is_pair=False) if text else ()


_PLAIN_WORDS = regex(rb"[A-Za-z]+(?: [A-Za-z]+)+")
"""`if set, send 'mode reader'`: what expect sends ends with a carriage return."""


def _pass_source(data: bytes, at: int) -> Iterable[Span]:
    """Openssl's `pass:P`."""
    before = data[max(0, at - 12) : at]
    if re.search(rb"[\w.-]\Z", before) and not before.endswith((b"\\n", b"\\t")):
        return ()
    opened = re.search(rb"\\*[\"']\Z", before)
    word = word_at(data, at + 5, lead=opened[0] if opened else b" ")
    is_flag = b"-pass" in before
    if not word or (data[word.start : word.end].isdigit() and not is_flag) or (not is_flag and data[at + 5 : at + 6] in b"\"'"):
        return ()
    return hidden(data, word.start, word.end, "command_password")


_USER = regex(rb"(?:[a-z-]*user|[a-z-]*creds|[a-z-]*auth|userpass)(?:\s+|=|\x00|\\*[\"'],\s*(?=\\*[\"']))", re.IGNORECASE)
_MAY_HAVE_USER = regex(
    rb"(?i)\b(?:" + flags.WEB.encode() + rb"|cosign|kubectl|influx|newman|artillery|consul|nomad|sensuctl|ffuf|gobuster|nuclei)\b"
)


def _user_flag(data: bytes, at: int) -> Iterable[Span]:
    """`--user u:P` of curl and its like."""
    found = _USER.match(data, at + 2, at + 60)
    word = word_at(data, found.end()) if found else None
    if not word:
        return ()
    low = line_start(data, at, 512)
    place = data.find(b":", word.start, word.end)
    value = data[place + 1 : word.end]
    if place < 0 or value.startswith(b"//") or b"/" in data[word.start : place]:
        return ()
    if not (mixed(value) or (_MAY_HAVE_USER.search(data, low, at) and not value.isdigit())):
        return ()
    return hidden(data, place + 1, word.end, "command_password")


def _words(data: bytes, at: int, most: int = 8, far: int = 2048) -> list[Word]:
    """The next words of a command, up to an operator or the line's end."""
    found: list[Word] = []
    end = within(data, at, far)
    while len(found) < most:
        while data[at : at + 1] in (b" ", b"\t"):
            at += 1
        word = word_at(data, at) if at < end else None
        if not word or word.end > end:
            break
        found.append(word)
        at = word.after
        if data[at : at + 1] not in (b" ", b"\t"):
            break
    return found


def _nth(skip: int) -> Rule:
    """A rule: the word behind `skip` others that are no flags, after the anchor's own words."""

    def find(data: bytes, at: int) -> Iterable[Span]:
        begin = re.compile(rb"[\w-]+(?: (?:login|set|target|put)\b)?").match(data, at)
        words = [word for word in _words(data, begin.end() if begin else at) if data[word.start : word.start + 1] != b"-"]
        if len(words) <= skip or (begin and data[begin.end() : begin.end() + 1] not in (b" ", b"\t")):
            return ()
        return hidden(data, words[skip].start, words[skip].end, "command_password")

    return find


def _vault_login(data: bytes, at: int) -> Iterable[Span]:
    words = _words(data, at + 11)
    plain = [word for word in words if data[word.start : word.start + 1] not in (b"-", b"[") and b"=" not in data[word.start : word.end]]
    return hidden(data, plain[0].start, plain[0].end, "command_password") if plain and data[at + 11 : at + 12] == b" " else ()


def _htpasswd(data: bytes, at: int) -> Iterable[Span]:
    """`htpasswd -b FILE u P`, `htpasswd -nb u P`."""
    words = _words(data, at + 8)
    given = b"".join(data[word.start : word.end] for word in words if data[word.start : word.start + 1] == b"-")
    plain = [word for word in words if data[word.start : word.start + 1] != b"-" and not data[word.start : word.end].isdigit()]
    place = 1 if b"n" in given else 2
    return hidden(data, plain[place].start, plain[place].end, "command_password") if b"b" in given and len(plain) > place else ()


def _set_option(data: bytes, at: int) -> Iterable[Span]:
    """`aws configure set aws_secret_access_key P`, `npm config set //host/:_authToken P`."""
    words = _words(data, data.find(b" ", at) + 1)
    texts = [data[word.start : word.end] for word in words]
    for name, word in zip(texts, words[1:], strict=False):
        said = meaning(name)
        if said.strength == STRONG and said.kind != "credential" and name[:1] != b"-" and data[word.start : word.start + 1] != b"-":
            return hidden(data, word.start, word.end, "command_password")
    return ()


_PLAIN_NAME = regex(
    rb"(?i)(?:[\w.-]*[_.-])?(?:user(?:_?name)?|login|host(?:_?name)?|port|database|db(?:_?name)?"
    rb"|name|e?mail|region|env|type)="
)
_PAIR_WORD = regex(rb"[\w.@/:-]{1,128}=")


_PAIRS = regex(rb"(?:from-literal|kv put|secrets? set)[= ]\s*")


def _pairs(data: bytes, at: int) -> Iterator[Span]:
    """`kubectl create secret generic s --from-literal=k=P`, `vault kv put p k=P`, `fly secrets set N=P`: the values"
    " of all names.
    """
    begin = _PAIRS.match(data, at, at + LONG * LONG)
    is_literal = data[at : at + 4] == b"from"
    if not begin:
        return
    again = data.find(begin[0], begin.end(), begin.end() + 2048)
    far = again - begin.end() if again >= 0 and not is_literal else 2048
    for word in _words(data, begin.end(), 1 if is_literal else 8, far):
        start = word.start + (data[word.start : word.start + 1] in (b'"', b"'"))
        pair = _PAIR_WORD.match(data, start, word.end)
        if pair and not _PLAIN_NAME.fullmatch(pair[0]) and data[pair.end() : pair.end() + 1] != b"@":
            yield from _pair_value(data, pair.end(), word)


def _pair_value(data: bytes, start: int, word: Word) -> Iterator[Span]:
    if data[start : start + 1] in (b'"', b"'") and (inner := word_at(data, start)):
        return hidden(data, inner.start, inner.end, "command_password")
    if start == word.end and (inner := word_at(data, word.after)) and word.after == word.end:
        return hidden(data, inner.start, inner.end, "command_password")
    return hidden(data, start, word.end, "command_password")


def _behind(anchor: bytes, pattern: bytes) -> Rule:
    """A rule: the word behind what matches at the anchor, and before it comes again, for that one looks for itself."""
    compiled = regex(pattern)

    def find(data: bytes, at: int) -> Iterable[Span]:
        again = data.find(anchor, at + 1, at + 512)
        found = compiled.match(data, at, again if again >= 0 else at + 512)
        word = word_at(data, found.end()) if found else None
        return hidden(data, word.start, word.end, "command_password") if word else ()

    return find


_ORACLE = regex(
    rb"(?:(?:sqlplus|sqlldr|expdp|impdp|expd?|impd?|rman|tnsping)(?:\.exe)?|conn(?:ect)?)(?:\s+(?:-\w+|target|auxiliary|catalog"
    rb"|/nolog))*\s+(?:userid=)?\\{0,3}[\"']?[\w$#.]{1,64}/(?=[^\s/@])",
    re.IGNORECASE,
)


def _oracle(data: bytes, at: int) -> Iterable[Span]:
    """`sqlplus u/P@h`."""
    found = _ORACLE.match(data, at + 5 * (data[at : at + 3].lower() == b"sql" and data[at + 3 : at + 4] == b">"), at + 256)
    end = re.compile(rb"\"[^\"\n]{1,128}\"|[^\s@\"'`\\]+(?:@[^\s/@\"'`\\]+(?=@))?").match(data, found.end()) if found else None
    if not end:
        return ()
    is_quoted = end[0][:1] == b'"'
    return hidden(data, end.start() + is_quoted, end.end() - is_quoted, "command_password")


def _rule(title: str, anchors: tuple[Literal, ...], find: Rule) -> Pattern:
    return Pattern("command_password", title, anchors, find)


PATTERNS: tuple[Pattern, ...] = (
    flags.PATTERN,
    _rule("A secret given to a command through a pipe", (*exact("echo ", "printf "), Literal(b"yes ", next=b"\"'")), _piped),
    _rule("A secret given to a command as a here string", exact("<<<"), _here_string),
    _rule(
        "A secret given to a command as a here document",
        tuple(Literal(b"<<" + lead, next=b"EPSD_") for lead in (b"", b"'", b'"', b"-", b"-'", b" ", b" '")),
        _here_document,
    ),
    _rule("A pass word that a script of expect sends", exact("send ", "sendline(", "sendline ("), _sent),
    _rule("A pass word in the words of openssl", exact("pass:"), _pass_source),
    _rule(
        "User and pass word of a web client",
        exact("--user", "--proxy-user", "--creds", "--src-creds", "--dest-creds", "--auth"),
        _user_flag,
    ),
    _rule("The token of a login to Vault", exact("vault login"), _vault_login),
    _rule("The pass word of a new user of RabbitMQ", exact("add_user ", "change_password ", "authenticate_user "), _nth(1)),
    _rule("The pass phrase of a wireless network", exact("wpa_passphrase "), _nth(1)),
    _rule("A pass word given to htpasswd", exact("htpasswd "), _htpasswd),
    _rule("A secret put into a command's settings", exact("config set ", "configure set ", "git config ", "rclone config "), _set_option),
    _rule("Values of a secret that is made", exact("from-literal", "kv put ", "secrets set ", "secret set "), _pairs),
    _rule(
        "The pass word of an iSCSI session",
        exact("session.auth.password"),
        _behind(b"session.auth.password", rb"session\.auth\.password(?:_in)?\s+(?:-v|--value)[ =]\s*"),
    ),
    _rule(
        "The pass word of a network connection",
        exact("nmcli "),
        _behind(
            b"nmcli ", rb"nmcli [^\n]{0,400}?\s(?:password|psk|[\w-]+\.(?:psk|password|[\w-]+-password|[\w-]*secrets?|wep-key[0-9]))\s+"
        ),
    ),
    _rule(
        "The value of a key vault's secret",
        folded("keyvault secret set"),
        _behind(b"keyvault secret set", rb"(?i)keyvault secret set[^\n|;]{0,400}?\s--value[ =]\s*"),
    ),
    _rule(
        "User and pass word of Oracle's clients",
        (
            *exact("sqlplus ", "sqlldr ", "expdp ", "impdp ", "rman "),
            *folded("connect target ", "connect catalog ", "connect auxiliary ", "sql> conn"),
        ),
        _oracle,
    ),
    _rule(
        "A secret of libvirt", exact("secret-set-value"), _behind(b"secret-set-value", rb"secret-set-value[^\n|;]{0,200}?\s--base64[ =]\s*")
    ),
)
