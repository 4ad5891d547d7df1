"""Write docs/claims.md, docs/collectors.md and docs/rules.md from the code itself: `make docs`. With `--check`, only compare them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from inspect import getdoc

from diagbundle.analyse.claims.claim import every_kind
from diagbundle.analyse.knowledge import built_in
from diagbundle.analyse.registry import SUBJECTS, Rule, known, with_rules
from diagbundle.collect.registry import PACKAGE, find
from diagbundle.host import Host
from diagbundle.model import Collector, Command, File, Probe, Source, Stage, Table

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STAGES = {
    Stage.VOLATILE: "first, because it changes fastest",
    Stage.STATE: "second",
    Stage.LOGS: "last, because it is large",
}
HEAD = """# What is asked of a host

Made by `make docs` from `collectors/`; do not edit it by hand. `diagbundle plan` shows the same for one host, with every match.

What a collector finds by looking (containers, disks, units, processes) is not known here: of those it shows what is asked of any host.
A command that is not installed and a file that is not there are recorded as `absent`.
*Twice* means: first of all and last of all, so that counters give rates.
"""


def page(collectors: dict[str, Collector]) -> str:
    """The whole document."""
    lines = [HEAD, "| collector | asks for | when | who |", "|---|---|---|---|"]
    for name, found in collectors.items():
        on = "" if found.default else f"; only with `--with {name}`"
        lines.append(f"| [{name}](#{name}) | {found.title}{on} | {found.stage} | {found.needs} |")
    with tempfile.TemporaryDirectory() as empty:
        for found in collectors.values():
            lines += ["", *_chapter(found, Host(root=empty))]
    return "\n".join(lines) + "\n"


def _chapter(found: Collector, host: Host) -> Iterator[str]:
    yield f"## {found.name}\n"
    yield f"{found.title}. Stage `{found.stage}`: {STAGES[found.stage]}."
    if text := _told(found):
        yield f"\n{text}"
    yield ""
    yield from _rows("Twice", found.samples(host))
    sources = list(found.sources(host))
    for title, kind in (("Files", File), ("Commands", Command), ("Computed", Table), ("Probes", Probe)):
        yield from _rows(title, (source for source in sources if isinstance(source, kind)))


def _told(found: Collector) -> str:
    """What a Python collector says of itself beyond its title."""
    if not found.origin.endswith((".py", ".pyc")):
        return ""
    module = import_module(f"{PACKAGE}.{os.path.basename(found.origin).partition('.')[0]}")
    return getdoc(module) or ""


def _rows(title: str, sources: Iterable[Source]) -> Iterator[str]:
    shown = list(dict.fromkeys(map(_shown, sources)))
    if shown:
        yield f"* {title}: " + ", ".join(shown)


def _shown(source: Source) -> str:
    if isinstance(source, File):
        return f"`{source.path}`"
    if isinstance(source, Command):
        return f"`{' '.join(source.argv)}`" + (f" for each `{source.each}`" if source.each else "")
    if isinstance(source, Table):
        return f"`{source.name}`"
    return f"`{source.kind} {source.target}`"


RULES_HEAD = """# What is judged

Made by `make docs` from the rules themselves; do not edit it by hand. `diagbundle rules` lists the same, `diagbundle explain CODE`
prints one.

Every rule ends *found*, with the lines that show it, *clear*, or *undecided*, with the reason. [ANALYSIS.md](ANALYSIS.md) says how
verdicts are reached, and how to add rules of your own.
"""


def rules_page(rules: list[Rule]) -> str:
    """The whole document of rules."""
    lines = [RULES_HEAD]
    for prefix, subject in sorted(SUBJECTS.items(), key=lambda item: item[1].lower()):
        lines += ["", f"**{subject[0].upper()}{subject[1:]}** ({prefix})", "", "| code | suspect |", "|---|---|"]
        lines += [f"| [{rule.code}](#{rule.code.lower()}) | {rule.suspect} |" for rule in rules if rule.code.startswith(prefix)]
    for rule in rules:
        absent = f"\n\nClear where {rule.absent}." if rule.absent else ""
        lines += ["", f"## {rule.code}", "", f"**{rule.suspect}**", "", rule.doc + absent]
    return "\n".join(lines) + "\n"


CLAIMS_HEAD = """# What can be claimed

Made by `make docs` from the code; do not edit it by hand. `diagbundle analyze BUNDLE --claim KEY=VALUE`; `--ticket FILE` takes such
lines and plain statements out of a text.

| claim | about | also called |
|---|---|---|
"""


def claims_page() -> str:
    """The whole document of claims."""
    kinds = sorted(every_kind().items())
    return CLAIMS_HEAD + "".join(f"| `{kind.example}` | {kind.title} | {', '.join(kind.aliases)} |\n" for _, kind in kinds)


def documents() -> dict[str, str]:
    """Path below the top, and text, of every document that is made."""
    rules = with_rules(known(), [rule.announced() for rule in built_in()]).rules
    return {
        os.path.join("docs", "collectors.md"): page(find(drop_in_folder="").collectors),
        os.path.join("docs", "claims.md"): claims_page(),
        os.path.join("docs", "rules.md"): rules_page(sorted(rules, key=lambda rule: rule.code)),
    }


def main(words: list[str]) -> int:
    """Write the documents, or compare them."""
    stale = []
    for path, text in documents().items():
        target = os.path.join(TOP, path)
        if "--check" not in words:
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
            continue
        with open(target, encoding="utf-8") as file:
            stale += [path] if file.read() != text else []
    for path in stale:
        print(f"{path} is not what the code says: run `make docs`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
