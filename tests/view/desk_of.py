"""A hostile bundle, and a real `diagbundle view` on it, for the tests of this folder."""

import http.client
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from urllib.parse import quote

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "vectors"))
import make

EVIL = "<script>alert(1)</script>"
NAMES = [
    f"{EVIL}.log",
    '"onload=alert(1) x="',
    "&amp;<b>",
    "new\nline",
    "\x1b[31mred",
    "left\u202egnp.exe",
    "not\udcffutf8",
    "umlaut-ü %2e%2e?#",
]
LINES = 100_000
MARK = b"needle"
BIG = b"".join(
    b"Nov 21 %02d:%02d:%02d db1 kernel: line %d%b\n"
    % (i // 3600 % 24, i // 60 % 60, i % 60, i + 1, b" " + MARK if i % 1000 == 999 else b"")
    for i in range(LINES)
)
ODD = [
    f"Nov 21 23:00:00 db1 sshd[1]: {EVIL} <img src=x onerror=alert(1)>".encode(),
    b"\x1b]0;owned\x07 \xff\xfe \xe2\x80\xae bidi",
    b"long " + b"x" * 100_000 + b" end",
    b"",
    b"catastrophe " + b"a" * 40 + b"!",
]


def members():
    """Files with strange names and contents; a log with its line feeds counted, and the same without."""
    feeds = {"lines": []}
    big = make.Member("var/log/messages", BIG, feeds)
    start = len(make.header(make.to_bytes(f"{make.PREFIX}/var/log/messages"), len(BIG)))
    whole = bytes(start) + BIG  # begins a frame of its own
    feeds["lines"] = [whole[at : at + make.FRAME].count(b"\n") for at in range(0, len(whole), make.FRAME)]
    return [
        big,
        make.Member("var/log/uncounted", BIG + b"last without end"),
        make.Member("var/log/odd", b"\n".join(ODD) + b"\n", {"collector": EVIL, "reason": EVIL}),
        make.Member("var/log/empty"),
        make.Member("var/lib/binary", bytes(range(256)) * 64),
        make.Member(
            "etc/hostname", b"x\n", {"started": "never", "mtime": [1], "exit": {"a": 1}, "source": ["a", 7, None], "opened": 1e308}
        ),
        *(make.Member(f"var/log/d/{name}", b"of a strange name\n") for name in NAMES),
    ]


ROWS = [
    {"collector": "logs", "kind": "file", "source": f"/{EVIL}", "outcome": "denied", "reason": EVIL},
    {"collector": None, "kind": 5, "source": {"a": []}, "outcome": "failed", "reason": 7},
    {"collector": "\ud800", "kind": "command", "source": ["\ud800"], "outcome": "absent"},
    {"collector": "logs", "kind": "file", "source": "/etc/release", "outcome": "collected", "link": "etc/hostname"},
]


def bundle(path):
    """Writes it there."""
    path.write_bytes(make.Composer(members(), rows=ROWS, head={"host": {"name": f"db1{EVIL}", "os": EVIL}, "case": EVIL}).build())
    return str(path)


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    @property
    def numbers(self):
        """Of the lines that are shown."""
        return [int(each) for each in re.findall(r'<li id="L(\d+)"', self.text)]


class View:
    """A running `diagbundle view`."""

    def __init__(self, path, *options):
        command = [sys.executable, "-m", "diagbundle", "view", path, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        self.port = int(re.search(r":(\d+)/", self.address)[1])
        self.token = self.address.partition("=")[2]
        self.cookie = self.place = ""

    def ask(self, target, method="GET", **headers):
        """One request; `_` in names of headers is `-`, None leaves one out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, target, skip_host=True)
        for name, value in ({"host": f"127.0.0.1:{self.port}", "cookie": self.cookie} | headers).items():
            if value:
                connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    def enter(self):
        """Exchange the token."""
        answer = self.ask(f"/?token={self.token}")
        self.place = answer.headers["location"]
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    def page(self, name="", /, **asked):
        """A page of ours, as our browser asks for it; waited for until it is complete."""
        query = "&".join(f"{key.rstrip('_')}={quote(make.to_bytes(str(value)))}" for key, value in asked.items())
        for _ in range(60):
            answer = self.ask(f"{self.place}{name}?{query}" if query else self.place + name)
            if b'http-equiv="refresh"' not in answer.body:
                return answer
        raise AssertionError(f"{name} is never complete")

    def end(self):
        """Ctrl-C. Gives the exit status and what it said."""
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate(timeout=20)[1]
        return self.process.returncode, said
