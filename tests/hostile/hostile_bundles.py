"""Bundles that mean harm, made when they are needed: what each is, how `verify` must end, and what it must say.

Beside the vectors, which are the format's and lie in the tree; these may be as large, deep and strange as they like.
"""

import json
import os
import struct
import sys

import zstandard

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "vectors"))
import make

FRAME = 8 << 20
PACK = zstandard.ZstdCompressor(level=1, write_checksum=True).compress
EVIL = "\x1b[31m\x1b]0;evil\x07\x9b2J\r\n\t\x7f\u0085\u061c\u202e\u2066\u200b\u200f\u2028\ufeff\U000e0041"
"""What must never reach a terminal: ESC, CSI, OSC, BEL, line ends, bidirectional and invisible characters, tags."""
NAME = f"var/log/{EVIL}\udcff\udc9b".replace("/log/", "/log/a")


class Forged(make.Composer):
    """A bundle whose manifest is written line by line, as bytes."""

    tweak_lines = staticmethod(lambda lines: lines)

    def contents(self):
        """The manifest again, with other lines, in frames of `page` bytes."""
        self.page, page = 1 << 40, self.page
        *others, last = super().contents()
        size = int(last[124:135], 8)
        lines = b"".join(self.tweak_lines(last[512 : 512 + size].splitlines(keepends=True)))
        last = make.header(last[:100].rstrip(b"\0"), len(lines)) + lines + bytes(-len(lines) % 512) + self.end
        return [*others, *(last[at : at + page] for at in range(0, len(last), page))]


def lines(tweak, members=None):
    """A bundle whose lines of the manifest were changed by a function."""
    forged = Forged(members or make.small(), rows=make.lost())
    forged.tweak_lines = tweak
    return forged.build(PACK)


def put(line, at=2):
    """A bundle with one more line in its manifest."""
    return lambda: lines(lambda old: [*old[:at], line + b"\n", *old[at:]])


def row(**values):
    """A bundle in which one member's row says something else."""
    return lambda: make.good(tweak_rows=make.changed(1, **values)).build()


def head(**values):
    """A bundle in whose head something else stands."""
    return lambda: make.good(head=values).build()


def members(*names, **how):
    """A bundle of these members."""
    return lambda: make.Composer([make.Member(name, name.encode("utf-8", "surrogateescape")) for name in names], **how).build()


def chained(*raw):
    """A bundle with a member before whose header other headers stand."""
    return make.in_header(raw=b"".join(raw), data=b"evil\n")


def header(**how):
    """The header of a member that itself would do."""
    return make.block(f"{make.PREFIX}/etc/evil".encode(), 5, **how)


def patched(at, change):
    """A header with other bytes in it, and the right checksum."""
    raw = bytearray(header())
    raw[at : at + len(change)] = change
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


def file(change):
    """A good bundle, changed as a whole."""
    return lambda: change(make.good().build())


def skippable(size=8, magic=0x184D2A50):
    """A frame that readers pass over."""
    return struct.pack("<II", magic, size) + bytes(size)


def footer(count, flags=0, entries=b""):
    """A seek table with this footer."""
    return struct.pack("<II", 0x184D2A5E, len(entries) + 9) + entries + struct.pack("<IBI", count, flags, 0x8F92EAB1)


def seated(packed, plain):
    """Frames and a table that tells of them."""
    table = [[len(one), size] for one, size in zip(packed, plain, strict=True)]
    return b"".join(packed) + make.seek_table(table)


def first_frame(change):
    """A good bundle whose first frame is written by a function of its content."""
    contents = make.good().contents()
    return seated([change(contents[0]), *map(make.frame, contents[1:])], map(len, contents))


def dictionary(content):
    """A frame that wants a dictionary, number 7."""
    plain = make.frame(content)
    return plain[:4] + bytes([plain[4] | 1, 7]) + plain[5:]


def blocks_of_nothing(content):
    """A frame that begins with 100,000 empty blocks."""
    plain = make.frame(content)
    return plain[:9] + bytes(3) * 100_000 + plain[9:]


def bomb():
    """A frame that declares 8 MiB and holds 256 MiB. Its checksum is none: nobody must come as far as that."""
    packed = make.frame(b"", declare=FRAME)[:9] + ((128 << 13 | 2).to_bytes(3, "little") + b"\0") * 2047
    packed += (128 << 13 | 3).to_bytes(3, "little") + b"\0" + bytes(4)
    return seated([packed], [FRAME])


def with_skippable(place):
    """Frames to be passed over, of which the table knows: as if they belonged to the one behind them."""
    contents = make.good().contents()
    packed = list(map(make.frame, contents))
    packed[place] = skippable() + packed[place]
    return seated(packed, map(len, contents))


def dust():
    """Every byte in a frame of its own."""
    stream = b"".join(make.Composer([make.Member("a", b"x")]).contents())
    frames = [make.frame(bytes([byte])) for byte in range(256)]
    return seated([frames[byte] for byte in stream], [1] * len(stream))


def dusty_sums():
    """SHA256SUMS without an end of line, in frames of sixteen bytes: to join them one by one takes the square of their number."""
    composer = make.Composer([make.Member("a", b"x")], tweak_sums=lambda _sums: b"a" * (1 << 19))
    first, sums, *rest = composer.contents()
    pieces = [sums[at : at + 16] for at in range(0, len(sums), 16)]
    pack = {piece: make.frame(piece) for piece in {*pieces, first, *rest}}
    contents = [first, *pieces, *rest]
    return seated([pack[content] for content in contents], map(len, contents))


def inner():
    """A row for a member that is only the data of another."""
    inside = header() + b"evil\n" + bytes(507)

    def tweak(rows):
        rows.append(
            rows[0] | {"path": "etc/evil", "header": 512, "offset": 1024, "size": 5, "sha256": make.hashlib.sha256(b"evil\n").hexdigest()}
        )

    return make.Composer([make.Member("outer", inside)], tweak_rows=tweak).build()


def parts():
    """More parts than anybody would want to look for one at a time."""
    part = {"kind": "command", "source": ["journalctl"]}
    more = [make.Member(f"p.part{number:04d}", b"x", part | {"part": number}) for number in range(2, 1000)]
    return make.Composer([make.Member("p", b"x", part | {"part": 1}), *more]).build(PACK)


def told(**values):
    """A partial bundle in which every text that is shown means harm."""
    text = {"collector": EVIL, "source": ["x", EVIL, "\ud800"], "reason": EVIL, "stderr": EVIL, "target": EVIL, "kind": EVIL}
    whole = make.Member(NAME, EVIL.encode(), text)
    short = make.Member(NAME + "2", bytes(8), text | {"outcome": "partial", "short": 4})
    about = {
        "complete": False,
        "reason": EVIL,
        "case": EVIL,
        "zone": EVIL,
        "tool": EVIL,
        "created": EVIL,
        "host": {"name": EVIL, "os": EVIL},
    }
    rows = [text | {"outcome": outcome, "path": NAME + outcome, "link": NAME} for outcome in ("denied", "failed")]
    return make.Composer([whole, short], rows=rows, head=about | values)


def long_rows(count, **values):
    """Rows with a text of 4,000,000 characters, each another, a wide one first: little in the file, much in memory."""
    text = "\U0001f600" + "a" * 4_000_000
    rows = [{key: f"{text}{number}" if value is None else value for key, value in values.items()} for number in range(count)]
    return lambda: lines(lambda old: old + [json.dumps(one).encode() + b"\n" for one in rows])


PLACE = {
    "minus": -1, "far": 1 << 62, "beyond": 1 << 63, "wide": 10**4000, "half": 512.5, "float": 512.0, "true": True, "text": "512",
    "list": [], "object": {}, "nan": float("nan"), "infinite": float("inf"), "null": None,
}  # fmt: skip
ODD = {**PLACE, "deep": json.loads("[" * 500 + "]" * 500), "escape": EVIL}

BUNDLES = {
    # names: what tar, a careless reader or a file system might follow
    "name-canary": (make.named(f"{make.PREFIX}/../canary/evil".encode()), 4, "not allowed"),
    "name-far-canary": (make.named(f"{make.PREFIX}/{'a/' * 30}{'../' * 31}canary/evil".encode()), 4, "not allowed"),
    "name-absolute-pax": (chained(make.pax(path=b"/tmp/diagbundle-evil"), header()), 4, "not allowed"),
    "name-empty-pax": (chained(make.pax(path=b""), header()), 4, "not allowed"),
    "name-only-prefix": (make.named(make.PREFIX.encode() + b"/"), 4, "not allowed"),
    "name-prefix-dotdot": (make.named(b"../canary/evil"), 4, "not allowed"),
    "name-backslash": (members("..\\..\\evil", "C:\\evil", "a:b"), 0, "whole"),
    "name-case": (members("etc/A", "etc/a", "ETC/a"), 0, "whole"),
    "name-normal-forms": (members("etc/\u00e9", "etc/e\u0301", "etc/\ufb01", "etc/fi"), 0, "whole"),
    "name-of-a-folder": (members("var/log", "var/log/messages"), 4, "below that of another"),
    "name-of-a-folder-behind": (members("var/log/a/b/messages", "var/log"), 4, "folder of another"),
    "name-below-manifest": (members("diagbundle/manifest.jsonl/x"), 4, "below that of another"),
    "name-escapes": (lambda: told().build(), 3, "not everything"),
    "name-escapes-damaged": (lambda: told(complete=False, members=3).build(), 4, "members"),
    "name-escapes-broken": (lambda: told().build(lambda data: make.frame(data.replace(b"evil\x07", b"good\x07", 1))), 4, ""),
    "prefix-escapes": (members("a", prefix=f"x{EVIL}"), None, ""),
    # types and headers
    **{f"type-{kind.hex()}": (make.typed(kind), 4, "no regular file") for kind in (b"\0", b"7", b"V", b"M", b"A", b"D", b"N", b"X", b"K", b"\x1b")},
    **{f"mode-{mode:o}": (make.in_header(raw=header(mode=mode), data=b"evil\n"), 4, "mode") for mode in (0o1600, 0o2600, 0o666, 0o100600, 0)},
    "owner": (make.in_header(raw=patched(108, b"0001750\0"), data=b"evil\n"), 4, "owner"),
    "size-base-256": (make.in_header(raw=patched(124, b"\x80" + bytes(10) + b"\x05"), data=b"evil\n"), 4, "octal"),
    "size-minus": (make.in_header(raw=patched(124, b"-0000000005\0"), data=b"evil\n"), 4, "octal"),
    "links-then-file": (chained(make.block_at(f"{make.PREFIX}/etc", b"2", b"../canary"), header()), 4, ""),
    "link-name-of-a-file": (make.in_header(raw=header(link=b"/etc/passwd"), data=b"evil\n"), 0, "whole"),
    "pax-twice": (chained(make.pax(path=b"x/a"), make.pax(path=b"x/b"), header()), 4, ""),
    "pax-many": (chained(*[make.pax(path=b"x/a")] * 500, header()), 4, ""),
    "pax-global": (chained(make.pax(path=b"x/a"), make.typed(b"g")()[:512], header()), 4, ""),
    "pax-largest": (chained(make.pax(path=b"x/" + b"a/" * 32_000), header()), 4, ""),
    "pax-size-minus": (chained(make.pax(size=b"-9000000000"), header()), 4, "pax header with the size"),
    "pax-size-wide": (chained(make.pax(size=b"9" * 17), make.block(f"{make.PREFIX}/etc/evil".encode(), 0)), 4, "another size"),
    "pax-charset": (chained(make.pax(hdrcharset=b"\x1b[31m"), header()), 4, "character set"),
    "pax-key": (chained(make.pax(**{"\x1b[31m": b"x"}), header()), 4, "the key"),
    "pax-length": (chained(make.pax(path=b"x/y").replace(b"12 path", b"0  path"), header()), 4, "pax header"),
    # rows
    **{f"{key}-{name}": (row(**{key: value}), 4, "") for key in ("header", "offset", "size") for name, value in PLACE.items()},
    **{f"mtime-{name}": (row(mtime=value), 0, "whole") for name, value in ODD.items()},
    **{f"{key}-odd": (row(**{key: list(ODD.values())}), 0, "whole") for key in ("reason", "source", "collector", "kind", "stderr", "redacted", "link")},
    **{f"{key}-{name}": (row(**{key: ODD[name]}), 0, "whole") for key in ("part", "short", "link", "exit", "reason", "source") for name in ("minus", "far", "deep", "wide", "true")},
    **{f"outcome-{name}": (row(outcome=ODD[name]), 4, "outcome") for name in ("list", "object", "deep", "escape", "null", "nan")},
    **{f"path-{name}": (row(path=value), 4, "") for name, value in ODD.items()},
    **{f"sha256-{name}": (row(sha256=value), 4, "") for name, value in ODD.items()},
    "path-dotdot": (row(path="../canary/evil"), 4, "another name"),
    "path-absolute": (row(path="/etc/cron.d/evil"), 4, "another name"),
    "path-surrogate": (row(path="\ud800"), 4, "path"),
    "path-low-surrogate": (row(path="\udc41"), 4, "path"),
    "path-nul": (row(path="proc/net/dev\0"), 4, "another name"),
    "sha256-upper": (row(sha256="A" * 64), 4, "checksum"),
    "inner": (inner, 4, "begins at byte"),
    "link-to-itself": (row(link="proc/net/dev"), 0, "whole"),
    "link-loop": (lambda: make.good(tweak_rows=lambda rows: rows.extend([{"path": "a", "link": "b", "outcome": "collected"}, {"path": "b", "link": "a", "outcome": "collected"}]), head={"outcomes": {"collected": 9, "skipped": 1, "absent": 1}}).build(), 0, "whole"),
    "part-without-end": (row(part=1), 0, "whole"),
    "parts": (parts, 0, "whole"),
    "extents": (row(extents=[[1 << 62, 1 << 62], [0, 9], [4, 9], [-1, -1], "x", []], whole=1 << 62), 0, "whole"),
    "short-of-all": (row(short=-5, sha256=None, outcome="partial"), 4, ""),
    # lines
    "line-brackets": (put(b"[" * 1_000_000), 4, "JSON"),
    "line-deep": (put(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), 4, "JSON"),
    "line-wide-number": (put(b'{"a":' + b"9" * 100_000 + b"}"), 4, "JSON"),
    "line-latin": (put(b'{"collector":"\xe9\xff"}'), 4, "JSON"),
    "line-escapes": (put(b"\x1b[31m\xe2\x80\xae\x07"), 4, "JSON"),
    "line-nul": (put(b'{"a":"\0"}'), 4, "JSON"),
    "line-bom": (put(b"\xef\xbb\xbf{}"), 4, "JSON"),
    "line-empty": (put(b""), 4, "JSON"),
    "line-null": (put(b"null"), 4, "object"),
    "line-array": (put(b"[1]"), 4, "object"),
    "line-nothing": (put(b"{}"), 4, "outcome"),
    "line-of-12-MB": (put(b'{"a":"' + b"x" * (12 << 20) + b'"}'), 4, "a line of more than"),
    "line-return": (lambda: lines(lambda old: [line.replace(b", ", b",\r") for line in old]), 0, "whole"),
    "line-key-twice": (lambda: lines(lambda old: [line.replace(b'"path": ', b'"path": "etc/passwd", "path": ') for line in old]), 0, "whole"),
    "line-cut": (lambda: lines(lambda old: [*old[:-1], old[-1].rstrip(b"\n")]), 4, "in the middle of a line"),
    "lines-none": (lambda: lines(lambda _old: []), 4, ""),
    "lines-head-only": (lambda: lines(lambda old: old[:1]), 4, ""),
    "lines-head-twice": (lambda: lines(lambda old: [old[0], *old]), 4, "outcome"),
    "lines-no-head": (lambda: lines(lambda old: old[1:]), 4, "format"),
    "lines-long-outcomes": (long_rows(12, outcome=None), 4, "outcome"),
    "lines-long-paths": (long_rows(12, path=None, header=1 << 40, offset=(1 << 40) + 512, size=0, sha256="0" * 64, outcome="collected"), 4, "path"),
    # the head
    **{f"head-{key}-{name}": (head(**{key: value}), 4, "") for key in ("members", "bytes") for name, value in PLACE.items()},
    **{f"head-{key}-{name}": (head(**{key: ODD[name]}), 4, "") for key in ("frames", "complete", "outcomes", "prefix", "format") for name in ("list", "object", "deep", "text", "escape", "null")},
    "head-outcomes-escape": (head(outcomes={EVIL: 1}), 4, "outcomes"),
    "head-prefix-dotdot": (head(prefix=".."), 4, "another directory"),
    "head-reason-deep": (head(complete=False, reason=ODD["deep"]), 3, "not everything"),
    "head-host-odd": (head(host=ODD["deep"], case=[], zone={}, tool=1e308, created=None, level=-1), 0, "whole"),
    # the table
    "table-count": (file(lambda data: data[:-9] + footer(0xFFFFFFFF)[-9:]), 4, "longer than the file"),
    "table-flags": (file(lambda data: data[:-5] + b"\x7f" + data[-4:]), 4, "no seek table"),
    "table-flag-of-checksums": (file(lambda data: data[:-5] + b"\x80" + data[-4:]), 4, "seek table"),
    "table-alone": (lambda: footer(0), 4, "no zstd file"),
    "table-of-nothing": (lambda: make.frame(b"x") + footer(0), 4, ""),
    "table-giant": (lambda: make.good(tweak_table=lambda table: table.__setitem__(0, [0xFFFFFFFF, FRAME])).build(), 4, "add up"),
    "table-sums-to-zero": (lambda: make.good(tweak_table=lambda table: [entry.__setitem__(0, 0) for entry in table[1:]]).build(), 4, ""),
    # the file
    "skippable-first": (file(lambda data: skippable() + data), 4, ""),
    "skippable-between": (lambda: with_skippable(1), 4, "no zstd frame"),
    "skippable-behind": (file(lambda data: data + skippable()), 4, "no seek table"),
    "skippable-giant": (file(lambda data: data[:40] + struct.pack("<II", 0x184D2A5E, 0xFFFFFFFF) + data[40:]), 4, ""),
    "garbage-first": (file(lambda data: b"\x1b[31m" * 99 + data), 4, "no zstd file"),
    "garbage-behind": (file(lambda data: data + b"\x1b[31m" * 99), 4, "no seek table"),
    "two": (file(lambda data: data + data), 4, "add up"),
    "two-ends": (file(lambda data: data + data[-60:]), 4, ""),
    "dust": (dust, 4, "manifest"),
    "dusty-sums": (dusty_sums, 4, ""),
    "frame-dictionary": (lambda: first_frame(dictionary), 4, "zstd says"),
    "frame-window-2-GiB": (lambda: first_frame(lambda content: make.frame(content, window=31)), 4, "window"),
    "frame-holds-more": (lambda: first_frame(lambda content: make.frame(content + bytes(512), declare=len(content))), 4, "frame 1"),
    "frame-holds-less": (lambda: first_frame(lambda content: make.frame(content[:-512], declare=len(content))), 4, "frame 1"),
    "frame-of-8-MiB-holds-more": (bomb, 4, "frame 1"),
    "frame-of-nothing": (lambda: first_frame(lambda _content: make.frame(b"")), 4, "frame 1"),
    "frame-twice": (lambda: first_frame(lambda content: make.frame(content) * 2), 4, "frame 1"),
    "frame-empty-blocks": (lambda: first_frame(blocks_of_nothing), 0, "whole"),
    "frame-reserved-block": (lambda: first_frame(lambda content: make.frame(content)[:9] + b"\x07" + make.frame(content)[10:]), 4, "frame 1"),
}  # fmt: skip
"""How each is made; how `verify` ends (None: as it likes); what it must say."""
