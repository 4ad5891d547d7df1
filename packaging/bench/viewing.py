"""How fast `diagbundle view` answers: over HTTP, as a browser asks, of one log of 2 GB and of a bundle of 100,000 files."""

import http.client
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

import report

MANY = 100_000
FILES = 1000  # in a folder
LINES = re.compile(rb"of ([\d,]+)</span>")
SHOWN = 'class="meant"'


class View:
    """A running `diagbundle view`; `opened` is the seconds from its start to the first byte of its first page."""

    def __init__(self, tool: list[str], bundle: str) -> None:
        began = time.monotonic()
        self._process = subprocess.Popen([*tool, "view", bundle], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        address = (self._process.stdout or sys.stdin).readline().strip()
        self._port = int(address.split(":")[2].partition("/")[0])
        self._headers: dict[str, str] = {}
        self._place = "/"
        entered = self._asked("?" + address.partition("?")[2])[1]
        self._headers, self._place = {"Cookie": entered["set-cookie"].partition(";")[0]}, entered["location"]
        self._asked("")
        self.opened = time.monotonic() - began

    def _asked(self, page: str) -> tuple[bytes, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        connection.request("GET", self._place + page, headers=self._headers)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return data, response.headers

    def seconds(self, page: str, holds: str) -> float:
        """Until the whole page has come. It must hold this text."""
        began = time.monotonic()
        data, _ = self._asked(page)
        took = time.monotonic() - began
        if holds.encode() not in data:
            raise SystemExit(f"bench: the page does not show {holds!r}: {page}")
        return took

    def lines(self, page: str) -> int:
        """How many lines the file has."""
        found = LINES.search(self._asked(page)[0])
        return int(found[1].replace(b",", b"")) if found else 0

    def memory(self) -> float:
        """MiB that the server has taken, at most."""
        with open(f"/proc/{self._process.pid}/status", encoding="ascii") as file:
            return int(re.findall(r"VmHWM:\s+(\d+)", file.read())[0]) / 1024

    def end(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(10)


def one_log(source: str, place: str, size: int) -> str:
    """A folder with one log of so many bytes, made of those below another folder."""
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, "messages"), "wb") as out:
        while out.tell() < size:
            for folder, _, files in sorted(os.walk(os.path.join(source, "var/log"))):
                for name in sorted(files):
                    with open(os.path.join(folder, name), "rb") as text:
                        shutil.copyfileobj(text, out, 1 << 20)
        out.truncate(size)
    return place


def many_files(place: str) -> str:
    """A folder with 100,000 small files."""
    for number in range(MANY):
        folder = os.path.join(place, f"d{number // FILES}")
        if number % FILES == 0:
            os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"f{number}"), "w", encoding="ascii") as file:
            file.write(f"file {number}\n")
    return place


def figures(tool: list[str], large: tuple[str, str], many: tuple[str, str], rounds: int) -> str:
    """A table: of each bundle, and a path of a file in it, how fast it opens and answers."""
    seen: dict[str, list[float]] = {}
    memory = 0.0
    for number in range(rounds):
        for what, (bundle, path) in (("one log of 2 GB", large), ("100,000 files", many)):
            view = View(tool, bundle)
            seen.setdefault(f"{what}: start to first page", []).append(view.opened)
            if bundle == large[0]:
                middle = view.lines(f"file?path={path}") * (rounds + number) // (3 * rounds)  # another one in each round
                seen.setdefault(f"{what}: a line in its middle", []).append(view.seconds(f"file?path={path}&line={middle}", SHOWN))
                seen.setdefault(f"{what}: its last page", []).append(view.seconds(f"file?path={path}&at=last", "Previous"))
            else:
                seen.setdefault(f"{what}: one of them", []).append(view.seconds(f"file?path={path}&line=1", SHOWN))
                seen.setdefault(f"{what}: the list of a folder", []).append(view.seconds(f"files?folder={os.path.dirname(path)}", "files"))
            memory = max(memory, view.memory())
            view.end()
    rows = [[what, f"{statistics.median(times) * 1000:,.0f}", f"{max(times) * 1000:,.0f}"] for what, times in seen.items()]
    told = f"The server itself takes {memory:.0f} MiB at most; each answer has a process of its own. All the while, one judges the bundle."
    return report.table([["", "median, ms", "longest, ms"], *rows]) + f"\n\n{told}"
