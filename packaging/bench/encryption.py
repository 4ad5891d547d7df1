"""What encryption costs beside writing the same bytes as they are, and beside Debian's age: installed, and in the static file."""

import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import report
import static

SIZE = 512 << 20
"""Bytes that are encrypted: noise, as a bundle is."""
WRITE = """
import json, os, sys, time
from diagbundle.collect.encrypted import EncryptedOutput
from diagbundle.collect.output import FileOutput

folder, public, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
block, cost = os.urandom(1 << 20), {}
for name in ("plain.tar.zst", "cipher.tar.zst.age"):
    output = FileOutput(os.path.join(folder, name))
    if name.endswith(".age"):
        output = EncryptedOutput(output, [public])
    began = time.process_time()
    for _ in range(size >> 20):
        output.write(block)
    output.seal("", complete=True, check=False)
    cost[name] = time.process_time() - began
print(json.dumps(list(cost.values())))
"""


def figures(tool: list[str], work: str, bundle: str, rounds: int) -> str:
    """A table: processor time for 100 MB."""
    if not shutil.which("age"):
        sys.exit("bench: age is not installed\nhint: apt-get install age")
    key = os.path.join(work, "key")
    made = subprocess.run(["age-keygen", "-o", key], capture_output=True, text=True, check=True).stderr
    public = re.findall(r"age1\w+", made)[0]
    rows = [["CPU s for 100 MB", "installed", "static file", "Debian's age", "ratios"]]
    noise = os.path.join(work, "noise")
    with open(noise, "wb") as file:
        file.writelines(os.urandom(1 << 20) for _ in range(SIZE >> 20))
    seal = ["age", "-r", public, "-o", "/dev/null", noise]
    seen = [
        [added(way, work, public) for way in (installed(tool), in_static_file())] + [static.processor(seal, work) / SIZE]
        for _ in range(rounds)
    ]
    rows.append(row("encrypting; ours: what it adds to a collection", seen))
    sealed, opened = os.path.join(work, "b.tar.zst.age"), os.path.join(work, "opened.tar.zst")
    subprocess.run(["age", "-r", public, "-o", sealed, bundle], check=True)
    ways = [[*argv, "-i", key, "-o", opened, sealed] for argv in ([*tool, "open"], [static.PROGRAM, "open"], ["age", "-d"])]
    size = os.path.getsize(sealed)
    seen = [[opening(argv, work, opened) / size for argv in ways] for _ in range(rounds)]
    rows.append(row(f"opening {size / 1e6:,.0f} MB, with the program's start", seen))
    return report.table(rows)


def row(what: str, seen: list[list[float]]) -> list[str]:
    """Medians for 100 MB, out of seconds a byte; and of the ratios to age's."""
    medians = [f"{statistics.median(each) * 1e8:.3f}" for each in zip(*seen, strict=True)]
    ratios = [f"{statistics.median(each[at] / each[2] for each in seen):.2f}" for at in range(2)]
    return [what, *medians, " and ".join(ratios)]


def added(way: tuple[list[str], dict[str, str]], work: str, public: str) -> float:
    """Seconds that encryption adds to the writing of a byte, with this interpreter and these variables."""
    argv, more = way
    with tempfile.TemporaryDirectory(dir=work) as folder:
        words = [*argv, "-c", WRITE, folder, public, str(SIZE)]
        done = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ | more)
    plain, cipher = json.loads(done.stdout)
    return float(cipher - plain) / SIZE


def installed(tool: list[str]) -> tuple[list[str], dict[str, str]]:
    """The interpreter of the installed program."""
    return [os.path.join(os.path.dirname(tool[0]), "python")], {}


def in_static_file() -> tuple[list[str], dict[str, str]]:
    """The interpreter that is in the static file, with what it has inside."""
    [*_, newest] = sorted(glob.glob(os.path.expanduser("~/.cache/diagbundle-build/*/x86_64/python/interpreter")), key=os.path.getmtime)
    packages = os.path.join(os.path.dirname(newest), "../../packages")
    return [newest, "-S"], {"PYTHONPATH": packages, "PYTHONMALLOC": "mimalloc"}


def opening(argv: list[str], work: str, opened: str) -> float:
    """Seconds of processor time; what was opened is removed."""
    cost = static.processor(argv, work)
    os.unlink(opened)
    return cost
