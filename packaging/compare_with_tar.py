"""What collecting costs: `diagbundle collect` against `tar | zstd` over the same logs, made for it. `make bench`.

Each is run three times in turn and the best is taken. CPU is user and system time of all processes.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
import time

MEGABYTES = 256
FILES = 400
WORDS = [
    "session",
    "opened",
    "for",
    "user",
    "connection",
    "from",
    "accepted",
    "refused",
    "timeout",
    "reading",
    "index",
    "block",
    "error",
    "unit",
]


def make_logs(folder: str) -> int:
    """Plausible logs, one large and many small. Returns their bytes."""
    chance = random.Random(1)  # noqa: S311 - the same logs every time
    whole = MEGABYTES << 20
    sizes = [whole // 2, *[whole // 2 // FILES] * FILES]
    for number, size in enumerate(sizes):
        with open(os.path.join(folder, f"app-{number}.log"), "w", encoding="utf-8") as file:
            while file.tell() < size:
                file.write("".join(_line(chance) for _ in range(200)))
    return sum(entry.stat().st_size for entry in os.scandir(folder))


def _line(chance: random.Random) -> str:
    words = " ".join(chance.choices(WORDS, k=chance.randint(4, 12)))
    clock = f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}:{chance.randint(0, 59):02}"
    return f"Nov 21 {clock} db1 app[{chance.randint(1, 30000)}]: {words}\n"


def measure(argv: list[str]) -> tuple[float, float]:
    """Seconds of wall time and of CPU time that a command takes."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Make the logs, measure both, print a table."""
    program = os.path.join(os.path.dirname(sys.executable), "diagbundle")
    with tempfile.TemporaryDirectory() as top:
        logs, out = os.path.join(top, "logs"), os.path.join(top, "out")
        os.mkdir(logs)
        os.mkdir(out)
        print(f"{make_logs(logs) / 1e6:.0f} MB in {FILES + 1} files, {os.cpu_count()} cores")
        commands = {
            "tar | zstd -3 -T2": ["sh", "-c", f"tar -C {top} -cf - logs | zstd -q -3 -T2 -f -o {out}/plain.tar.zst"],
            "the same, and sha256sum": ["sh", "-c", f"tar -C {top} -cf - logs | zstd -q -3 -T2 -f -o {out}/p.tar.zst; sha256sum {logs}/*"],
            "diagbundle collect": [program, "collect", "--yes", "--only", "include", "--include", logs, "--output", out],
        }
        best = {name: (float("inf"), float("inf")) for name in commands}
        for _ in range(3):
            for name, argv in commands.items():
                best[name] = min(best[name], measure(argv))
    base_wall, base_cpu = next(iter(best.values()))
    print(f"{'':28}{'wall':>8}{'CPU':>8}")
    for name, (wall, cpu) in best.items():
        print(f"{name:28}{wall:7.2f}s{cpu:7.2f}s   {wall / base_wall:.2f}x wall, {cpu / base_cpu:.2f}x CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
