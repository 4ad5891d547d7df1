#!/usr/bin/env python3
"""Work for the interpreter alone, as collecting and judging do it: calls, classes, dictionaries, strings, generators, expressions.

Prints seconds of processor time of each, as JSON. What it computes is fixed, so that two interpreters can be compared.
"""

import json
import re
import time
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    name: str
    size: int


def calls(depth: int = 24) -> int:
    """Function calls and small numbers."""
    return depth if depth in (0, 1) else calls(depth - 1) + calls(depth - 2)


def classes() -> int:
    """Objects, attributes, comparisons."""
    rows = [Row(f"row{number % 97}", number) for number in range(60_000)]
    return sum(row.size for row in rows if row.name == "row7") + len({row.name for row in rows})


def lines() -> int:
    """Strings that are split, stripped, joined and counted."""
    text = "\n".join(f"Nov 22 10:{number % 60:02}:00 db1 kernel: eth{number % 4}: link is up, 1000 Mbps" for number in range(30_000))
    counted = Counter(line.partition("kernel: ")[2].split(":")[0].strip() for line in text.splitlines())
    return sum(counted.values())


def tables() -> int:
    """Dictionaries and sorting."""
    table = {f"k{number}": (number, str(number)) for number in range(60_000)}
    merged = {key: value[0] for key, value in sorted(table.items(), key=lambda item: item[1][1])}
    return sum(merged.values())


def generators() -> int:
    """Generators that feed one another."""
    numbers = (number * 3 for number in range(300_000))
    return sum(number for number in (number + 1 for number in numbers) if number & 1)


def expressions() -> int:
    """Regular expressions over lines."""
    pattern = re.compile(r"(?P<key>\w+)=(?P<value>\"[^\"]*\"|\S+)")
    text = 'level=info msg="connection reset by peer" host=db1 port=5432 took=12ms ' * 4_000
    return sum(len(found["value"]) for found in pattern.finditer(text))


def main() -> None:
    """Each three times; the fastest counts."""
    taken = {}
    for work in (calls, classes, lines, tables, generators, expressions):
        times = []
        for _ in range(3):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
        taken[work.__name__] = min(times)
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
