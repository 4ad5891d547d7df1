"""`python -m tests.redact.planted`: make the set, or score what a redactor made of it."""

# ruff: noqa: T201 - a program of its own

import argparse
import json
import sys

from .make import make
from .score import score


def main():
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.redact.planted", description="Planted secrets, and what became of them.")
    parser.add_argument("--make", metavar="DIR", help="write DIR/files and DIR/KEY.json")
    parser.add_argument("--score", nargs=2, metavar=("DIR", "OUT"), help="OUT is the redacted copy of DIR/files")
    parser.add_argument("--seed", default="1", help="another seed gives other values")
    parser.add_argument("--json", action="store_true", help="the score as JSON")
    asked = parser.parse_args()
    if asked.make:
        print(*(f"{count:6} {what}" for what, count in make(asked.make, asked.seed).items()), sep="\n")
    if asked.score:
        found = score(*asked.score).summary()
        print(json.dumps(found, indent=1) if asked.json else told(found))
    sys.exit(0 if asked.make or asked.score else parser.error("one of --make and --score is needed"))


def told(found):
    """The score for people."""
    lines = [f"{m['file']}:{m['line']}: {m['kind']}: {m['what']}: {m['text']}" for m in found["misses"]]
    kinds = [f"  {kind:20} {hidden:4} of {rows}" for kind, (hidden, rows) in found["kinds"].items() if hidden < rows]
    totals = [f"{name}: {found[name]}" for name in ("secrets", "sorts", "context", "negatives", "identifiers", "left_out")]
    return "\n".join([*lines, "", *kinds, *totals])


if __name__ == "__main__":
    main()
