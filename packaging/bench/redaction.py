"""What redaction costs and what it hides: speed and memory of the engine alone, and its score beside those of other tools.

Used by run.py as part (r); `redaction.py FILES… [--pure]` passes files through the engine in this process and prints what that took.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import report

CHUNK = 1 << 20
MB = 10**6
ROUNDS = 3
PURE_SIZE = 20 * MB
HOSTILE_SIZE = 100 * MB
HOSTILE = {"one line of 100 MB": b"GET /x 200 took 17 ms; ", "100 MB of `password=`": b"password="}
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LISTING = "SECRETS.json"
GENLOGS = os.environ.get("GENLOGS", "")
"""Another generator of logs, called `GENLOGS --size BYTES DIR`; where it writes SECRETS.json, what is planted there is looked for."""
RIVAL = "detect-secrets==1.5.0"
SORTS = {
    "token": "tokens with a format",
    "hash": "hashes of pass words",
    "personal": "cards, IBAN, addresses",
    "keyed": "known by a name or place only",
}


def foreign_logs(place: str, size: int) -> str:
    """Logs of the other generator, made once; what it planted lies beside them, not among them."""
    if not os.path.exists(place + ".done"):
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, GENLOGS, "--size", str(size), place], check=True, stdout=subprocess.DEVNULL)
        os.replace(os.path.join(place, LISTING), f"{place}.{LISTING}")
        open(place + ".done", "w").close()
    return place


def files_below(top: str) -> list[str]:
    """All files of a folder."""
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names)


def engine(work: str, tree: str) -> str:
    """A table about the engine alone: each row a process of its own."""
    rows = [["", "MB per CPU second", "peak RSS MiB"]]
    large = [path for path in files_below(tree) if os.path.getsize(path) > CHUNK]
    rows.append(["secrets, the logs above", *told(large)])
    rows.append([f"the same in Python only, {PURE_SIZE // MB} MB of them", *told([_head(work, large)], "--pure")])
    rows.append(["secrets and stand-ins, the logs above", *told(large, "--pseudonyms")])
    for title, piece in HOSTILE.items():
        path = os.path.join(work, "redaction hostile")
        with open(path, "wb") as out:
            # not at once: a child begins with the peak memory of its parent
            out.writelines(piece * (MB // len(piece)) for _ in range(HOSTILE_SIZE // MB))
        rows.append([title, *told([path])])
        os.unlink(path)
    return report.table(rows)


def _head(work: str, paths: Sequence[str]) -> str:
    """The beginning of each file, in one."""
    place = os.path.join(work, "redaction head")
    with open(place, "wb") as out:
        for path in paths:
            with open(path, "rb") as file:
                out.write(file.read(PURE_SIZE // len(paths)))
    return place


def told(paths: Sequence[str], *options: str) -> list[str]:
    """Median speed and largest memory of some runs."""
    argv = [sys.executable, os.path.abspath(__file__), *options, "--", *paths]
    runs = [json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout) for _ in range(ROUNDS)]
    return [f"{statistics.median(run['rate'] for run in runs):,.0f}", f"{max(run['rss'] for run in runs) / 1024:.0f}"]


def recall(tree: str) -> str:
    """What of the secrets that the other generator planted is left, and which decoys are gone."""
    listing = f"{tree}.{LISTING}"
    if not os.path.exists(listing):
        return "No list of planted secrets: set `GENLOGS` to a generator that writes one."
    with open(listing, encoding="utf-8") as file:
        planted = json.load(file)["planted"]
    by_file: dict[str, list[dict[str, Any]]] = {}
    for row in planted:
        by_file.setdefault(row["file"], []).append(row)
    counts: dict[str, list[int]] = {}
    for name, members in by_file.items():
        for row, line in zip(members, lines(redacted(os.path.join(tree, name)), members), strict=True):
            good = (value_of(row) in line) is row["decoy"]
            seen = counts.setdefault(("decoy: " if row["decoy"] else "") + row["kind"], [0, 0])
            seen[0], seen[1] = seen[0] + good, seen[1] + 1
    rows = [["kind", "right", "planted"], *([kind, str(good), str(all_)] for kind, (good, all_) in sorted(counts.items()))]
    return report.table(rows)


def value_of(row: dict[str, Any]) -> bytes:
    """The part of a planted value that must not be seen: of a URL its pass word, of a key its first line of base64."""
    value = row["value"]
    if row["kind"] == "db_url":
        return str(value).split("@")[0].rsplit(":", 1)[1].encode()
    return str(value).split("\n")[min(1, str(value).count("\n"))].encode()


def lines(chunks: Iterable[bytes], members: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    """For each row its line, and for a value of many lines all of them."""
    wanted = {row["line"] - 1 + more for row in members for more in range(str(row["value"]).count("\n") + 2)}
    kept: dict[int, bytes] = {}
    number, rest = 0, b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        kept.update((number + place, line) for place, line in enumerate(whole) if number + place in wanted)
        number += len(whole)
    kept[number] = rest
    for row in members:
        yield b"\n".join(kept.get(row["line"] - 1 + more, b"") for more in range(str(row["value"]).count("\n") + 2))


def pieces(path: str) -> Iterator[bytes]:
    """A file in chunks."""
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def redacted(path: str) -> Iterator[bytes]:
    """A file, redacted."""
    from diagbundle.redact.redactor import Redactor  # noqa: PLC0415  # the other parts of the benchmark measure a command that is installed

    return Redactor().file(os.path.basename(path))(pieces(path))


def compared(bench_work: str, tool: Sequence[str]) -> str:
    """The planted set through this tool and two others, scored alike."""
    work = os.path.join(bench_work, "planted")
    shutil.rmtree(work, ignore_errors=True)
    _planted("--make", work)
    found = {"diagbundle": _ours(work, tool), "sos clean": _sos(work), "detect-secrets": _detect_secrets(bench_work, work)}
    return table(found)


def _planted(*words: str) -> str:
    argv = [sys.executable, "-m", "tests.redact.planted", *words]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _score(work: str, out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_planted("--score", work, out, "--json"))
    return found


def _ours(work: str, tool: Sequence[str]) -> dict[str, Any]:
    out = os.path.join(work, "ours")
    os.mkdir(out)
    for part in ("secrets", "plain", "names"):
        options = ["--pseudonyms"] if part == "names" else []
        argv = [*tool, "redact", *options, os.path.join(work, "files", part), os.path.join(out, part)]
        subprocess.run(argv, check=True, capture_output=True)
    return _score(work, out)


def _sos(work: str) -> dict[str, Any] | None:
    """Its cleaner works on a report of sos only, in place: the files are made to look like one."""
    sos = shutil.which("sos", path="/usr/sbin:/usr/bin")
    if not sos:
        return None
    top, place = os.path.join(work, "sos"), os.path.join(work, "sos", "sosreport-planted")
    shutil.copytree(os.path.join(work, "files"), place)
    os.makedirs(os.path.join(place, "sos_logs"))
    os.makedirs(os.path.join(place, "sos_commands", "host"))
    shutil.copy(os.path.join(place, "names/etc/hostname"), os.path.join(place, "sos_commands/host/hostname"))
    out = os.path.join(top, "out")
    os.mkdir(out)
    argv = [sos, "clean", "--batch", "--no-update", "--map", os.path.join(top, "map"), "--tmp-dir", out, place]
    subprocess.run(argv, check=True, capture_output=True)
    return _score(work, os.path.join(out, "sosreport-planted"))


MASK = r"""
import os, sys
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings
source, target = sys.argv[1:]
with default_settings():
    for folder, _, names in os.walk(source):
        for name in names:
            path = os.path.join(folder, name)
            place = os.path.join(target, os.path.relpath(path, source))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(path, "rb") as file:
                lines = file.read().split(b"\n")
            for found in list(scan_file(path)) if os.path.getsize(path) < 400_000 else ():
                value, number = (found.secret_value or "").encode(), found.line_number - 1
                if value and number < len(lines):
                    lines[number] = lines[number].replace(value, b"REDACTED_x_00000000")
            with open(place, "wb") as file:
                file.write(b"\n".join(lines))
"""


def _detect_secrets(bench_work: str, work: str) -> dict[str, Any] | None:
    """It only finds; what it finds is replaced on its line. Files above 400 kB take it hours and are left to it as they are."""
    place, out = os.path.join(bench_work, "detect-secrets"), os.path.join(work, "detect-secrets")
    python = os.path.join(place, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", RIVAL], check=True)
    subprocess.run([python, "-c", MASK, os.path.join(work, "files"), out], check=True, capture_output=True)
    return _score(work, out)


def table(found: dict[str, dict[str, Any] | None]) -> str:
    """The scores, a column for each tool."""
    columns = [_cells(one) if one else {} for one in found.values()]
    rows = [["", *found], *([what, *(column.get(what, "not installed") for column in columns)] for what in columns[0])]
    return report.table(rows)


def _cells(score: dict[str, Any]) -> dict[str, str]:
    negatives, context = score["negatives"], score["context"]
    return {
        "planted secrets hidden": _of(score["secrets"]),
        **{title: _of(score["sorts"][sort]) for sort, title in SORTS.items()},
        "identifiers replaced": _of(score["identifiers"]),
        "hard negatives changed": f"{negatives['share']:.1%} of {negatives['rows']}",
        "words around the secrets kept": f"{context['kept']:.1%}",
    }


def _of(part: dict[str, Any]) -> str:
    return f"{part['recall']:.1%} of {part['rows']}"


def main(words: list[str]) -> int:
    """Passes files through the engine: bytes per CPU second of this process, without its start, and its peak memory in KiB."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--pure", action="store_true", help="without C")
    parser.add_argument("--pseudonyms", action="store_true", help="stand-ins for identifiers, too")
    asked = parser.parse_args(words)
    from diagbundle.redact.redactor import Redactor  # noqa: PLC0415  # its import is not what is measured

    more = {"pseudonyms": pseudonyms()} if asked.pseudonyms else {}
    redactor = Redactor(pure=asked.pure, **more)
    began = time.process_time()
    for path in asked.files:
        for _ in redactor.file(os.path.basename(path))(pieces(path)):
            pass
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = sum(os.path.getsize(path) for path in asked.files)
    print(json.dumps({"rate": size / MB / max(spent, 1e-6), "rss": peak}))
    return 0


def pseudonyms() -> Any:
    """Stand-ins with a new key, and no name that was learned before."""
    from diagbundle.redact.identifiers.pseudonym import Pseudonyms  # noqa: PLC0415  # as above

    return Pseudonyms(os.urandom(32), {})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
