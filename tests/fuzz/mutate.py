"""Mutations: what flipped bits, short reads, other programs and malice make of an input. The same random numbers give the same bytes."""

import re

from . import hosts

MAX = 128 << 10
"""Bytes of a mutated input at most."""
NASTY = [
    b"", b"\0", b"\x1b[2J\x1b]0;x\x07", b"\xff", b"\xc0\xaf", b"\xed\xb2\x80", b"\xed\xa0\x80", "\u202e".encode(), "\u0661\u0662".encode(), "\u00b2".encode(),
    "\u2028".encode(), b"\r", b"\n", b"\t", b"\x0b", b"\x85", b"-", b"--help", b"-1", b"+1", b"0", b"00", b"0x", b"0b1", b"1_000", b"1e999", b"-0", b"NaN", b"Infinity",
    b"None", b"null", b"true", b"{}", b"[]", b'""', b"[[]]", b'{"":0}', b'"\\ud800"', b"\\x", b"\\u0000", b"%s%n", b"%", b"$(id)", b"*", b"**", b"[", b"]", b"[!", b"?", b"{a,b}",
    b"{", b"}", b"(", b")", b") R (", b"..", b"../../..", b"/", b"//", b"/./", b"/proc/self/root", b":", b"::", b":::", b"=", b"==", b",", b";", b"#", b"!", b"'", b'"', b"\\",
    b"@", b"%eth0", b"fe80::1%lo", b"::ffff:1.2.3.4", b"256.1.1.1", b"1.2.3.4/33", b"[::1]:0", b"0.0.0.0:99999", b"host:", b":80", b"http://[", b"//[::1", b"xn--", b"." * 70,
    b"a" * 300, b"9" * 30, b"9" * 5000, b"1" + b"0" * 400, b"-" + b"9" * 20, b"[" * 3000, b'{"a":' * 2000, b"(" * 500, b"a." * 300, b"\xf0\x9f\x92\xa9",
]  # fmt: skip
NUMBERS = [
    b"0", b"1", b"-1", b"2", b"7", b"8", b"255", b"256", b"65535", b"65536", b"99999", b"2147483647", b"2147483648", b"-2147483649", b"4294967295", b"4294967296",
    b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616", b"1" + b"0" * 30, b"9" * 400, b"1" * 5000, b"1.5", b"1e400", b"NaN",
    b"0x10", b"08", b"ffffffff", b"FFFFFFFFFFFFFFFFFF", "\u0663".encode(), "\u00b3".encode(), b"", b" ", b"1,5", b"1-", b"5-1", b"0-4294967295",
]  # fmt: skip
WIDTHS = (1, 2, 3, 4, 8)
_NUMBER = re.compile(rb"[0-9]+")
_WORD = re.compile(rb"[^\s,:;=|\"'\[\](){}]+")
_GAP = re.compile(rb"[\s,:;=|\"'\[\](){}]+")


def mutated(data, others, random):
    """A few mutations, one after the other; `others` give pieces."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        data = random.choice(ALL)(data, others, random)[:MAX]
    return data


def mutated_host(data, others, random):
    """The same for a host file: mostly within a section or between two."""
    sections = hosts.parse(data)
    if not sections or random.random() < 0.05:
        return mutated(data, others, random)
    pieces = [content for _, content in sections if content] + [random.choice(others)]
    for _ in range(random.choice((1, 1, 2, 3))):
        if not sections:
            break
        at = random.randrange(len(sections))
        change = random.choices((_content, _content_of_another, _head, _gone, _twice), (85, 4, 5, 3, 3))[0]
        change(sections, at, pieces, random)
    return hosts.dump(sections)[:MAX]


def _content(sections, at, pieces, random):
    sections[at] = sections[at][0], mutated(sections[at][1], pieces, random)


def _content_of_another(sections, at, pieces, random):
    sections[at] = sections[at][0], random.choice(pieces)


def _head(sections, at, pieces, random):
    """Another path: a hostile name of a process, an interface, a container."""
    head, content = sections[at]
    parts = re.split(rb"([/ ])", head)
    number = random.randrange(len(parts))
    parts[number] = mutated(parts[number], [random.choice(NASTY), random.choice(NUMBERS)], random)
    sections[at] = b"".join(parts).replace(b"\n", b" "), content


def _gone(sections, at, pieces, random):
    del sections[at]


def _twice(sections, at, pieces, random):
    sections.insert(random.randrange(len(sections) + 1), sections[at])


# -- mutations of bytes


def _place(data, random):
    return random.randrange(len(data) + 1)


def _stretch(data, random):
    """Two places, mostly near to each other."""
    start = _place(data, random)
    return start, min(len(data), start + random.choice((1, 2, 4, 16, 64, 512, len(data))))


def _flip(data, others, random):
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _byte(data, others, random):
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes([random.choice((0, 1, 9, 10, 27, 32, 45, 47, 58, 127, 128, 255, random.randrange(256)))]) + data[at + 1 :]


def _cut_out(data, others, random):
    start, end = _stretch(data, random)
    return data[:start] + data[end:]


def _cut_short(data, others, random):
    return data[: _place(data, random)]


def _repeat(data, others, random):
    start, end = _stretch(data, random)
    return data[:end] + data[start:end] * random.choices((1, 2, 10, 1000), (60, 25, 12, 3))[0] + data[end:]


def _splice(data, others, random):
    other = random.choice(others) if others else b""
    start, end = _stretch(other, random)
    at, until = _place(data, random), 0
    until = random.choice((at, _place(data, random)))
    return data[:at] + other[start:end] + data[max(at, until) :]


def _nasty(data, others, random):
    at = _place(data, random)
    return data[:at] + random.choice(NASTY) + data[at + random.choice((0, 0, 1, 4)) :]


def _found(pattern, data, random):
    """One match near a random place, without looking through all."""
    start = random.randrange(max(1, len(data)))
    return pattern.search(data, start) or pattern.search(data)


def _replaced(data, found, by):
    return data[: found.start()] + by + data[found.end() :] if found else data


def _number(data, others, random):
    found = _found(_NUMBER, data, random)
    near = b"%d" % (int(found[0][:18]) + random.choice((-1, 1))) if found else b""
    return _replaced(data, found, random.choice((near, *NUMBERS)))


def _binary_number(data, others, random):
    width = random.choice(WIDTHS)
    if len(data) < width:
        return data
    at = random.randrange(len(data) - width + 1)
    order = random.choice(("little", "big"))
    old = int.from_bytes(data[at : at + width], order)
    top = 1 << 8 * width
    new = random.choice((0, 1, top - 1, top // 2, top // 2 - 1, old + 1, old - 1, old * 2, len(data), len(data) - at))
    return data[:at] + (new % top).to_bytes(width, order) + data[at + width :]


def _word(data, others, random):
    found = _found(_WORD, data, random)
    other = _found(_WORD, random.choice(others), random) if others else None
    return _replaced(data, found, random.choice((*NASTY, *[other[0] if other else b""] * 20)))


def _gap(data, others, random):
    return _replaced(
        data, _found(_GAP, data, random), random.choice((b"", b" ", b"  ", b"\t", b":", b"=", b",", b"\0", b"\n", b" - ", b"/"))
    )


def _lines(data, others, random):
    """A line gone, twice, elsewhere, cut, or alone."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    change = random.randrange(6)
    if change == 0:
        del lines[at]
    elif change == 1:
        lines.insert(random.randrange(len(lines) + 1), lines[at])
    elif change == 2:
        random.shuffle(lines)
    elif change == 3:
        lines[at] = lines[at][: random.randrange(len(lines[at]) + 1)]
    elif change == 4:
        lines = lines[at : at + 1]
    else:
        lines.insert(at, random.choice((b"", b" ", b"#", b":", b"-", b"=", random.choice(NASTY))))
    return b"\n".join(lines)


def _other_case(data, others, random):
    start, end = _stretch(data, random)
    return data[:start] + data[start:end].swapcase() + data[end:]


ALL = (
    _flip, _byte, _cut_out, _cut_short, _repeat, _splice, _nasty, _nasty, _number, _number, _binary_number, _word, _word, _gap, _lines, _lines, _other_case,
)  # fmt: skip
