"""Test texts with secrets in them, made when the test runs: the tree holds templates only, and nothing that a secret scanner would flag.

In a template, `{alphabet:n}` is n random characters (`{b62:20-40}`: 20 to 40), `{}` is nothing (it splits a prefix), `{secret}` a random pass
word of letters and digits, `{hard}` one with punctuation, `{nl}` a newline, `{{` and `}}` are braces, `{raw:ff00}` bytes in hex. `{a=b62:20}`
names a value and `{a}` gives it again. `{b64of:user:%}` is the base64 of a text in which `%` is a random pass word; so are `hexof`, `HEXof`, `urlof`.
All else is a value with a structure of its own, from `makers.py`: `{jwt}`, `{crc:30}`, `{crypt:6}`, `{pem:RSA}`, `{card:4}`, `{iban:DE}` ...
`⟦` and `⟧` stand around each secret.
"""

import base64
import os
import random
import re
import tomllib
import urllib.parse
from typing import NamedTuple

import pytest
from makers import ALPHABETS, MAKERS, chars

CASES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cases", "redact")
PUNCTUATION = "!#%*+-.=?^_~"
WRITINGS = {
    "b64of": lambda data: base64.b64encode(data).decode(),
    "hexof": bytes.hex,
    "HEXof": lambda data: data.hex().upper(),
    "urlof": lambda data: urllib.parse.quote(data, safe=""),
}
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[⟦⟧]|[{}]")


class Case(NamedTuple):
    """One table of a case file."""

    name: str
    text: str
    hit: bool
    more: dict
    """Its other keys."""

    def made(self, seed=0):
        """Its text and where the secrets are."""
        return expand(self.text, random.Random(f"{seed} {self.name}"))


def cases(*names):
    """The tables of tests/cases/redact/<name>.toml as parameters of a test; ids are `hit-...` and `miss-...`."""
    found = []
    for name in names:
        with open(os.path.join(CASES, name + ".toml"), "rb") as file:
            tables = tomllib.load(file)
        assert set(tables) <= {"hit", "miss"}, f"{name}: [[hit]] and [[miss]] are known"
        for word, rows in tables.items():
            found += [Case(row.pop("name"), row.pop("text"), word == "hit", row) for row in rows]
    ids = [("hit-" if case.hit else "miss-") + case.name for case in found]
    assert len(set(ids)) == len(ids), f"names stand twice: {sorted({name for name in ids if ids.count(name) > 1})}"
    marks = [case.name for case in found if case.hit != ("⟦" in case.text)]
    assert not marks, f"a hit has ⟦ ⟧, a miss has none: {marks}"
    return [pytest.param(case, id=name) for case, name in zip(found, ids, strict=True)]


def expand(template, rng):
    """The text of a template in bytes, and start and end of each secret in it."""
    out, secrets, named = bytearray(), [], {}
    opened, last = None, 0
    for token in _TOKEN.finditer(template):
        out += template[last : token.start()].encode()
        last, whole = token.end(), token[0]
        if whole == "⟦":
            assert opened is None, f"⟦ stands in ⟦: {template}"
            opened = len(out)
        elif whole == "⟧":
            assert opened is not None, f"⟧ without ⟦: {template}"
            secrets.append((opened, len(out)))
            opened = None
        elif whole in ("{{", "}}"):
            out += whole[:1].encode()
        else:
            assert token[1] is not None, f"a lone brace, write it twice: {template}"
            out += _value(token[1], rng, named)
    assert opened is None, f"⟦ without ⟧: {template}"
    return bytes(out + template[last:].encode()), secrets


def _value(word, rng, named):
    """What stands between braces, as bytes."""
    if word in named:
        return named[word]
    name, is_named, rest = word.partition("=")
    if is_named and name.isidentifier() and name not in WRITINGS:
        named[name] = _value(rest, rng, named)
        return named[name]
    made = _made(*word.partition(":")[::2], rng)
    return made if isinstance(made, bytes) else made.encode()


def _made(name, argument, rng):
    if name in ALPHABETS:
        low, _, high = argument.partition("-")
        return chars(rng, ALPHABETS[name], rng.randint(int(low), int(high or low)))
    if name in WRITINGS:
        return WRITINGS[name](argument.replace("%", secret(rng)).encode())
    plain = {"": "", "nl": "\n", "raw": argument}
    if name == "raw":
        return bytes.fromhex(argument)
    if name in plain:
        return plain[name]
    if name in ("secret", "hard"):
        return secret(rng, PUNCTUATION if name == "hard" else "")
    assert name in MAKERS, f"not known: {{{name}}}; known are {sorted([*ALPHABETS, *WRITINGS, *plain, *MAKERS, 'secret', 'hard'])}"
    return MAKERS[name](rng, argument) if argument else MAKERS[name](rng)


def secret(rng, punctuation=""):
    """A pass word of 12 to 20 characters: small letters, capitals, digits and, where asked, punctuation; a letter or digit at both ends."""
    kinds = ["abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789"]
    inner = [rng.choice(kind) for kind in (*kinds, *kinds, *([punctuation] * 2 if punctuation else []))]
    inner += [rng.choice("".join(kinds) + punctuation) for _ in range(rng.randint(10, 18) - len(inner))]
    rng.shuffle(inner)
    return rng.choice(kinds[0]) + "".join(inner) + rng.choice(kinds[1] + kinds[2])
