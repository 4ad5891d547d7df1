"""Holds the things of two sides against each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from diagbundle.analyse.compare.difference import Difference, Field, Item, Value
from diagbundle.analyse.compare.identity import Mask
from diagbundle.analyse.verdict import Origin

Said = Mapping[str, Callable[[object], str]]
UNKNOWN: tuple[Value, ...] = ("", None, (), 0, -1, False)
"""Values of a field that nobody told of."""
_LONGEST, _PARTS = 200, 8
_FOLDED = 3
"""So many things below one name that is on one side only are told as one."""


class Matching:
    """One kind of thing, compared."""

    def __init__(self, noun: str, masks: tuple[Mask, Mask], near: Mapping[str, float] | None = None, said: Said | None = None) -> None:
        self._noun, self._masks = noun, masks
        self._near, self._said = near or {}, said or {}
        self.found: list[Difference] = []
        self.same = 0

    def compare(self, a: Sequence[Item], b: Sequence[Item], *, whole: bool, both: bool = False, pieces: Collection[str] = ()) -> None:
        """Pair by name, then by the name without what belongs to each host.

        `whole`: one piece tells of both sides, so that a value which is empty is a value. `both`: what is on one side only is not told.
        `pieces`: those that both sides have.
        """
        ours, theirs = _by_name(a), _by_name(b)
        for name in [name for name in ours if name in theirs]:
            self._pair(ours.pop(name), theirs.pop(name), whole=whole, both=both)
        hidden = {self._masks[1](name): name for name in theirs}
        for name in list(ours):
            if (other := hidden.pop(self._masks[0](name), None)) is not None:
                self._pair(ours.pop(name), theirs.pop(other), whole=whole, both=both)
        if not both:
            self.found += self._alone("-", [item for items in ours.values() for item in items], _names(b), pieces)
            self.found += self._alone("+", [item for items in theirs.values() for item in items], _names(a), pieces)

    def _pair(self, a: list[Item], b: list[Item], *, whole: bool, both: bool) -> None:
        """Things of one name: those that are the same, those that changed, and those that have no partner."""
        waiting: dict[tuple[str, ...], list[Item]] = {}
        for item in b:
            waiting.setdefault(self._form(item, self._masks[1]), []).append(item)
        left_a = []
        for item in a:
            partners = waiting.get(self._form(item, self._masks[0]))
            if partners:
                partners.pop()
                self.same += 1
            else:
                left_a.append(item)
        left_b = [item for items in waiting.values() for item in items]
        for item, partner in zip(left_a, left_b, strict=False):
            fields = tuple(self._fields(item, partner, whole=whole))
            if fields:
                self.found.append(Difference(self._noun, item.what, "~", item.origin, partner.origin, fields))
            else:
                self.same += 1
        if not both:
            few = min(len(left_a), len(left_b))
            self.found += [self._one("-", item, Origin(b[0].origin.path)) for item in left_a[few:]]
            self.found += [self._one("+", item, Origin(a[0].origin.path)) for item in left_b[few:]]

    @staticmethod
    def _form(item: Item, mask: Mask) -> tuple[str, ...]:
        return tuple(f"{name}={mask(str(value))}" for name, value in sorted(item.values.items()))

    def _fields(self, a: Item, b: Item, *, whole: bool) -> list[Field]:
        found = []
        for name in (*a.values, *(name for name in b.values if name not in a.values)):
            ours, theirs = a.values.get(name), b.values.get(name)
            if self._agree(name, ours, theirs) or (not whole and (ours in UNKNOWN or theirs in UNKNOWN)):
                continue
            found.append(self._field(name, ours, theirs))
        return found

    def _agree(self, name: str, a: Value, b: Value) -> bool:
        if a == b:
            return True
        if name in self._near:
            first, second = _number(a), _number(b)
            return first is not None and second is not None and abs(first - second) < self._near[name]
        return self._masks[0](str(a)) == self._masks[1](str(b))

    def _field(self, name: str, a: Value, b: Value) -> Field:
        if isinstance(a, tuple) and isinstance(b, tuple) and set(a) != set(b):  # only what is not in both
            a, b = tuple(each for each in a if each not in b), tuple(each for each in b if each not in a)
        return Field(name.replace("_", " "), self._words(name, a), self._words(name, b))

    def _words(self, name: str, value: Value) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return " ".join(value)
        if value is None:
            return ""
        if name in self._said:
            return self._said[name](value)
        return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)

    def _one(self, sign: str, item: Item, elsewhere: Origin | None) -> Difference:
        told = [(name, self._words(name, value)) for name, value in item.values.items() if value not in UNKNOWN]
        fields = tuple(Field(name.replace("_", " "), *((text, "") if sign == "-" else ("", text))) for name, text in told)
        a, b = (item.origin, elsewhere) if sign == "-" else (elsewhere, item.origin)
        return Difference(self._noun, item.what, sign, a, b, fields)

    def _alone(self, sign: str, items: list[Item], others: set[str], pieces: Collection[str]) -> Iterable[Difference]:
        """What is on one side only; many things below one name (`net.ipv4.conf.eth1.`) that the other side does not have are one."""
        groups: dict[str, list[Item]] = {}
        for item in items:
            groups.setdefault(_stem(item.what, others), []).append(item)
        for stem, group in groups.items():
            if stem and len(group) > _FOLDED:
                first = self._one(sign, group[0], _lacking(group[0], pieces))
                yield Difference(self._noun, f"{stem}*", sign, first.a, first.b, count=len(group))
            else:
                yield from (self._one(sign, item, _lacking(item, pieces)) for item in group)


def _lacking(item: Item, pieces: Collection[str]) -> Origin | None:
    """The piece of the other side in which it does not stand."""
    return Origin(item.origin.path) if item.origin.path in pieces else None


def _by_name(items: Iterable[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.what, []).append(item)
    return found


def _names(items: Iterable[Item]) -> set[str]:
    """All beginnings of names that end at a dot or a slash."""
    return {item.what[:end] for item in items for end in _ends(item.what)}


def _ends(name: str) -> list[int]:
    """Where the parts of a name end; of a stranger's long one only the first."""
    return [at + 1 for at, character in enumerate(name[:_LONGEST]) if character in "./"][:_PARTS]


def _stem(name: str, others: set[str]) -> str:
    """The shortest beginning of a name, at least two parts of it, that no thing of the other side has; '' where there is none."""
    return next((name[:end] for end in _ends(name)[1:] if name[:end] not in others), "")


def _number(value: Value) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        return None
