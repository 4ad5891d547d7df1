"""The long run: `python -m tests.fuzz [--count N] [--seconds N] [--seed N] [--only NAME]...`, or one input: `--input FILE --only NAME`."""

# ruff: noqa: T201 - a program of its own

import argparse
import os
import random
import sys
import time

from . import run, targets

PAUSE = 10.0
"""Seconds between two lines of progress."""


def main():
    """Exit status 0: nothing was found; 1: a defect, whose input lies in found/ now."""
    options = _options()
    names = [name for name in targets.ALL if not options.only or any(name.startswith(word) for word in options.only)]
    if not names:
        sys.exit(f"no target begins so: {' '.join(options.only)}; there are: {' '.join(targets.ALL)}")
    if options.input:
        with open(options.input, "rb") as file:
            data = file.read()
        print(*(f"{name}: {'refused' if run.one(name, data) else 'read'}" for name in names), sep="\n")
        return
    print(f"{options.count:,} inputs in {len(names)} targets, --seed {options.seed}", flush=True)
    started = time.monotonic()
    within = {"seconds": options.seconds or float("inf"), "first": options.first, "limit": options.limit}
    tell = Teller(options.count)
    outcome = run.fuzz(names, options.count, options.seed, tell=tell, **within)
    tell(outcome)
    _sum_up(outcome, time.monotonic() - started, options.seed)
    sys.exit(bool(outcome.defects))


def _options():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Mutated inputs into every parser of the program.")
    parser.add_argument("--count", type=int, default=100_000, help="inputs in all targets together (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0, help="end after so many seconds")
    parser.add_argument("--limit", type=float, default=run.LIMIT, help="seconds that one input may take (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="repeats a run")
    parser.add_argument("--first", type=int, default=0, help="number of the first input of each target")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="targets whose name begins so")
    parser.add_argument("--input", metavar="FILE", help="this one input, and the traceback if it fails")
    return parser.parse_args()


class Teller:
    """Tells each defect at once, and how far it is now and then."""

    def __init__(self, count):
        self.count, self.told, self.known = count, time.monotonic(), 0

    def __call__(self, outcome):
        for defect in list(outcome.defects.values())[self.known :]:
            path = os.path.relpath(run.keep(defect))
            print(
                f"\n{defect.target}: {defect.error}\n{defect.trace}  again: python -m tests.fuzz --only {defect.target} --input {path}",
                flush=True,
            )
        self.known = len(outcome.defects)
        if time.monotonic() - self.told > PAUSE:
            self.told = time.monotonic()
            done = sum(outcome.inputs.values())
            print(f"  {done:,} of {self.count:,}; {self.known} defects; {run.memory() >> 20} MiB", flush=True)


def _sum_up(outcome, seconds, seed):
    for name, count in outcome.inputs.items():
        each = 1000 * outcome.seconds[name] / count
        print(f"{name:<28} {count:>8,} inputs  {100 * outcome.refused[name] // count:>3} % refused  {each:>7.2f} ms each")
    for (error, where), count in outcome.seen.items():
        print(f"{error} at {where or 'no line of ours'}: {count} times")
    done = sum(outcome.inputs.values())
    print(f"{done:,} inputs in {seconds:.0f} s, {len(outcome.defects)} defects, {run.memory() >> 20} MiB at the end; --seed {seed}")


if __name__ == "__main__":
    main()
