"""Names of secrets that other languages write in several words, or before the wide colon of Chinese and Japanese."""

from __future__ import annotations

import re
from collections.abc import Iterable

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.bare import Place, bare
from diagbundle.redact.named.names import STRONG, Meaning, meaning
from diagbundle.redact.named.several import judged
from diagbundle.redact.named.values import OPEN, Value, quoted
from diagbundle.redact.span import LINE, Literal, Pattern, Span

_PHRASES = (
    "mot de passe", "parola chiave", "palabra clave", "hasło użytkownika", "hasło administratora",
    "пароль пользователя", "пароль администратора", "mots de passe", "mot secret", "parola d'ordine",
    "parola di accesso", "palabra de paso", "palabra secreta", "palavra-passe", "palavra passe", "palavra chave",
    "clave de acceso", "clave secreta", "clave privada", "chave secreta", "chave privada", "chave de acesso",
    "chiave segreta", "chiave privata", "chiave di accesso", "código secreto", "codice segreto", "clé secrète",
    "clé privée", "clé d'accès", "clé api", "phrase secrète", "geheimer schlüssel", "privater schlüssel",
    "geheimes wort", "kata sandi", "kata laluan", "mật khẩu", "mật mã", "секретный ключ", "закрытый ключ",
    "кодовое слово", "ключ доступа", "секретний ключ", "tajny klucz", "klucz prywatny", "hemlig nyckel",
    "hemmelig nøgle", "geheime sleutel", "gizli anahtar", "كلمة المرور", "كلمة السر", "رمز عبور", "पासवर्ड",
    "รหัสผ่าน", "συνθηματικό", "κωδικός πρόσβασης", "μυστικό κλειδί", "titkos kulcs", "tajný klíč",
)  # fmt: skip
"""What says it in two words or more, in small letters."""
_BEFORE = regex(rb"[\w\x80-\xff.-]{2,120}\Z")
_WIDE = regex(rb"\xef\xbc[\x9a\x9d][ \t]{0,8}(?:\xe3\x80\x80)?")
_AFTER = regex(rb"[\w\x80-\xff]{0,8}[\"']?[ \t]{0,8}(?:[:=]|\xef\xbc[\x9a\x9d])[ \t]{0,8}(?=\S)")
_MEANS = Meaning(STRONG, "password")


def _writings(phrase: str) -> tuple[str, ...]:
    """A phrase as it begins a sentence, as a title, and with the noun of a German one; the scanner folds the case of ASCII only."""
    head, _, noun = phrase.rpartition(" ")
    return (phrase,) if phrase.isascii() else (phrase, phrase.capitalize(), phrase.title(), f"{head} {noun.title()}".strip())


def _value(data: bytes, name: int, start: int, means: Meaning) -> Iterable[Span]:
    if opened := OPEN.match(data, start):
        value = quoted(data, name, opened, LINE)
        return judged(data, value, means) if value else ()
    end = bare(Place(data, start, name, LINE))
    return judged(data, Value(start, end, end), means)


def _phrase(data: bytes, at: int) -> Iterable[Span]:
    """`mot de passe : P`, `clé secrète = P`."""
    phrase = _PHRASE.match(data, at)
    found = _AFTER.match(data, phrase.end(), phrase.end() + 64) if phrase else None
    return _value(data, at, found.end(), _MEANS) if found else ()


def _wide(data: bytes, at: int) -> Iterable[Span]:
    """A name in Chinese or Japanese, a wide colon, and the secret."""
    name = _BEFORE.search(data, max(0, at - 120), at)
    means = meaning(name[0]) if name else None
    found = _WIDE.match(data, at)
    if not name or not found or not means or means.strength != STRONG:
        return ()
    return _value(data, name.start(), found.end(), means)


_WRITTEN = tuple(dict.fromkeys(text for phrase in _PHRASES for text in _writings(phrase)))
_PHRASE = regex(b"|".join(re.escape(text.encode()) for text in sorted(_WRITTEN, key=len, reverse=True)), re.IGNORECASE)
PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "password",
        "Secrets behind a name of several words in another language",
        tuple(Literal(text.encode(), fold=text.isascii()) for text in _WRITTEN),
        _phrase,
    ),
    Pattern("password", "Secrets behind a wide colon", (Literal(b"\xef\xbc\x9a"), Literal(b"\xef\xbc\x9d")), _wide),
)
