"""Regular expressions that are compiled when they are asked first: there are many hundred of them, and a text needs a few."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

_ASKED = ("match", "fullmatch", "search", "finditer", "findall", "split", "sub", "subn", "groups", "groupindex")


class _Lazy:
    """Stands for a compiled expression; after the first question it answers as fast as that."""

    def __init__(self, pattern: bytes | str, flags: int) -> None:
        self.pattern = pattern
        self.flags = flags

    def __getattr__(self, name: str) -> Any:
        if name not in _ASKED:
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self.flags)
        for each in _ASKED:
            setattr(self, each, getattr(compiled, each))
        return getattr(compiled, name)


def regex(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """The expression. What is wrong with it is said by whoever asks it first: for expressions of our own, which tests ask."""
    return cast("re.Pattern[AnyStr]", _Lazy(pattern, flags))
