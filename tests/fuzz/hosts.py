"""A host in one file, so that a mutation of bytes is a mutation of a host: sections, each a file, a link, a folder or a command's answer.

    === /proc/uptime
    12.3 45.6
    === /etc/localtime -> /usr/share/zoneinfo/UTC
    === /sys/block/
    === $ docker ps -q [exit 1]
    4711

Any bytes are a host: what is no sound section is passed over.
"""

import os
import re
import shutil
import stat
from dataclasses import dataclass, field

from diagbundle.host import Host
from diagbundle.model import Answer, Outcome

MARK = b"=== "
_HEAD = re.compile(rb"^=== (.*)$", re.MULTILINE)
_EXIT = re.compile(rb" \[exit (-?\d{1,3})\]$")
MAX_SECTIONS = 400
MAX_DEPTH = 40

Section = tuple[bytes, bytes]
"""What it is of, and what it holds."""


def parse(data):
    """The sections of a host file."""
    heads = list(_HEAD.finditer(data))[:MAX_SECTIONS]
    ends = [*(head.start() for head in heads[1:]), len(data)] if heads else []
    return [(head[1], data[head.end() + 1 : end].removesuffix(b"\n")) for head, end in zip(heads, ends, strict=True)]


def dump(sections):
    """The host file of some sections."""
    return b"".join(b"=== %b\n%b\n" % (head.replace(b"\n", b""), content) if content else b"=== %b\n" % head for head, content in sections)


@dataclass
class Tree:
    """A folder that becomes one host after the other. Only what differs is written: most mutations change one file."""

    root: str
    now: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def become(self, data):
        """The host that these bytes describe."""
        wanted, answers = self._read(data)
        stale = {path for path, what in self.now.items() if wanted.get(path) != what}
        if any(self.now[path][0] == "link" for path in stale) or len(stale) > len(self.now) // 2:
            self._clear()
            stale = set()
        for path in stale:
            self._remove(path)
        for path, what in sorted(wanted.items(), key=lambda item: item[1][0] == "link"):  # links last: nothing is written through one
            if path not in self.now and self._make(path, *what):
                self.now[path] = what
        return Host(root=self.root, runner=Runner(answers).run)

    def _read(self, data):
        wanted, answers = {}, {}
        for head, content in parse(data):
            if head.startswith(b"$ "):
                answers.setdefault(_command(head[2:]), (content and content + b"\n", _exit_of(head)))
            elif head.startswith(b"/") and b"\0" not in head:
                name, arrow, target = head.partition(b" -> ")
                path = os.path.normpath("/" + os.fsdecode(name).lstrip("/"))
                kind = "link" if arrow else "folder" if head.endswith(b"/") else "file"
                if path != "/" and path.count("/") < MAX_DEPTH:
                    wanted.setdefault(path, (kind, target if arrow else content and content + b"\n"))
        return wanted, answers

    def _make(self, path, kind, content):
        """Write one thing; False where it cannot be: a file where a folder is wanted, a name that is too long."""
        place = self.root + path
        parent = os.path.dirname(place)
        try:
            if os.path.realpath(parent) != os.path.normpath(parent):  # never through a link, wherever it leads
                return False
            os.makedirs(place if kind == "folder" else parent, exist_ok=True)
            if kind == "link":
                os.symlink(content, os.fsencode(place))
            elif kind == "file":
                descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
                with open(descriptor, "wb") as file:
                    file.write(content)
        except (OSError, ValueError):
            return False
        return True

    def _remove(self, path):
        place = self.root + path
        del self.now[path]
        try:
            os.rmdir(place) if stat.S_ISDIR(os.lstat(place).st_mode) else os.unlink(place)
            while (path := os.path.dirname(path)) != "/" and path not in self.now:  # as on a host where it never was
                os.rmdir(self.root + path)
        except OSError:  # a folder that is not empty
            pass

    def _clear(self):
        shutil.rmtree(self.root)
        os.mkdir(self.root)
        self.now.clear()


@dataclass
class Runner:
    """Answers of commands. One whose last words have changed, because its list was mutated, is answered as its like is."""

    answers: dict[str, tuple[bytes, int]]

    def run(self, command):
        words = " ".join(command.argv)
        alike = " ".join(command.argv[:2]) + " "
        found = self.answers.get(words) or next((answer for said, answer in self.answers.items() if said.startswith(alike)), None)
        if found is None:
            return Answer(command.argv, Outcome.ABSENT, reason="there is no such program")
        return Answer(command.argv, Outcome.COLLECTED, found[0], found[1], b"it said so\n" if found[1] else b"")


def _command(head):
    return os.fsdecode(_EXIT.sub(b"", head))


def _exit_of(head):
    found = _EXIT.search(head)
    return int(found[1]) if found else 0
