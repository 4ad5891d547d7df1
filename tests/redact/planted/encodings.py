"""How a carrier demands that a value be written."""

import base64
import html
import json
import shlex
import urllib.parse
from collections.abc import Callable


def _within(text: str, *escaped: tuple[str, str]) -> str:
    for old, new in escaped:
        text = text.replace(old, new)
    return text


ENCODINGS: dict[str, Callable[[str], str]] = {
    "json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "ascii": lambda text: json.dumps(text)[1:-1],
    "gojson": lambda text: _within(json.dumps(text)[1:-1], ("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")),
    "url": lambda text: urllib.parse.quote(text, safe=""),
    "plus": urllib.parse.quote_plus,
    "xml": html.escape,
    "sh": shlex.quote,
    "dq": lambda text: _within(text, ("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("`", "\\`")),
    "sq": lambda text: text.replace("'", "''"),
    "csv": lambda text: text.replace('"', '""'),
    "bsq": lambda text: _within(text, ("\\", "\\\\"), ("'", "\\'")),
    "prop": lambda text: _within(text, ("\\", "\\\\"), (":", "\\:"), ("=", "\\="), ("#", "\\#")),
    "pgpass": lambda text: _within(text, ("\\", "\\\\"), (":", "\\:")),
    "b64": lambda text: base64.b64encode(text.encode()).decode(),
    "b64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "nl": lambda text: text.replace("\n", "\\n"),
    "indent": lambda text: text.replace("\n", "\n    "),
    "syslog": lambda text: text.replace("\n", "\nNov 21 04:11:09 app01 stunnel[811]: "),
    "noquote": lambda text: _within(text, ("'", "x"), ('"', "y"), ("\\", "z")),
}


def encoded(text: str, names: list[str]) -> str:
    """The text after these encodings, one after the other."""
    for name in names:
        text = ENCODINGS[name](text)
    return text


def forms(secret: bytes) -> dict[str, bytes]:
    """All that gives the secret away: itself, and what decodes to it or to nearly all of it."""
    found = {"plain": secret}
    text = secret.decode("utf-8" if _is_utf8(secret) else "latin-1")
    for name in ("json", "ascii", "url", "plus", "xml"):
        found[name] = encoded(text, [name]).encode()
    found["json twice"] = encoded(text, ["json", "json"]).encode()
    for shift in range(3):  # where the secret begins within a group of three decides how it looks
        found[f"base64 {shift}"] = base64.b64encode(b"\0" * shift + secret)[4 if shift else 0 : (len(secret) + shift) // 3 * 4]
    found["hex"], found["HEX"] = secret.hex().encode(), secret.hex().upper().encode()
    return {name: form for name, form in found.items() if form and (name == "plain" or form != secret)}


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
