"""Turns measurements into tables, and puts them between their markers in a document."""

import datetime as dt
import os
import platform
import shutil
import statistics
import subprocess

import zstandard
from measure import Contestant

MIB = 2**20


def races(contestants: list[Contestant], against: int | None) -> str:
    """A table of the contestants; the ratios are theirs to the one of that place."""
    head = ["", "wall s", "CPU s", "size MB", "peak PSS MiB", "peak RSS MiB", "staged on disk"]
    rows = [[c.name, f"{wall(c):.2f}", f"{cpu(c):.2f}", f"{c.size / 1e6:,.2f}" if c.size else "", *memory(c)] for c in contestants]
    if against is None:
        return table([head, *rows])
    judge = contestants[against]
    head[1:1] = ["wall ratio", "CPU ratio", "size ratio"]
    for row, contestant in zip(rows, contestants, strict=True):
        size = f"{contestant.size / judge.size:.3f}" if judge.size and contestant.size else ""
        row[1:1] = [f"{ratio(contestant, judge, 'wall'):.3f}", f"{ratio(contestant, judge, 'cpu'):.3f}", size]
    return table([head, *rows])


def wall(contestant: Contestant) -> float:
    """Median of its wall times."""
    return statistics.median(cost.wall for cost in contestant.costs)


def cpu(contestant: Contestant) -> float:
    """Median of its CPU times."""
    return statistics.median(cost.cpu for cost in contestant.costs)


def ratio(one: Contestant, other: Contestant, what: str) -> float:
    """Median over the rounds of the ratio within a round."""
    rounds = zip(one.costs, other.costs, strict=False)
    return statistics.median(float(getattr(a, what) / getattr(b, what)) for a, b in rounds)


def memory(contestant: Contestant) -> list[str]:
    """Peak memory, and what was written beside the output: files seen open for writing, and bytes in the kernel's accounts."""
    seen = contestant.footprint
    if seen is None:
        return ["", "", ""]
    extra = max(0, min(cost.written for cost in contestant.costs) - contestant.size)
    files = f"{len(seen.files)} files, " if seen.files else ""
    return [f"{seen.pss / MIB:.0f}", f"{seen.rss / MIB:.0f}", f"{files}{extra / 1e6:,.1f} MB"]


def table(rows: list[list[str]]) -> str:
    """Rows as a table of Markdown, the first as its head."""
    rows.insert(1, ["---"] + ["---:"] * (len(rows[0]) - 1))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def machine() -> str:
    """What it was measured on."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo", encoding="ascii") as info:
        total = int(info.readline().split()[1]) / MIB
    kind, cores = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"), len(os.sched_getaffinity(0))
    library = ".".join(str(part) for part in zstandard.ZSTD_VERSION)
    python = f"Python {platform.python_version()}, python-zstandard {zstandard.__version__} (libzstd {library})"
    tools = ", ".join(version(tool) for tool in ("zstd", "tar", "xz", "sosreport"))
    return f"{model}, {cores} cores, {total:.0f} GiB; {kind}, kernel {platform.release()}; {python}; {tools}"


def version(tool: str) -> str:
    """A tool and its version, as Debian names it."""
    package = {"xz": "xz-utils"}.get(tool, tool)
    if not shutil.which("dpkg-query"):
        return tool
    query = ["dpkg-query", "-W", "-f", "${Version}", package]
    found = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    return f"{tool} {found or 'not installed'}"


def section(letter: str, title: str, body: str, rounds: int) -> str:
    """The whole part of the document about one case."""
    now = dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    load = os.getloadavg()[0]
    how = f"{now}, {rounds} rounds, load average at the end {load:.1f}. Again: `make bench ONLY={letter}`"
    return f"## ({letter}) {title}\n\n{body}\n\n{how}\\\n{machine()}\n"


def put(document: str, letter: str, text: str) -> None:
    """Replaces what stands between the markers of this case."""
    first, last = f"<!-- bench {letter}: begin -->", f"<!-- bench {letter}: end -->"
    with open(document, encoding="utf-8") as current:
        whole = current.read()
    before, found, rest = whole.partition(first)
    if not found:
        before, rest = whole.rstrip("\n") + "\n\n", last + "\n"
    after = rest.partition(last)[2]
    with open(document, "w", encoding="utf-8") as new:
        new.write(f"{before}{first}\n{text}\n{last}{after}")
