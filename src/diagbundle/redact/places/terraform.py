"""Secrets in the state of Terraform and OpenTofu: outputs marked as sensitive, and resources that make pass words."""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.places.judge import stays
from diagbundle.redact.places.objects import closing, objects_before, objects_behind
from diagbundle.redact.span import Literal, Pattern, Span

KIND = "terraform_state"
_REACH = 8 << 10
_SENSITIVE = regex(rb"sensitive\\*\"\s{0,8}:\s{0,8}true")
_VALUE = regex(rb"\"value\\*\"\s{0,8}:\s{0,8}(?:(\\*)\"|(?=[\[{]))")
_STRING = regex(rb"(\\*)\"")
_MADE = regex(rb"\"(?:result|bcrypt_hash)\\*\"\s{0,8}:\s{0,8}(\\*)\"")
_LISTED = regex(rb"sensitive_attributes\\*\"\s{0,8}:\s{0,8}\[")
_NAME = regex(rb"\"value\\*\"\s{0,8}:\s{0,8}\\*\"(\w{1,64})\\*\"")
_ATTRIBUTE = regex(rb"\"(\w{1,64})\\*\"\s{0,8}:\s{0,8}(\\*)\"")


def _string(data: bytes, start: int, end: int, depth: int) -> Iterator[Span]:
    stop = closing(data, start, end, depth)
    if not stays(data[start:stop]):
        yield Span(start, stop, KIND)


def _sensitive(data: bytes, at: int) -> Iterator[Span]:
    """The `value` beside `"sensitive": true`."""
    if not _SENSITIVE.match(data, at):
        return
    low, high = max(0, at - _REACH), min(len(data), at + _REACH)
    low = max(low, data.rfind(b'sensitive"', low, at))
    again = data.find(b'sensitive"', at + 10, high)
    low = min(at, [opened for opened, _ in objects_before(data, low, at)][-1])
    high = [closed for _, closed in objects_behind(data, at, again if again >= 0 else high)][-1]
    value = _VALUE.search(data, low, high)
    if value and value[1] is not None:
        yield from _string(data, value.end(), high, len(value[1]))
    elif value:
        typed = data.find(b'"type', value.end(), high)
        stop = at if value.end() < at else high
        yield from _members(data, value.end(), min(stop, typed) if typed >= 0 else stop)


def _members(data: bytes, start: int, end: int) -> Iterator[Span]:
    """The strings of a list or an object, but for its names."""
    while opening := _STRING.search(data, start, end):
        depth = len(opening[1])
        stop = closing(data, opening.end(), end, depth)
        start = stop + depth + 1
        behind = data[start : start + 16].lstrip()
        named = behind.startswith(b":")
        if not named and not stays(data[opening.end() : stop]):
            yield Span(opening.end(), stop, KIND)


def _made(data: bytes, at: int) -> Iterator[Span]:
    """What a `random_password` made: behind its type up to the next resource, or before it in the same object."""
    low = max(0, at - _REACH)
    low = max(low, data.rfind(b"random_password", low, at))
    for opened, closed in objects_before(data, low, at) if data.find(b'"result', low, at) >= 0 else ():
        for made in _MADE.finditer(data, opened, closed):
            yield from _string(data, made.end(), closed, len(made[1]))
    end = min(len(data), at + _REACH)
    following = data.find(b'"mode', at, end)
    end = following if following >= 0 else end
    again = data.find(b"random_password", at + 15, end)
    for made in _MADE.finditer(data, at, again if again >= 0 else end):
        yield from _string(data, made.end(), end, len(made[1]))


def _listed(data: bytes, at: int) -> Iterator[Span]:
    """The attributes that `sensitive_attributes` names, in the object before it."""
    head = _LISTED.match(data, at)
    if not head:
        return
    again = data.find(b"sensitive_attributes", at + 20, at + _REACH)
    end = data.find(b"]]", head.end(), again if again >= 0 else at + _REACH // 4)
    names = {name[1] for name in _NAME.finditer(data, head.end(), end)} if end >= 0 else set()
    low = max(0, at - _REACH)
    low = max(low, data.rfind(b"sensitive_attributes", low, at), data.rfind(b'"attributes', low, at))
    for attribute in _ATTRIBUTE.finditer(data, low, at) if names else ():
        if attribute[1] in names:
            yield from _string(data, attribute.end(), at, len(attribute[2]))


PATTERNS: tuple[Pattern, ...] = (
    Pattern(KIND, "Values that Terraform marks as sensitive", (Literal(b'sensitive"'), Literal(b'sensitive\\"')), _sensitive),
    Pattern(KIND, "Pass words that Terraform made", (Literal(b'random_password"'), Literal(b'random_password\\"')), _made),
    Pattern(KIND, "Attributes that Terraform lists as sensitive", (Literal(b"sensitive_attributes"),), _listed),
)
