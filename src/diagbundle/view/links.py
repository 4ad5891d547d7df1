"""Addresses of pages: what is asked stands in them, as a browser sends it back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote

MOST = 2_000
"""Characters of a value that are taken."""
_CITED = re.compile(r"(.+):(\d{1,15})\Z", re.DOTALL)


def go(page: str, anchor: str = "", **asked: object) -> str:
    """The address of a page, relative to the folder that all lie in; what is empty is left out."""
    pairs = "&".join(f"{name}={_quoted(str(value))}" for name, value in asked.items() if value not in (None, "", False))
    return page + (f"?{pairs}" if pairs else "") + (f"#{anchor}" if anchor else "")


def _quoted(text: str) -> str:
    """Names of files are bytes. What can be no name may hold half of a pair of surrogates, and is only shown."""
    try:
        return quote(text.encode("utf-8", "surrogateescape"), safe="/")
    except UnicodeEncodeError:
        return quote(text.encode("utf-8", "replace"), safe="/")


def cited(text: str) -> tuple[str, int]:
    """Path and line of a citation, `var/log/messages:18231`; 0 where no line is named. A path may begin with a slash."""
    found = _CITED.match(text)
    path, line = (found[1], int(found[2])) if found else (text, 0)
    return path.lstrip("/"), line


class Asked:
    """What the address asks: strange values are the same as none."""

    def __init__(self, query: bytes) -> None:
        try:
            pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="surrogateescape", max_num_fields=100)
        except ValueError:
            pairs = []
        self._values: Mapping[str, str] = dict(pairs)

    def text(self, name: str) -> str:
        """A text, '' where there is none."""
        return self._values.get(name, "")[:MOST]

    def number(self, name: str, otherwise: int = 0) -> int:
        """A whole number from 0 on."""
        value = self._values.get(name, "")
        return int(value) if re.fullmatch(r"[0-9]{1,15}", value) else otherwise

    def choice(self, name: str, *allowed: str) -> str:
        """One of the allowed values; the first where it is none of them."""
        value = self._values.get(name, "")
        return value if value in allowed else allowed[0]
