"""Secrets behind a name without `=` or `:`: the word behind a flag, a directive of a configuration, what a sentence tells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.bare import Place, bare
from diagbundle.redact.named.names import STRONG, Meaning
from diagbundle.redact.named.plausible import PROSE, SENTENCE_END, phrase, random_like, told
from diagbundle.redact.named.sentences import FOR, LOGIN, NUMBERED, PHRASE, PLAIN, SAID, SENTENCE_WORD
from diagbundle.redact.named.several import judged, members
from diagbundle.redact.named.values import OPEN, Value, begins_line, quoted
from diagbundle.redact.span import LINE, Span

ROOM_OF_WEAK = 256
"""Bytes of a value behind a weak name: they are looked at in vain most of the time."""
GAP = regex(rb"(?:\\{0,31}[\"'])?(?:[ \t]*,[ \t\r\n]*|\x00|[ \t]{1,64}(?:a\d{1,3}=)?|\r?\n[ \t]{0,64}-[ \t]+)(?=\S)")
"""What may stand between a flag and its value: a blank, a NUL, the comma of a list in JSON, the next item of one in YAML, the name of an
argument in an audit record."""
TYPES = frozenset(
    b"string strings stringArray stringSlice str text value bytes file path stdin int via is or and flag flags option options argument "
    b"arguments parameter parameters switch".split()
)
"""What a usage says of the value of a flag."""
SAID_ON = PROSE | frozenset(b"so as it instead promote called defines description output command which option options may also".split())
"""How a sentence goes on behind the name of a flag."""
SET_TO = regex(rb"(?:set|changed) to[ \t]{1,8}\Z")
NO_WORD = regex(rb"--|- |-[A-Za-z](?:[\s\"']|\Z)|\\?\r?\n|[|&;<>]")
DIRECTIVE = regex(rb"[^\s\"';]{3,512}(?=[ \t]*;?[ \t]*(?:\r?\n|\Z))")
KEYWORD = regex(
    rb"(?:help|type|default|required|action|dest|metavar|nargs|is_flag|envvar|hide_input|prompt)[ \t]?=|(?:id|type|src|source)="
)
"""What else is said of a flag where it is declared, and what a build does with its secrets."""
DEFAULT_OF = regex(rb"[^\n)]{0,160}?\bdefault[ \t]?=[ \t]?(?=[\"'])")
"""`add_argument("--password", default="P")`."""
COMMANDLET = regex(rb"\([ \t]?[A-Z][a-z]\w{1,20}-[A-Z]\w{1,40}[ \t)]")
"""A command of PowerShell that makes the value: `(Read-Host -AsSecureString)`."""
WORD = regex(
    rb"(?i)pass(?:word|wd|wort|ord)?|kennwort|wachtwoord|mdp|parola|senha|heslo|jelszo|salasana|adgangskode|\w{0,40}[\x80-\xff].{0,80}"
)
"""A name that begins a sentence as well, in any language: `Passwort falsch`."""
JOINED = regex(rb"[A-Za-z]+(?:_[A-Za-z]+)+")
"""A name that no sentence begins with: `shared_key P`."""
PAIR = regex(rb"[A-Za-z_][\w.-]{0,40}=[^=\s]")
"""A cookie with its own name."""
SECOND = regex(rb"[ \t]{1,8}[\"'][^\s\"']")
"""Another quoted word: `password "Auth" "P"`, `wpa_passphrase "SSID" 'P'`, the first one says what for."""


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


def unseparated(name: Named) -> Iterable[Span]:
    """A flag of a command, a word in quotes, prose, or a directive of a configuration."""
    data, match, start = name.data, name.match, name.match.end()
    if data[name.start : name.start + 1] == b"-" and (gap := GAP.match(data, match.end("name"), start + 128)):
        return _flag(name, gap.end())
    if not match["blank"] or match["close"]:
        return ()
    if opened := OPEN.match(data, start):
        value = quoted(data, name.start, opened, ROOM_OF_WEAK)
        if value and SECOND.match(data, value.after):
            return ()
        is_one = value and ((name.means.kind == "password" and name.text.lower() != b"pass") or _odd(name, data[value.start : value.end]))
        return judged(data, value, name.means) if value and is_one else ()
    return _said(name, start)


def _said(name: Named, start: int) -> Iterable[Span]:
    """One word that a sentence tells, a list or a directive."""
    data = name.data
    if data.startswith(b"to ", start) and name.text.lower() == b"pass":  # `what to pass to the loader`
        return ()
    if name.means.strength == STRONG and (numbered := NUMBERED.match(data, start, start + 40)):
        words = PHRASE.match(data, numbered.end(), numbered.end() + ROOM_OF_WEAK) if name.text[-6:].lower() == b"phrase" else None
        return judged(data, Value(*words.span(), words.end(), quoted=True), name.means) if words else _told(name, numbered.end())
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
        if word and not PAIR.match(word[0]) and random_like(word[0], name.means._replace(hexes=b"_" in name.text)):
            return judged(name.data, Value(word.start(), word.end(), start), name.means)
    return ()


def _odd(name: Named, text: bytes) -> bool:
    return PAIR.match(text) is None and random_like(text, name.means._replace(hexes=True))


def _directs(name: Named, text: bytes) -> bool:
    """Whether the one word behind a name is its value, and not prose: `requirepass x`."""
    if text[-1:] in (b".", b",", b":") and PLAIN.fullmatch(text[:-1]):
        return False
    if name.means.strength == STRONG and name.means.kind == "password":
        return not WORD.fullmatch(name.text) or not PLAIN.fullmatch(text.rstrip(b".,:;!?"))
    is_joined = name.means.strength == STRONG and JOINED.fullmatch(name.text) is not None
    return (is_joined and text[:1] not in b"([" and not PLAIN.fullmatch(text)) or (
        (name.means.strength == STRONG or name.means.hexes) and _odd(name, text)
    )


def _flag(name: Named, start: int) -> Iterable[Span]:
    """The word behind a flag, unless it is the next flag."""
    data = name.data
    if KEYWORD.match(data, start, start + 16):
        given = DEFAULT_OF.match(data, start, start + 200)
        value = quoted(data, name.start, opened, ROOM_OF_WEAK) if given and (opened := OPEN.match(data, given.end())) else None
        return judged(data, value, name.means) if value else ()
    if NO_WORD.match(data, start, start + 3) or COMMANDLET.match(data, start, start + 80):
        return ()
    before = data[max(0, name.start - 32) : name.start]
    if name.text == b"--secret" and (b"config set " in before or b"secret-set-value" in before):  # a switch, or an object's id
        return ()
    if data.startswith(b"pass:", start):  # openssl: the word says where the pass word is, here
        start += 5
    if opened := OPEN.match(data, start):
        value = quoted(data, name.start, opened, name.room)
    else:
        end = data.find(b"\0", start, start + LINE) if data[start - 1] == 0 else bare(Place(data, start, name.start, LINE))
        end = end if end >= 0 else min(len(data), start + LINE)
        value = Value(start, end, end)
    if value is None or (text := data[value.start : value.end]) in TYPES or (not opened and text.rstrip(b".,;:").lower() in SAID_ON):
        return ()
    return judged(data, value, name.means, direct=True)


def _is_last(data: bytes, end: int) -> bool:
    """Whether a sentence that tells a secret or a key ends there."""
    return SENTENCE_END.match(data, end, end + 8) is not None


def _told(name: Named, start: int) -> Iterable[Span]:
    """What prose tells: `the password is P.`"""
    data = name.data
    if opened := OPEN.match(data, start):
        value = quoted(data, name.start, opened, ROOM_OF_WEAK)
        return judged(data, value, name.means) if value else ()
    end = bare(Place(data, start, start, ROOM_OF_WEAK))
    text = data[start:end].split(b" ", 1)[0].rstrip(b".,;:!?)")
    is_purpose = data[start - 4 : start].split()[-1:] in ([b"to"], [b"as"]) and not SET_TO.search(data, max(0, start - 16), start)
    is_one = told(text) or (not is_purpose and phrase(text, data[start + len(text) : start + len(text) + 8]))
    if not (is_one if name.means.kind == "password" else _odd(name, text) or (is_one and _is_last(data, start + len(text)))):
        return ()
    return judged(data, Value(start, start + len(text), end), name.means)
