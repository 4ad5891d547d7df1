"""What is different between two hosts, for people, in a terminal, and as one object of JSON for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from diagbundle.analyse.compare.difference import SECTIONS, Comparison, Difference, Field, Section
from diagbundle.analyse.compare.side import Side
from diagbundle.analyse.facts.spoken import span, stamp
from diagbundle.analyse.verdict import Origin
from diagbundle.bundle.escape import shown
from diagbundle.report.json import evidence, moment

Paint = Callable[[str, str], str]
FEW, LINES, FEW_LINES = 12, 14, 4
"""Differences of a section, lines of a file, and of one that only one side has, that are told where nobody asked for all."""
_WIDE = 150
"""Characters of a value that are told."""
_SIGNS = {"-": "only in A", "+": "only in B", "~": "differs"}


class Text:
    """A comparison as lines of text."""

    def __init__(self, width: int, paint: Paint, *, everything: bool = False) -> None:
        self._width, self._paint, self._everything = max(60, width), paint, everything

    def report(self, a: Side, b: Side, found: Comparison) -> Iterator[str]:
        """All of it: who the two are, how much differs, then the sections, the most important first."""
        for side in (a, b):
            yield from self._wrapped(f"{side.name}  {_host(side)}", "   ")
        yield "\n"
        yield from self._wrapped(_taken(a, b, found), "")
        for note in found.notes:
            yield from self._wrapped(f"note: {note}", "      ")
        if found.identity:
            yield from self._wrapped("what belongs to each host, and is not told as a difference:", "  ")
            yield from (line for each in found.identity for line in self._field(each, "  "))
        different = [section for section in found.sections if section.differences]
        counts = ", ".join(f"{section.name} {section.count:,}" for section in different)
        yield "\n"
        nothing = "nothing" if any(section.same for section in found.sections) else "not known: there is nothing that both of them tell"
        yield from self._wrapped(f"different: {counts or nothing}", "  ")
        same = [f"{section.name} ({section.same:,})" for section in found.sections if not section.differences and section.same]
        yield from self._wrapped(f"the same:  {', '.join(same)}", "  ") if same else ()
        for section in different:
            yield from self._section(section)
        yield from self._unknown(found.sections)

    def _section(self, section: Section) -> Iterator[str]:
        same = f"; {section.same:,} the same" if section.same else ""
        yield "\n" + self._paint(SECTIONS[section.name].upper(), "head") + f"  {section.count:,} different{same}\n"
        told = section.differences if self._everything else section.differences[:FEW]
        for each in told:
            yield from self._difference(each)
        if more := len(section.differences) - len(told):
            yield f"  and {more:,} more: --only {section.name} --all\n"
        for note in section.notes:
            yield from self._wrapped(f"  {note}", "  ")

    def _difference(self, each: Difference) -> Iterator[str]:
        severity = next((field.a or field.b for field in each.fields if field.name == "severity"), "") if each.sign != "~" else ""
        fields = [field for field in each.fields if field.name != "severity" or each.sign == "~"]
        values = _cut(" ".join(_value(field) for field in fields)) if each.sign != "~" else ""
        many = f" ({each.count:,})" if each.count > 1 else ""
        name = _cut(each.what) + many if each.what != each.noun else ""
        is_lone_file = each.noun == "file" and each.sign != "~"
        told_beside = values or (each.note if is_lone_file else "")
        head = " ".join(filter(None, (each.sign, severity.upper(), each.noun, name)))
        first, *rest = self._wrapped(f"  {head}{'  ' + told_beside if told_beside else ''}", "      ")
        yield self._paint(first.rstrip("\n"), severity or "title") + "\n"
        yield from rest
        for field in fields if each.sign == "~" else ():
            yield from self._field(field, "      ")
        if each.note and not is_lone_file:
            yield from self._wrapped(f"      {each.note}", "      ")
        told = each.lines if self._everything else each.lines[: FEW_LINES if is_lone_file else LINES]
        for line in told:
            sign = "-" if line.side == "A" else "+"
            yield f"      {line.side}:{line.line:<5} {sign}{_cut(line.text)}\n"
        if more := len(each.lines) - len(told) + each.left_out:
            yield f"      and {more:,} more lines\n"
        if is_lone_file:
            return
        yield "      " + self._paint(_cited(each), "path") + "\n"

    def _field(self, field: Field, indent: str) -> Iterator[str]:
        name = field.name if field.name != "value" else ""
        room = self._width - len(indent) - len(name) - 8
        a, b = _cut(field.a) or "(none)", _cut(field.b) or "(none)"
        if len(a) + len(b) <= room:
            yield f"{indent}{name}{': ' if name else ''}{a} -> {b}\n"
        else:
            yield from self._wrapped(f"{indent}{name}{': ' if name else ''}A  {a}", indent + "  ")
            yield from self._wrapped(f"{indent}{' ' * (len(name) + 2 if name else 0)}B  {b}", indent + "  ")

    def _unknown(self, sections: Sequence[Section]) -> Iterator[str]:
        reasons = [(section.name, reason) for section in sections for reason in section.unknown]
        if reasons:
            yield "\n" + self._paint("NOT COMPARED", "head") + "  what only one of them tells; it is not counted as the same\n"
        for name, reason in reasons if self._everything else reasons[:FEW]:
            yield from self._wrapped(f"  {name}: {_cut(shown(reason), 300)}", "      ")
        if not self._everything and len(reasons) > FEW:
            yield f"  and {len(reasons) - FEW:,} more: --all\n"

    def _wrapped(self, text: str, hang: str) -> Iterator[str]:
        lines = textwrap.wrap(shown(text), self._width, subsequent_indent=hang, break_on_hyphens=False, drop_whitespace=True)
        yield from (line + "\n" for line in lines)


def _host(side: Side) -> str:
    about = side.about
    at = stamp(about.now) or "at a time nobody wrote down"
    words = (about.name or "a host without a name", about.os, f"kernel {about.kernel}" if about.kernel else "", at, side.evidence.name)
    return " · ".join(filter(None, words))


def _taken(a: Side, b: Side, found: Comparison) -> str:
    if not found.taken.one_host:
        return f"Taken for two hosts: {found.taken.because}."
    later = b.about.now - a.about.now if a.about.now and b.about.now else 0.0
    when = "" if not later else f" B was collected {span(abs(later))} {'after' if later > 0 else 'before'} A."
    return f"Taken for one host, before and after: {found.taken.because}.{when}"


def _value(field: Field) -> str:
    value = _cut(field.a or field.b)
    return value if field.name in ("value", "version") else f"{field.name}={value}"


def _cut(text: str, most: int = _WIDE) -> str:
    text = shown(text)
    return text if len(text) <= most else text[: most - 2] + " …"


def _cited(each: Difference) -> str:
    """Both places; the path once, where it is one."""
    a, b = each.a, each.b
    if a and b and a.path == b.path:
        return f"{shown(a.path)}  A:{a.line or '-'}  B:{b.line or '-'}" if a.line or b.line else shown(a.path)
    return "  ".join(f"{side} {shown(str(origin))}" for side, origin in (("A", a), ("B", b)) if origin)


def as_json(a: Side, b: Side, found: Comparison) -> str:
    """The whole answer, nothing shortened; docs/ANALYSIS.md tells the keys."""
    return json.dumps(
        {
            "a": _side(a), "b": _side(b),
            "one_host": found.taken.one_host, "same_boot": found.taken.same_boot, "because": found.taken.because, "notes": found.notes,
            "identity": [{"name": each.name, "a": each.a, "b": each.b} for each in found.identity],
            "different": found.count, "sections": [_section(each) for each in found.sections],
        },
        indent=1, ensure_ascii=True,
    )  # fmt: skip


def _side(side: Side) -> dict[str, Any]:
    about = side.about
    return {"bundle": side.evidence.name, "host": about.name, "os": about.os, "kernel": about.kernel, "collected": moment(about.now)}


def _section(section: Section) -> dict[str, Any]:
    return {
        "name": section.name, "different": section.count, "same": section.same, "not_compared": section.unknown, "notes": section.notes,
        "differences": [_object(each) for each in section.differences],
    }  # fmt: skip


def _object(each: Difference) -> dict[str, Any]:
    return {
        "kind": each.noun, "name": each.what, "sign": each.sign, "where": _SIGNS[each.sign], "count": each.count, "note": each.note or None,
        "values": [{"name": field.name, "a": field.a, "b": field.b} for field in each.fields],
        "lines": [{"side": line.side, "line": line.line, "text": line.text} for line in each.lines], "left_out": each.left_out,
        "a": _origin(each.a), "b": _origin(each.b),
    }  # fmt: skip


def _origin(origin: Origin | None) -> dict[str, Any] | None:
    return evidence(origin) if origin else None
