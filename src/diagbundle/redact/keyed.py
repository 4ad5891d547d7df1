"""Secrets without a format of their own, behind a name that tells: `password=...`, `"apiKey": "..."`, `--token ...`, YAML, prose."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from diagbundle.redact.bare import PERCENT, Place, bare
from diagbundle.redact.names import STRONG, WEAK, Meaning, meaning
from diagbundle.redact.plausible import random_like, told
from diagbundle.redact.several import below, elements, judged, members
from diagbundle.redact.span import LINE, Literal, Pattern, Span
from diagbundle.redact.values import BACKSLASH, BLOCK, OPEN, Value, begins_line, line_end, quoted

BACK = 64
ROOM_OF_WEAK = 256
"""Bytes of a value behind a weak name: they are looked at in vain most of the time."""
NAME = bytes(byte for byte in range(256) if byte >= 0x80 or chr(byte).isalnum() or byte in b"_.$-")  # noqa: PLR2004 - no ASCII
AFTER = re.compile(
    rb"(?P<name>[\w.$\x80-\xff-]{0,80}+)"
    rb"(?P<close>(?:\\{0,31}[\"'`]|&quot;|&\#34;|&\#39;|&apos;|\\{1,15}(?:u00|x)2[27]|%(?:25)*2[27]|%5D|"
    rb"\[\d{0,4}\](?=[ \t]?=)|[\]}]){0,4}+)"
    rb"(?P<blank>(?:[ \t]|%20){0,64}+)"
    rb"(?:(?P<sep>=>|(?<=[ \t])->(?=[ \t])|[:?+.]=|={1,3}|"
    rb":[ \t]{0,4}(?:Optional\[)?&?(?:'static )?(?:str|string|String|bytes|SecretStr|Any)\]?[ \t]{0,4}=|::?|>|&gt;|"
    rb"\((?=[bur]{0,2}\\{0,7}[\"'])|(?P<coded>%(?:25)*3[DdAa])|\\{1,15}u003[dDaAeE]|\\{1,15}x3[dDaA]|&\#(?:61|58|x3[dDaA]);)"
    rb"(?P<gap>(?:[ \t]|%20){0,64}+))?"
)
"""What follows the anchor: the rest of the name, the quote that closes it, a separator."""
ESCAPED = re.compile(rb"[nrtbfv0](?=[\w.$-])|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}")
SAID = re.compile(rb"(?:(?:is|was|are|to|as|has been (?:re)?set to|(?:re)?set to|changed to)(?: now)?:?[ \t]{1,8})")
GAP = re.compile(rb"(?:\\{0,31}[\"'])?(?:[ \t]*,[ \t\r\n]*|\x00|[ \t]{1,64}(?:a\d{1,3}=)?|\r?\n[ \t]{0,64}-[ \t]+)(?=\S)")
"""What may stand between a flag and its value: a blank, a NUL, the comma of a list in JSON, the next item of one in YAML, the name of an
argument in an audit record."""
TYPES = frozenset(b"string strings stringArray stringSlice str text value bytes file path int".split())
"""What a usage says of the value of a flag."""
NO_WORD = re.compile(rb"--|- |-[A-Za-z](?:[\s\"']|\Z)|\\?\r?\n|[|&;<>]")
TAG = re.compile(
    rb"(?:!!\w{1,20}|&[\w-]{1,40})[ \t]+(?=\S)|(?i:bearer|basic|token)[ \t]+(?=[\w.~+/=-]{8})|[A-Z]\w{1,30}\((?=\\{0,7}[\"'])|"
    rb"[A-Z]\w+-[A-Z]\w+[ \t]+(?=[\"'])"
)
"""What may stand before the value: a tag or an anchor of YAML, a scheme, `Some("P")`, a command of PowerShell."""
OBJECT = re.compile(rb"\{\s{0,64}(?:\\?[\"']?[\w.@$/-]{1,64}\\*[\"']?\s{0,16}(?:[:=]|=>)|\}|\\n)")
ARROW = re.compile(rb"[ \t]{1,8}(?:->|=>|to)[ \t]{1,8}(?=\\{0,7}[\"'])")
"""A plan of changes: `"P" -> "Q"`."""
DULL = re.compile(rb"\\{0,31}[\"'`]?+[A-Za-z_.:/-]{0,64}+[0-9]{0,10}+(?=[\"'\\\s,;&)\]}]|\Z)")
"""Most of what stands behind a weak name, and never looks random."""
SHORT = re.compile(
    rb"(?<![\w.$\x80-\xff-])(?:key|auth)\\{0,31}[\"']?[=:][ ]?+\\{0,31}[\"'`]?+[A-Za-z_.:/-]{0,64}+[0-9]{0,10}+(?=[\"'\\\s,;&)\]}]|\Z)"
)
"""The same at once, for the names that stand in every line of some logs: `"key":"cart:123"`."""
PAIR = re.compile(rb"[A-Za-z_][\w.-]{0,40}=[^=\s]")
"""A cookie with its own name."""
DIRECTIVE = re.compile(rb"[^\s\"';]{3,512}(?=[ \t]*;?[ \t]*(?:\r?\n|\Z))")
UNEXPECTED = (b"nexpected ", b"nvalid ")
KEYWORD = re.compile(
    rb"(?:help|type|default|required|action|dest|metavar|nargs|is_flag|envvar|hide_input|prompt)[ \t]?=|(?:id|type|src|source)="
)
"""What else is said of a flag where it is declared, and what a build does with its secrets."""
FOR = re.compile(
    rb"(?:(?:is|was|has been) (?:generated|created|set) )?(?:for|of) (?:the )?(?:user |account )?"
    rb"[\"'`]?[\w.@\\/-]{1,64}[\"'`]?(?: user| account)?"
    rb"(?: (?:is|was|(?:re)?set to|changed to|to|=)(?: now)?:?|:)[ \t]{1,8}"
)
"""`the password for bob is`, `temporary password is generated for root@localhost:`."""
LOGIN = re.compile(rb"[\w.@-]{1,64}[/:](?=[^\s/:])")
PHRASE = re.compile(rb"[a-z]{2,12}(?: [a-z]{2,12}){2,24}(?=[ \t]*(?:\r?\n|\Z))")
"""Words to the end of the line, as phrases of recovery have them."""
PLAIN = re.compile(rb"[a-z]+|[A-Z][a-z]+")
SENTENCE_WORD = re.compile(rb"[^\s\"'`,;()<>\[\]{}]{12,}")
CREDENTIAL = re.compile(rb"[\w.-]{1,64}:(?=\S)")
TWO_WORDS = re.compile(rb"(?<![\w.-])[A-Za-z]{2,16} [Kk]eys?\Z|(?<![\w.-])[A-Z]{2,16} KEYS?\Z")
"""`api key: P`, `public key: ...`: the word before says which."""
BLANK = 0x20
VARIABLE = re.compile(rb"(?i:setenv)[ \t]+|ENV[ \t]+")
VARIABLE_NAME = re.compile(rb"([A-Za-z_][\w.]{1,80})[ \t]+(?=[^\s=])")


class Named(NamedTuple):
    """A telling name in a text."""

    data: bytes
    start: int
    """Where it begins."""
    match: re.Match[bytes]
    """What follows its anchor."""
    means: Meaning

    @property
    def text(self) -> bytes:
        """The name."""
        return self.data[self.start : self.match.end("name")]

    @property
    def room(self) -> int:
        """How far the value is looked for."""
        return LINE if self.means.strength == STRONG else ROOM_OF_WEAK


def find(data: bytes, at: int) -> Iterable[Span]:
    """The secrets behind the name that has a telling part at `at`."""
    if SHORT.match(data, at):
        return ()
    head = data[max(0, at - BACK) : at]
    start = at - len(head) + len(head.rstrip(NAME))
    before = data[start - 1] if start else 0
    if before == BACKSLASH and (escaped := ESCAPED.match(data, start)):  # the letter of an escape is no part of the name
        start = min(escaped.end(), at)
    elif before == PERCENT:
        start = min(start + 2, at)
    match = AFTER.match(data, at)
    means = meaning(data[start : match.end(1)]) if match else None
    if not match or not means or not means.strength:
        return ()
    if before == BLANK and means.strength == WEAK and (two := TWO_WORDS.search(data, max(0, start - 20), match.end(1))):
        means = meaning(two[0])
        if not means.strength:
            return ()
    if match["sep"] is None:
        return _unseparated(Named(data, start, match, means))
    if means.strength == WEAK and not means.digits and DULL.match(data, match.end()):
        return ()
    return _separated(Named(data, start, match, means))


def _separated(name: Named) -> Iterable[Span]:  # noqa: PLR0911 - one for each shape
    """A separator stands behind the name."""
    data, match = name.data, name.match
    sep, start, before = match["sep"], match.end(), data[name.start - 1 : name.start]
    if sep in (b">", b"&gt;"):
        return _element(name) if match["close"] or before in (b"<", b";") else ()
    is_path = sep == b":" and not match["close"] and (before == b"/" or (before == b":" and not match["gap"]))
    is_user = sep == b"(" and name.means.kind == "credential"  # the first argument
    is_empty = before in (b"?", b"&") and match["gap"]  # `GET /x?token= HTTP/1.1`
    if is_path or is_user or is_empty or (sep == b"::" and not match["gap"]) or data[: name.start].endswith(UNEXPECTED):
        return ()
    opening = data[start : start + 1]
    if sep == b"->" and opening in (b".", b"/", b"&"):
        return ()  # a link to a file, a type
    if data.startswith(b"[]byte(", start):
        start += 7
        opening = data[start : start + 1]
    if sep == b":" and opening == before and opening in (b'"', b"'") and not match["close"]:
        return ()  # a prompt: `read -p "Password: " X`
    if (opening.isalpha() or opening in (b"!", b"&")) and (tagged := TAG.match(data, start, start + 64)):
        start = tagged.end()
        opening = data[start : start + 1]
    if opening in b"\n\r|>" and sep == b":":
        return below(data, name.start, start, name.means)
    if opening == b"[":
        return elements(data, start + 1, name.start, name.means, match["close"])
    if opening == b"{" and OBJECT.match(data, start):
        return members(data, start + 1, name.start, name.means)
    return _value(name, start)


def _value(name: Named, start: int) -> Iterable[Span]:
    """One value stands there."""
    data, match, sep, means = name.data, name.match, name.match["sep"], name.means
    direct = b"=" in sep or b"3" in sep
    tight = direct and not match["blank"] and not match["gap"]
    opened = OPEN.match(data, start)
    if means.kind == "credential" and name.text.lower().endswith((b"setcredential", b"set_credential")):
        start = ended.end() if (ended := CREDENTIAL.match(data, start)) else start
    value = quoted(data, name.start, opened, name.room) if opened else _bare(name, start, tight=tight)
    if value is None or (opened and opened["quote"] == b"`" and b" " in data[value.start : value.end]):
        return ()  # nothing, or what a command says
    if not opened and _is_other(name, data[value.start : value.end], tight=tight):
        return ()
    spaced = bool(match["gap"]) or sep == b":"
    found = [*judged(data, value, means, direct=direct, spaced=spaced, close=match["close"] if sep == b":" else b"")]
    if opened and (arrow := ARROW.match(data, value.after)) and (opened := OPEN.match(data, arrow.end())):
        becomes = quoted(data, name.start, opened, name.room)
        found += judged(data, becomes, means, direct=direct) if becomes else ()
    return found


def _bare(name: Named, start: int, *, tight: bool) -> Value:
    data, coded = name.data, (name.match["coded"] or b"")[:-2]
    end = bare(Place(data, start, name.start, name.room, tight, coded))
    if name.means.kind == "token" and data[name.start - 1 : name.start] == b";":
        query = data.find(b"?", start, end)  # `/x;jsessionid=P?a=1`
        end = query if query > start else end
    if words := PHRASE.match(data, start, start + ROOM_OF_WEAK) if name.text[-6:].lower() in (b"phrase", b"emonic") else None:
        end = words.end()
    if end - start >= name.room < LINE and random_like(data[start:end], name.means):
        end = bare(Place(data, start, name.start, LINE, tight, coded))
    if name.match["sep"] == b"::":  # in LDIF, a value goes on in the lines that begin with a blank
        end = line_end(data, start)
        while data[end : end + 2] == b"\n " and end < start + BLOCK:
            end = line_end(data, end + 1)
    return Value(start, end, end, quoted=data[name.start - 1 : name.start] == b"\0")  # in an environment nothing is code


def _is_other(name: Named, text: bytes, *, tight: bool) -> bool:
    """A bare word that is no value: the name itself (`self.token = token`), a cookie with its own name, the other side of a comparison."""
    if name.means.strength == WEAK:
        return PAIR.match(text) is not None
    if name.match["sep"] in (b"==", b"===") and not random_like(text, name.means._replace(hexes=True)):
        return True
    last = name.text.rpartition(b".")[2].lstrip(b"-$")
    own = text.rstrip(b";,) ").rpartition(b".")[2] == last
    return own and not (tight and begins_line(name.data, name.start))


def _element(name: Named) -> Iterable[Span]:
    """The text of an element of XML: `<password>P</password>`, `<entry key="password">P</entry>`."""
    data, start, closing = name.data, name.match.end(), b"<" if name.match["sep"] == b">" else b"&lt;"
    if data.startswith(b"<![CDATA[", start):
        start += 9
        closing = b"]]>"
    end = data.find(closing, start, start + LINE)
    if end >= 0 and closing == b"<" and data[end + 1 : end + 2] != b"/":
        return ()
    if end < 0 and data[start : start + 1] in (b'"', b"'", b" "):  # `Bearer <token>" https://h`
        return ()
    end = end if end >= 0 else line_end(data, start)
    text = data[start:end].strip()
    start = data.find(text, start, end + 1)
    if text.lower() == name.text.lower():
        return ()
    return judged(data, Value(start, start + len(text), end, quoted=True), name.means)


def _unseparated(name: Named) -> Iterable[Span]:
    """A flag of a command, a word in quotes, prose, or a directive of a configuration."""
    data, match, start = name.data, name.match, name.match.end()
    if data[name.start : name.start + 1] == b"-" and (gap := GAP.match(data, match.end("name"), start + 128)):
        return _flag(name, gap.end())
    if not match["blank"] or match["close"]:
        return ()
    if opened := OPEN.match(data, start):
        value = quoted(data, name.start, opened, ROOM_OF_WEAK)
        is_one = value and (name.means.kind == "password" or _odd(name, data[value.start : value.end]))
        return judged(data, value, name.means) if value and is_one else ()
    if said := FOR.match(data, start, start + 160) or SAID.match(data, start, start + 64):
        return _told(name, said.end())
    return _directive(name, start)


def _directive(name: Named, start: int) -> Iterable[Span]:
    """One word behind a name at the start of its line."""
    data = name.data
    if name.means.many and data[start : start + 1] == b"{":
        return members(data, start + 1, name.start, name.means) if begins_line(data, name.start) else ()
    directive = DIRECTIVE.match(data, start, start + ROOM_OF_WEAK) if begins_line(data, name.start) else None
    if directive and _directs(name, directive[0]):
        return judged(data, Value(start, directive.end(), start), name.means)
    return _in_sentence(name, start)


def _in_sentence(name: Named, start: int) -> Iterable[Span]:
    """A word amid a sentence that nobody would think of: `got secret P from`, `credentials bob/P`."""
    if name.means.strength == STRONG and name.data[name.start - 1 : name.start] != b"-":
        login = LOGIN.match(name.data, start, start + 80) if name.means.kind == "credential" else None
        word = SENTENCE_WORD.match(name.data, login.end() if login else start, start + ROOM_OF_WEAK)
        if word and random_like(word[0], name.means._replace(hexes=False)):
            return judged(name.data, Value(word.start(), word.end(), start), name.means)
    return ()


def _odd(name: Named, text: bytes) -> bool:
    return random_like(text, name.means._replace(hexes=True))


def _directs(name: Named, text: bytes) -> bool:
    """Whether the one word behind a name is its value, and not prose: `requirepass x`."""
    if name.means.strength == STRONG and name.means.kind == "password":
        return name.text.lower() not in (b"password", b"pass", b"passwd") or not PLAIN.fullmatch(text)
    return (name.means.strength == STRONG or name.means.hexes) and _odd(name, text)


def _flag(name: Named, start: int) -> Iterable[Span]:
    """The word behind a flag, unless it is the next flag."""
    data = name.data
    if NO_WORD.match(data, start, start + 3) or KEYWORD.match(data, start, start + 16):
        return ()
    if data.startswith(b"pass:", start):  # openssl: the word says where the pass word is, here
        start += 5
    if opened := OPEN.match(data, start):
        value = quoted(data, name.start, opened, name.room)
    else:
        end = data.find(b"\0", start, start + LINE) if data[start - 1] == 0 else bare(Place(data, start, name.start, LINE))
        end = end if end >= 0 else min(len(data), start + LINE)
        value = Value(start, end, end)
    if value is None or data[value.start : value.end] in TYPES:
        return ()
    return judged(data, value, name.means, direct=True)


def _told(name: Named, start: int) -> Iterable[Span]:
    """What prose tells: `the password is P.`"""
    data = name.data
    if opened := OPEN.match(data, start):
        value = quoted(data, name.start, opened, ROOM_OF_WEAK)
        return judged(data, value, name.means) if value else ()
    end = bare(Place(data, start, start, ROOM_OF_WEAK))
    text = data[start:end].split(b" ", 1)[0].rstrip(b".,;:!?)")
    if not (told(text) if name.means.kind == "password" else _odd(name, text)):
        return ()
    return judged(data, Value(start, start + len(text), end), name.means)


def variable(data: bytes, at: int) -> Iterable[Span]:
    """A variable of the environment, set without `=`: `SetEnv DB_PASSWORD P`."""
    command = VARIABLE.match(data, at)
    match = VARIABLE_NAME.match(data, command.end(), command.end() + 128) if command else None
    if not command or not match or not begins_line(data, at):
        return ()
    start, end = match.end(), line_end(data, match.end())
    value: Value | None = Value(start, start + len(data[start:end].rstrip()), end)
    if opened := OPEN.match(data, start):
        value = quoted(data, match.start(), opened, LINE)
    return judged(data, value, meaning(match[1]), direct=True) if value and meaning(match[1]).strength else ()


def before(data: bytes, at: int) -> Iterable[Span]:
    """The secrets behind the name that ends at `at`: its separator is one that the guard of names does not know, `%253D`."""
    head = data[max(0, at - BACK) : at]
    size = len(head) - len(head.rstrip(NAME))
    return find(data, at - size) if size else ()


def inside_braces(data: bytes, at: int) -> Iterable[Span]:
    """The secret behind a name in braces: `$ENV{DB_PASSWORD} = "P"`."""
    return find(data, data.find(b"{", at) + 1)


def _keys(texts: str) -> tuple[Literal, ...]:
    return tuple(Literal(text.encode(), fold=text.isascii(), key=True) for text in texts.split())


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "password",
        "Passwords, pass phrases and PINs behind a name that says so",
        _keys(
            "pass pw kennwort psk mdp wachtwoord losenord lösenord adgangskode salasana jelszo jelszó sifre şifre parola "
            "contrase senha haslo hasło heslo סיסמ ароль 密码 密碼 パスワード 비밀번호 mnemonic otp pin cvv cvc _code rycode unlockcode"
        ),
        find,
    ),
    Pattern(
        "secret",
        "Secrets, salts, seeds and signatures behind a name that says so",
        _keys("secret geheim segredo pepper salt seed sig hmac community екрет"),
        find,
    ),
    Pattern(
        "token",
        "Tokens behind a name that says so",
        (*_keys("token jeton jwt bearer cookie sessionid"), Literal(b"session", fold=True, key=True, next=b"=_:\"'")),
        find,
    ),
    Pattern("key", "Secret keys behind a name that says so", _keys("key schl cle clé clave chave"), find),
    Pattern(
        "credential",
        "Credentials behind a name that says so",
        (*_keys("cred zugangsdaten sid assertion"), Literal(b"auth", fold=True, key=True, next=b"=:_-\"'kKtTpP \\]%>.")),
        find,
    ),
    Pattern(
        "flag",
        "The item of a list behind the item that is a flag: `- --password`",
        tuple(Literal(text, fold=True, next=b"\r\n") for text in (b"password", b"token", b"secret", b"-key")),
        find,
    ),
    Pattern("array", "Names with an index or a size: `password[32] =`", (Literal(b"password[", fold=True),), find),
    Pattern(
        "encoded",
        "Names before a separator that was URL-encoded twice",
        (Literal(b"%253d", fold=True), Literal(b"%25253d", fold=True)),
        before,
    ),
    Pattern("environment", "Variables of the environment in Perl", (Literal(b"$ENV{"),), inside_braces),
    Pattern(
        "sentence",
        "Secrets that a sentence tells",
        (
            *(Literal(word, fold=True, run=12) for word in (b"credentials ", b"secret ", b"token ")),
            *(Literal(word, fold=True) for word in (b"password for ",)),
        ),
        find,
    ),
    Pattern("arrow", "Pairs joined by an arrow", (Literal(b" -> "),), before),
    Pattern("variable", "Variables set by SetEnv, setenv and ENV", (Literal(b"setenv", fold=True), Literal(b"ENV ")), variable),
)
