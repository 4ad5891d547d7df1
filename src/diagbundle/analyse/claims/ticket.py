"""Claims out of a ticket: its lines `key: value`, the error messages it quotes, and what it says in sentences.

Taken carefully: what is asked, supposed, planned, or said of another host is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.claims.claim import Claim
from diagbundle.analyse.claims.reading import claimed
from diagbundle.analyse.claims.statements import STATEMENTS
from diagbundle.analyse.facts.distribution import named

MAX_TEXT = 1 << 20
"""Characters of a ticket that are read."""
MAX_CLAIMS = 60
MAX_ERRORS = 20
_LONGEST_LINE = 2000
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_SHORTEST_ERROR = 12
"""Characters of a sentence that can be looked for by itself: `Oops. The disk is full` is one message."""
_KEY = re.compile(
    r"[\s>*#|•+-]*(?P<key>[A-Za-z][A-Za-z0-9 _/().-]{0,40}?)\s*(?:\*\*)?\s*(?:[:=|](?!//|\w:\\))\s*(?:\*\*)?\s*(?P<value>\S.*)"
)
_QUOTED = re.compile(
    r"\"([^\"\n]{8,400})\"|“([^”\n]{8,400})”|„([^“”\n]{8,400})[“”]|«([^»\n]{8,400})»|`([^`\n]{8,400})`|(?<!\w)'([^'\n]{12,400})'(?!\w)"
)
_FAULT = re.compile(
    r"(?i)\b(?:error|errno|fail(?:ed|ure|s)?|refused|denied|reset by|timed?[ -]?out|timeout|unable|can(?:not|'t)"
    r"|could not|couldn't|exception|"
    r"panic|fatal|critical|no space|no route|unreachable|not found|no such|too many|out of memory|oom|killed|segfault|corrupt\w*|invalid|"
    r"broken pipe|aborted|unavailable|bad gateway|exceeded|exhausted|hung|not permitted|read-only)\b"
)
_STAMPED = re.compile(
    r"\s*[\[(<]?(?:(?:19|20)\d\d[-/.]\d\d[-/.]\d\d[T ]\d\d:\d\d|[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d"
    r"|\[? *\d{1,8}\.\d{3,6}\]|[EWIF]\d{4} \d\d:)"
)
_STAMP_END = re.compile(
    r"\s*[\[(<]?(?:(?:19|20)\d\d[-/.]\d\d[-/.]\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d"
    r"|\[? *\d{1,8}\.\d{3,6}\]"
    r"|[EWIF]\d{4} [\d:.]+)[\])>]?\s*(?:[\w.-]{1,64} (?=[\w./-]{1,48}(?:\[\d+\])?:))?(?:[\w./-]{1,48}\[\d+\]: |kernel: )?"
)
_OTHER = re.compile(
    r"(?i)\?\s*$|\b(?:if|whether|maybe|perhaps|might|should|would|please|plan(?:s|ning|ned)?|want(?:s|ed)? to"
    r"|going to|will be|instead of|unlike|"
    r"compared|other (?:server|host|machine|node|system|cluster|env\w*)s?|another|used to|previously|not sure"
    r"|e\.g\.|for example|supported|supports|requires?|"
    r"migrat\w+|upgrad\w+|same (?:setup|thing)|no (?:problem|issue)s? (?:on|with)|works? (?:fine |well |ok )?(?:on|with|under))\b"
)


def of_ticket(text: str, name: str = "ticket") -> list[Claim]:
    """All claims that a text makes, in its order, each once."""
    found: dict[tuple[str, str], Claim] = {}
    errors = 0
    for number, line in enumerate(text[:MAX_TEXT].splitlines(), 1):
        where = f"{name}:{number}: {line.strip()[:200]}"
        for claim in _of_line(line[:_LONGEST_LINE], where):
            errors += claim.kind == "error"
            if claim.kind != "error" or errors <= MAX_ERRORS:
                found.setdefault((claim.kind, " ".join(claim.value.lower().split())), claim)
        if len(found) >= MAX_CLAIMS:
            break
    return list(found.values())


def _of_line(line: str, where: str) -> Iterator[Claim]:
    line = re.sub(r"^(?:\s*>)+\s?", "", line)
    if _STAMPED.match(line):
        if _FAULT.search(line) and (said := _STAMP_END.sub("", line, count=1).strip()):
            yield Claim("error", said, where)
        return
    if (key := _KEY.match(line)) and (claim := claimed(key["key"], key["value"], where)):
        if claim.kind == "os" and (found := named(claim.value)):
            claim = Claim("os", claim.value[found[1] : found[2]] if found[0].version and found[1] == 0 else claim.value, where)
        if claim.kind == "error":  # `Error: connection refused. Nothing was changed.`
            first, *rest = _SENTENCE_END.split(claim.value, maxsplit=1)
            if rest and len(first) >= _SHORTEST_ERROR:
                yield Claim("error", first.rstrip(".!"), where)
                yield from _said(rest[0], where)
                return
        yield claim
        if claim.kind == "os":  # `OS: RHEL 8.9, kernel 4.18, SELinux disabled`
            yield from (each for each in _said(key["value"], where) if each.kind != "os")
        return
    yield from _errors(line, where)
    yield from _said(_QUOTED.sub(" … ", line), where)


def _errors(line: str, where: str) -> Iterator[Claim]:
    for found in _QUOTED.finditer(line):
        said = next(filter(None, found.groups())).strip()
        before = line[max(0, found.start() - 60) : found.start()]
        if " " in said and (
            _FAULT.search(said) or re.search(r"(?i)\b(?:error|message|says|saw|sees?|throws?|prints?|fails with)\b", before)
        ):
            yield Claim("error", said, where)


def _said(line: str, where: str) -> Iterator[Claim]:
    for sentence in _SENTENCE_END.split(line):
        if not sentence.strip() or _OTHER.search(sentence):
            continue
        yield from _distributions(sentence, where)
        for kind, pattern, value in STATEMENTS:
            for found in pattern.finditer(sentence):
                if said := value(found):
                    yield Claim(kind, said, where)


def _distributions(sentence: str, where: str) -> Iterator[Claim]:
    """A distribution with its version; where two are named, it is not plain which one is meant."""
    found = named(sentence)
    if not found or not found[0].version:
        return
    what, start, end = found
    is_denied = re.search(r"(?i)\b(?:not|never|no)\b|n't", sentence[max(0, start - 25) : start])
    second = named(sentence[end:])
    if not is_denied and not (second and second[0].version and second[0].id != what.id):
        yield Claim("os", sentence[start:end].strip(" ,()"), where)
