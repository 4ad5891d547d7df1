"""What the static file costs beside the installed program: size, start, speed of the interpreter, of checksums and of a collection."""

import glob
import json
import lzma
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import measure
import report

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.path.join(ROOT, "dist", "diagbundle-linux-x86_64")
STARTS, ROUNDS = 20, 7
PARTIAL = 3  # exit status of diagbundle: sealed, but something failed, which is said
ASKED = """title = "What the collecting program has taken when its first collector asks"
stage = "volatile"
needs = "anyone"
[[command]]
argv = ["{look}"]
"""
LOOK = """#!/bin/sh
pid=$PPID
while [ "$pid" -gt 1 ]; do
    read -r ns rest </proc/$pid/schedstat
    echo "$pid $ns $(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$pid/status)" >>{seen}
    pid=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$pid/status)
done
"""
SUM = """
import json, sys, time
from diagbundle.bundle import hashing
block, sha, began = bytes(1 << 20), hashing.sha256(), time.process_time()
for _ in range(1024): sha.update(block)
print(1.073741824 / (time.process_time() - began))
"""


def figures(tool: list[str], work: str) -> str:
    """Tables of sizes and starts, of the installed program and of the static file; and of their interpreters."""
    rows = [["", "static file", "installed", "ratio"], ["size, MB", f"{os.path.getsize(PROGRAM) / 1e6:.1f}", "", ""]]
    rows.append(["as .xz, MB", f"{packed() / 1e6:.1f}", "", ""])
    first = [[first_collector(argv, work) for argv in ([PROGRAM], tool)] for _ in range(ROUNDS)]
    version = [[processor([*argv, "--version"], work) for argv in ([PROGRAM], tool)] for _ in range(STARTS)]
    rows += [
        row("`--version`, CPU ms", [(a * 1e3, b * 1e3) for a, b in version]),
        row("start to first collector, CPU ms", [(a[0] / 1e6, b[0] / 1e6) for a, b in first]),
        row("peak RSS until then, MiB", [(a[1] / 1024, b[1] / 1024) for a, b in first]),
    ]
    return f"{report.table(rows)}\n\n{interpreters(tool)}"


def row(what: str, pairs: list[tuple[float, float]]) -> list[str]:
    """Medians of both, and of their ratio."""
    ours, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
    return [what, f"{ours:.1f}", f"{theirs:.1f}", f"{statistics.median(a / b for a, b in pairs):.2f}"]


def packed() -> int:
    """Bytes of the file as `xz -9` makes it."""
    with open(PROGRAM, "rb") as file:
        return len(lzma.compress(file.read(), preset=9))


def processor(argv: list[str], work: str) -> float:
    """Seconds of processor time of a command."""
    return measure.checked(measure.run(argv, work), argv, (0, PARTIAL)).cpu


def first_collector(argv: list[str], work: str) -> tuple[int, int]:
    """Nanoseconds of processor time, and the most KiB of memory, of the main process when a first collector runs its first command."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        look, seen, asked = (os.path.join(folder, name) for name in ("look", "seen", "first_asked.toml"))
        for path, text, mode in ((look, LOOK.format(seen=seen), 0o755), (asked, ASKED.format(look=look), 0o644)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, mode)
        words = [*argv, "collect", "--yes", "--quiet", "--only", "first_asked", "--collector", asked, "--output", folder]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as child:
            child.wait()
        with open(seen, encoding="utf-8") as file:
            [found] = {tuple(line.split()[1:]) for line in file if line.split()[0] == str(child.pid)}
        return int(found[0]), int(found[1])


def interpreters(tool: list[str]) -> str:
    """The interpreter that is in the file, against Debian's: work in Python alone, and checksums."""
    built = sorted(glob.glob(os.path.expanduser("~/.cache/diagbundle-build/*/x86_64/python/interpreter")), key=os.path.getmtime)
    theirs = shutil.which("python3", path="/usr/bin")
    if not built or not theirs:
        sys.exit("bench: there is no interpreter to compare\nhint: make static; apt-get install python3")
    ways: list[tuple[list[str], dict[str, str]]] = [([built[-1], "-S"], {"PYTHONMALLOC": "mimalloc"}), ([theirs, "-S"], {})]
    rounds = [[json.loads(answer([*argv, os.path.join(HERE, "pure.py")], more)) for argv, more in ways] for _ in range(ROUNDS)]
    rows = [["Python alone, CPU s", "static file", "Debian's python3", "ratio"]]
    for work in rounds[0][0]:
        pairs = [(ours[work], debian[work]) for ours, debian in rounds]
        ours, debian = (statistics.median(each) for each in zip(*pairs, strict=True))
        rows.append([work, f"{ours:.3f}", f"{debian:.3f}", f"{statistics.median(a / b for a, b in pairs):.2f}"])
    mean = math.exp(statistics.mean(math.log(float(each[3])) for each in rows[1:]))
    rows.append(["geometric mean", "", "", f"{mean:.2f}"])
    path = {"PYTHONPATH": os.path.join(ROOT, "src")}
    speeds = [float(answer([*argv, "-c", SUM], path)) for argv in (ways[0][0], [os.path.join(os.path.dirname(tool[0]), "python")])]
    rows.append(["SHA-256, GB a second", f"{speeds[0]:.2f}", f"{speeds[1]:.2f}", f"{speeds[0] / speeds[1]:.2f}"])
    return report.table(rows)


def answer(argv: list[str], more: dict[str, str]) -> str:
    """What a program prints."""
    return subprocess.run(argv, capture_output=True, text=True, check=True, env=os.environ | more).stdout
