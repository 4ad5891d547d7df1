"""Bundles for the tests of pages: one of a hostile stranger, one with next to nothing in it, one with very many items."""

from diagbundle.bundle.pack import Packer
from diagbundle.bundle.writer import BundleWriter
from diagbundle.model import Outcome

NASTY = (
    "<script>alert(1)</script>", '"><img src=http://evil.example/x onerror=alert(1)>', "javascript:alert(1)", "</style><script>alert(2)</script>",
    "</title></svg><svg onload=alert(3)>", "\u202eetirw\u2066", "]]>--><!--{{ 7*7 }}{% raw %}", "a\x1b[31m\x00\x7f", "\udc80\ud800", "&lt;b&gt;",
)  # fmt: skip
"""What must stay text."""


def nasty(number):
    return NASTY[number % len(NASTY)]


HEAD = {
    "complete": False, "reason": nasty(3), "tool": nasty(0), "created": "2026-03-05T10:00:00Z", "finished": "2026-03-05T10:12:00Z", "zone": nasty(4),
    "host": {"name": nasty(0), "os": nasty(1), "kernel": nasty(4), "machine": nasty(2)},
}  # fmt: skip


def syslog(lines=4000):
    """Text of a log in which errors stand, and every nasty word."""
    text = []
    for number in range(lines):
        at = f"2026-03-05T{8 + number // 3600 % 2:02}:{number // 60 % 60:02}:{number % 60:02}+00:00"
        said = (
            f"kernel: blk_update_request: I/O error, dev sda{nasty(number)}, sector 1"
            if number % 50 == 0
            else f"app[7]: error: {nasty(number)}"
        )
        text.append(f"{at} web1 {said}")
    return "\n".join(text).encode("utf-8", "replace") + b"\n"


HOSTILE = {
    "var/log/syslog": syslog(),
    "var/log/" + "<b onclick=alert(1)>.log": b"2026-03-05T09:00:00Z ERROR <script>alert(9)</script>\n" * 20,
    "sos_commands/kernel/dmesg": b"[    1.000000] EXT4-fs error (device <script>alert(5)</script>): deleted inode\n" * 3,
    "proc/meminfo": b"MemTotal: 1000 kB\nMemFree: -5 kB\nMemAvailable: 99999999999999999999 kB\nSlab: 99999999999999 kB\n",
    "proc/loadavg": b"nan inf -1 0/0 0\n",
    "proc/stat": b"cpu 1 2 3 4\nbtime 99999999999999999999\n",
    "diagbundle/start/proc/stat": b"cpu 9 9 9 9\n",
    "proc/net/dev": b"x\ny\n <script>alert(1)</script>: 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7\n",
}


def row(name, **more):
    return {"collector": "logs", "kind": "file", "source": f"/{name}", "outcome": Outcome.COLLECTED, "mtime": 1772704800, **more}


def sealed(path, texts, rows=(), head=HEAD):
    """A bundle of these texts, and of rows with nothing behind them."""
    with open(path, "wb") as out:
        writer = BundleWriter(out.write, "b")
        packer = Packer("b", writer.add)
        for number, (name, text) in enumerate(texts.items()):
            more = {"redacted": {nasty(number): 3}, "collector": nasty(number + 3)} if head is HEAD else {}
            stream = packer.stream(name, row(name, **more), len(text))
            stream.write(text)
            stream.close()
        packer.flush()
        for each in rows:
            writer.row(each, 0)
        writer.seal(dict(head))
    return str(path)


def hostile(path):
    """A bundle in which whatever can be chosen is chosen badly."""
    rows = [
        {
            "collector": nasty(n + 1),
            "kind": "command",
            "source": [nasty(n), nasty(n + 1)],
            "outcome": Outcome.FAILED,
            "reason": nasty(n + 2),
        }
        for n in range(len(NASTY))
    ]
    return sealed(path, HOSTILE, rows)


def empty(path):
    """A bundle with nothing in it."""
    return sealed(path, {}, head={"complete": True, "reason": None})


def many(path, count):
    """A bundle that asked for very much and had nothing."""
    rows = (
        {"collector": f"c{n % 7}", "kind": "file", "source": f"/proc/{n}/status", "outcome": Outcome.ABSENT, "reason": "it is gone " * 9}
        for n in range(count)
    )
    return sealed(path, {}, rows, head={"complete": True, "reason": None})
