#!/usr/bin/env python3
"""Measures diagbundle against tar, zstd, xz, sha256sum and sosreport, side by side, and writes the figures into docs/BENCHMARKS.md.

    make bench               all of it (about ten minutes; 16 GB of disk)
    make bench ONLY=a        a: 600 MB of logs and 5,000 small files   b: this whole machine   c: list and read one file of 2 GB
                             j: judge 1 GB of logs, and write its ticket and its page   m: memory for one file of 5 GB
                             r: what redaction costs and hides   s: the static file against the installed program
                             e: encryption   o: what leaves, and without what must not   p: into parts, and out of them
                             g: a word in 2 GB, and a line of them   w: two bundles against each other   v: how fast `view` answers

The contestants run in turn (A B C, A B C, …), so that a busy moment of the machine hits all of them; a figure is the median of its
runs, a ratio the median of the ratios within the rounds. CPU is user and system time of all processes of a contestant.
"""

import argparse
import glob
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

import comparing
import encryption
import genlogs
import judging
import measure
import parting
import redaction
import report
import reviewing
import searching
import static
import viewing
from measure import Contestant, Cost, checked, quoted, shell

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENT = os.path.join(ROOT, "docs", "BENCHMARKS.md")
OWN_DOCUMENT = {"r": os.path.join(ROOT, "docs", "REDACTION.md")}
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "src", "collectors")
PARTIAL = 3  # exit status of diagbundle: sealed, but something failed, which is said
GB = 10**9


@dataclass(frozen=True)
class Bench:
    """Where the benchmark works, and what it measures."""

    work: str
    tool: list[str]
    rounds: int
    size: int = 600 * 10**6
    """Of the logs that are redacted."""

    def logs(self, name: str, size: int, small: int, seed: str) -> str:
        """A folder of generated logs; made once."""
        place = os.path.join(self.work, name)
        if not os.path.exists(place + ".done"):
            say(f"generating {size / GB:.1f} GB in {place}")
            shutil.rmtree(place, ignore_errors=True)
            genlogs.generate(place, size, small, seed)
            open(place + ".done", "w").close()
        return place

    def race(self, contestants: list[Contestant]) -> None:
        """Runs all contestants in turn; then each once more with its memory watched."""
        for number in range(max(c.rounds for c in contestants)):
            for contestant in contestants:
                if number < contestant.rounds:
                    cost = self.once(contestant)
                    say(f"round {number + 1}: {contestant.name}: {cost.wall:.2f} s, CPU {cost.cpu:.2f} s")
        for contestant in (c for c in contestants if c.watched):
            with self.place() as out, self.place() as scratch:
                contestant.footprint = measure.footprint(contestant.argv(out), scratch, out)
                say(f"memory: {contestant.name}: {contestant.footprint.pss / 2**20:.0f} MiB")

    def once(self, contestant: Contestant) -> Cost:
        """One run; its output is weighed and removed."""
        with self.place() as out, self.place() as scratch:
            measure.settle()
            argv = contestant.argv(out)
            cost = checked(measure.run(argv, scratch), argv, contestant.statuses)
            contestant.size = weigh(out)
            contestant.costs.append(cost)
            return cost

    def place(self) -> tempfile.TemporaryDirectory[str]:
        """A folder that goes away again."""
        return tempfile.TemporaryDirectory(dir=self.work, prefix="run-")

    def collect(self, tree: str, *more: str) -> Callable[[str], list[str]]:
        """The command that bundles one folder, and nothing else."""
        return lambda out: [*self.tool, "collect", "--only", "include", "--include", tree, "-o", out, "--yes", "-q", *more]

    def bundle(self, tree: str, out: str) -> str:
        """Makes a bundle of a folder; gives its path."""
        argv = self.collect(tree, "--no-redact")(out)
        checked(measure.run(argv, out), argv, (0, PARTIAL))
        return next(os.path.join(out, name) for name in sorted(os.listdir(out)) if name.endswith(".tar.zst"))


def weigh(folder: str) -> int:
    """Bytes of the largest file in a folder: the archive, without checksums beside it."""
    return max((entry.stat().st_size for entry in os.scandir(folder) if entry.is_file()), default=0)


def logs_and_small_files(bench: Bench) -> str:
    """(a) Much text and many small files, against what an admin would type."""
    tree = bench.logs("logs-600M", 600 * 10**6, 5000, "1")
    tar = quoted("tar", "-cf", "-", "-C", tree, ".")

    def piped(*tool: str) -> Callable[[str], list[str]]:
        return lambda out: shell(tar, f"{quoted(*tool)} > {shlex.quote(out)}/archive")

    def summed(out: str) -> list[str]:
        sums = f"find {shlex.quote(tree)} -type f -print0 | xargs -0 sha256sum > {shlex.quote(out)}/sums"
        return shell(tar, f"zstd -3 -q -c > {shlex.quote(out)}/archive && {sums}")

    contestants = [
        Contestant("`diagbundle collect --no-redact`", bench.collect(tree, "--no-redact"), bench.rounds),
        Contestant("`tar \\| zstd -3 -T2`", piped("zstd", "-3", "-T2", "-q", "-c"), bench.rounds),
        Contestant("`tar \\| zstd -3`, then `sha256sum`", summed, bench.rounds),
        Contestant("`tar \\| xz -3`", piped("xz", "-3", "-c"), max(1, bench.rounds // 4), watched=False),
    ]
    bench.race(contestants)
    return report.races(contestants, against=1)


def whole_machine(bench: Bench) -> str:
    """(b) Everything that can be asked of this machine."""
    sos = shutil.which("sosreport", path="/usr/sbin:/usr/bin")
    if not sos:
        sys.exit("bench: sosreport is not installed\nhint: apt-get install sosreport")
    contestants = [
        Contestant("`diagbundle collect`", lambda out: [*bench.tool, "collect", "-o", out, "--yes", "-q"], bench.rounds, (0, PARTIAL)),
        Contestant("`sosreport --batch`", lambda out: [sos, "--batch", "--tmp-dir", out], bench.rounds),
    ]
    bench.race(contestants)
    return report.races(contestants, against=1)


def list_and_read(bench: Bench) -> str:
    """(c) What is in a bundle of 2 GB, and one small file of it."""
    tree = bench.logs("logs-2G", 2 * GB, 5000, "2")
    places = sorted(glob.glob(os.path.join(tree, "proc/*/status")))
    name = places[len(places) // 2].lstrip("/")
    with bench.place() as made:
        bundle = bench.bundle(tree, made)
        top = os.path.basename(bundle).removesuffix(".tar.zst").removesuffix(".partial")
        pairs = [
            ("all names", ["list", bundle], ["tar", "--zstd", "-tf", bundle]),
            ("one small file", ["cat", bundle, name], ["tar", "--zstd", "-xOf", bundle, f"{top}/{name}"]),
        ]
        parts = []
        for what, ours, theirs in pairs:
            contestants = [
                Contestant(f"`diagbundle {ours[0]}`: {what}", fixed([*bench.tool, *ours]), bench.rounds),
                Contestant(f"`{' '.join(theirs[:3])}`: {what}", fixed(theirs), max(3, bench.rounds // 2)),
            ]
            bench.race(contestants)
            parts.append(report.races(contestants, against=1))
        return f"Bundle: {os.path.getsize(bundle) / 1e6:,.0f} MB. Python's start is included.\n\n" + "\n\n".join(parts)


def fixed(argv: list[str]) -> Callable[[str], list[str]]:
    """A command that writes no file."""
    return lambda _: argv


def one_large_file(bench: Bench) -> str:
    """(m) Memory for a single file of 5 GB."""
    tree, large = bench.logs("logs-600M", 600 * 10**6, 5000, "1"), os.path.join(bench.work, "large")
    os.makedirs(large, exist_ok=True)
    with open(os.path.join(large, "messages"), "wb") as out:
        while out.tell() < 5 * GB:
            for folder, _, files in sorted(os.walk(os.path.join(tree, "var/log"))):
                for name in sorted(files):
                    with open(os.path.join(folder, name), "rb") as text:
                        shutil.copyfileobj(text, out, 1 << 20)
    contestants = [Contestant("`diagbundle collect --no-redact`, one file of 5 GB", bench.collect(large, "--no-redact"), 1)]
    bench.race(contestants)
    shutil.rmtree(large)
    return report.races(contestants, against=None)


def redacted(bench: Bench) -> str:
    """(r) The same logs as they are, without secrets, and with stand-ins for identifiers."""
    place = f"redact-{bench.size // 10**6}M"
    foreign = redaction.GENLOGS and redaction.foreign_logs(os.path.join(bench.work, f"foreign-{place}"), bench.size)
    tree = foreign or bench.logs(place, bench.size, 0, "4")
    ways = {"nothing is redacted": ("--no-redact",), "secrets": (), "secrets and identifiers": ("--pseudonyms",)}
    contestants = [Contestant(f"`diagbundle collect`: {way}", bench.collect(tree, *more), bench.rounds) for way, more in ways.items()]
    bench.race(contestants)
    parts = (redaction.engine(bench.work, tree), redaction.recall(tree), redaction.compared(bench.work, bench.tool))
    return "\n\n".join((report.races(contestants, against=0), *parts))


def judged(bench: Bench) -> str:
    """(j) One GB of logs: what is wrong with the host they come from."""
    tree, programs = bench.logs("logs-1G", GB, 0, "5"), judging.neighbours(bench.work)
    with bench.place() as made:
        argv = [*bench.tool, "collect", "--only", "logs", "--root", tree, "--no-redact", "--yes", "-q", "-o", made]
        checked(measure.run(argv, made), argv, (0, PARTIAL))
        bundle = next(os.path.join(made, name) for name in sorted(os.listdir(made)) if name.endswith(".tar.zst"))
        hotsos, insights = (os.path.join(programs, name) for name in ("hotsos", "insights-run"))
        contestants = [
            Contestant("`diagbundle analyze BUNDLE`", fixed([*bench.tool, "analyze", bundle]), bench.rounds),
            Contestant("`diagbundle analyze FOLDER`", fixed([*bench.tool, "analyze", tree]), bench.rounds),
            Contestant(
                "`hotsos --all-logs`",
                lambda out: shell(f"cd {shlex.quote(out)} && {quoted(hotsos, '--all-logs', '-s', tree)}"),
                bench.rounds,
            ),
            Contestant("`insights-run -p insights.parsers`", fixed([insights, "-p", "insights.parsers", tree]), bench.rounds),
            Contestant("`diagbundle report BUNDLE`", lambda out: [*bench.tool, "report", bundle, "-o", f"{out}/page.html"], bench.rounds),
            Contestant("`diagbundle ticket BUNDLE`", fixed([*bench.tool, "ticket", bundle]), bench.rounds),
        ]
        bench.race(contestants)
        with bench.place() as scratch:
            theirs = judging.named_by_hotsos(programs, tree, scratch)
        ours = judging.named(bench.tool, bundle)
    return (
        report.races(contestants, against=2)
        + f"\n\nNamed: diagbundle {ours}; hotsos {theirs}; insights-core has parsers and no rules of its own."
    )


def in_one_file(bench: Bench) -> str:
    """(s) The static file against the installed program."""
    if not os.path.exists(static.PROGRAM):
        sys.exit(f"bench: there is no static file: {static.PROGRAM}\nhint: make static")
    tree = bench.logs("logs-600M", 600 * 10**6, 5000, "1")
    alone = Bench(bench.work, [static.PROGRAM], bench.rounds)
    contestants = [
        Contestant(f"{name}: `collect{more}`", each.collect(tree, *more.split()), bench.rounds)
        for more in (" --no-redact", "")
        for name, each in (("static file", alone), ("installed", bench))
    ]
    bench.race(contestants)
    halves = (report.races(contestants[:2], against=1), report.races(contestants[2:], against=1))
    return "\n\n".join((static.figures(bench.tool, bench.work), *halves))


def encrypted(bench: Bench) -> str:
    """(e) What encryption adds, and opening what was encrypted."""
    tree = bench.logs("logs-600M", 600 * 10**6, 5000, "1")
    with bench.place() as made, bench.place() as work:
        return encryption.figures(bench.tool, work, bench.bundle(tree, made), bench.rounds)


def viewed(bench: Bench) -> str:
    """(v) One log of 2 GB and 100,000 files in a browser."""
    tree = bench.logs("logs-600M", 600 * 10**6, 5000, "1")
    with bench.place() as folder:
        pairs = []
        for name, make in (("one", lambda place: viewing.one_log(tree, place, 2 * GB)), ("many", viewing.many_files)):
            place, out = make(os.path.join(folder, name)), os.path.join(folder, f"of-{name}")
            os.mkdir(out)
            pairs.append((bench.bundle(place, out), f"{place}/messages" if name == "one" else f"{place}/d50/f50000"))
            shutil.rmtree(place)
        large, many = ((bundle, path.lstrip("/")) for bundle, path in pairs)
        return viewing.figures(bench.tool, large, many, bench.rounds)


def held_against_each_other(bench: Bench) -> str:
    """(w) Two hosts with 1 GB of logs each, and this machine twice: what is different."""
    trees = [bench.logs(f"logs-1G{more}", GB, 0, seed) for more, seed in (("", "5"), ("-b", "6"))]
    with bench.place() as work:
        places = [os.path.join(work, name) for name in ("a", "b", "c", "d", "e")]
        for place in places:
            os.mkdir(place)
        logs = [comparing.bundle(bench.tool, places[at], "--only", "logs", "--root", trees[at], "--no-redact") for at in (0, 1)]
        machine = [comparing.bundle(bench.tool, place) for place in places[2:4]]
        contestants = [Contestant(name, argv, bench.rounds) for name, argv in comparing.commands(bench.tool, logs, machine)]
        bench.race(contestants)
        said = comparing.told(bench.tool, machine, places[4])
    return f"{report.races(contestants, against=4)}\n\n{said}"


def parted(bench: Bench) -> str:
    """(p) 600 MB of logs leave in parts, and are put together again."""
    with bench.place() as made, bench.place() as place:
        bundle = bench.bundle(bench.logs("logs-600M", 600 * 10**6, 5000, "1"), made)
        contestants = [Contestant(name, argv, bench.rounds) for name, argv in parting.commands(bench.tool, bundle, place)]
        bench.race(contestants)
        return f"The bundle has {os.path.getsize(bundle) / 1e6:,.1f} MB.\n\n{report.races(contestants, against=None)}"


def reviewed(bench: Bench) -> str:
    """(o) What leaves with 600 MB of logs, and the same without a fifth of them."""
    with bench.place() as made:
        bundle = bench.bundle(bench.logs("logs-600M", 600 * 10**6, 5000, "1"), made)
        contestants = [Contestant(name, argv, bench.rounds) for name, argv in reviewing.commands(bench.tool, bundle)]
        bench.race(contestants)
        return report.races(contestants, against=None)


def searched(bench: Bench) -> str:
    """(g) A word that 2 GB of logs do not hold, and a line in the middle of a file of 2 GB."""
    tree, parts = bench.logs("logs-2G", 2 * GB, 5000, "2"), []
    with bench.place() as made, bench.place() as large:
        bundle = bench.bundle(tree, made)
        for processors in ("0", "0,1"):
            named = searching.commands(bench.tool, bundle, tree, processors=processors)
            bench.race(contestants := [Contestant(name, argv, bench.rounds, statuses) for name, argv, statuses in named])
            parts.append(f"On processors {processors}:\n\n{report.races(contestants, against=1)}")
        folder = searching.one_file(tree, large)
        lines = searching.line(bench.tool, bench.bundle(folder, large), f"{folder}/messages".lstrip("/"), 6_000_000)
        bench.race(contestants := [Contestant(name, argv, bench.rounds) for name, argv in lines])
        return "\n\n".join((*parts, report.races(contestants, against=None)))


CASES: dict[str, tuple[str, Callable[[Bench], str]]] = {
    "a": ("600 MB of logs and 5,000 small files", logs_and_small_files),
    "b": ("A full collection of this machine", whole_machine),
    "c": ("List, and read one file, out of a bundle of 2 GB", list_and_read),
    "m": ("One file of 5 GB", one_large_file),
    "j": ("Judging 1 GB of logs", judged),
    "p": ("Into parts, and out of them", parted),
    "o": ("What leaves, and without what must not", reviewed),
    "r": ("Redaction", redacted),
    "s": ("One static file", in_one_file),
    "e": ("Encryption", encrypted),
    "w": ("What is different between two hosts", held_against_each_other),
    "g": ("A word in 2 GB of logs, and a line of one", searched),
    "v": ("A bundle in a browser", viewed),
}


def installed(work: str) -> list[str]:
    """Installs this checkout as a user would have it, and gives its command: an editable install starts more slowly."""
    place = os.path.join(work, "venv")
    with tempfile.TemporaryDirectory(dir=work) as copy:
        for name in SOURCES:  # a build leaves files beside its sources
            put = shutil.copytree if os.path.isdir(os.path.join(ROOT, name)) else shutil.copy
            put(os.path.join(ROOT, name), os.path.join(copy, name))
        pip = [
            os.path.join(place, "bin", "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--force-reinstall",
            copy,
        ]
        for argv in ([sys.executable, "-m", "venv", place], pip):
            checked(measure.run(argv, copy), argv)
    return [os.path.join(place, "bin", "diagbundle")]


def say(text: str) -> None:
    """One line about the progress."""
    print(text, file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="LETTERS", help=f"of {''.join(CASES)}: what to measure (default: all)")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each contestant (7)")
    parser.add_argument("--work", default="/var/tmp/diagbundle-bench", help="folder on a real disk for the data; kept for the next time")  # noqa: S108
    parser.add_argument("--tool", type=shlex.split, help="command that is measured (default: this checkout, installed for it)")
    parser.add_argument("--size", type=genlogs.amount, default=Bench.size, help="of the logs of part r (600M)")
    parser.add_argument("--document", help="file that holds the figures (docs/BENCHMARKS.md, of part r docs/REDACTION.md)")
    asked = parser.parse_args(words)
    unknown = set(asked.only) - set(CASES)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    measure.end_quietly()
    measure.adopt_orphans()
    os.makedirs(asked.work, exist_ok=True)
    bench = Bench(asked.work, asked.tool or installed(asked.work), asked.rounds, asked.size)
    for letter in asked.only or CASES:
        title, case = CASES[letter]
        say(f"({letter}) {title}")
        text = report.section(letter, title, case(bench), asked.rounds)
        report.put(asked.document or OWN_DOCUMENT.get(letter, DOCUMENT), letter, text)
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
