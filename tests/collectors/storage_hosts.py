"""Stand-in hosts for the tests beside: a tree of files and answers of commands."""

from collections.abc import Iterable

from diagbundle.host import Host
from diagbundle.model import Answer, Collector, Command, File, Outcome, Table


def tree(root, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return str(root)


def host(root, files: dict[str, str], answers: dict[tuple[str, ...], str | Answer] | None = None) -> Host:
    known = answers or {}

    def runner(command: Command) -> Answer:
        found = known.get(command.argv)
        if isinstance(found, Answer):
            return found
        return Answer(command.argv, Outcome.ABSENT) if found is None else Answer(command.argv, stdout=found.encode(), exit=0)

    return Host(root=tree(root, files), runner=runner)


def commands(collector: Collector, on: Host) -> dict[str, Command]:
    """Commands that would be run, by their words."""
    found = [source for source in (*collector.samples(on), *collector.sources(on)) if isinstance(source, Command)]
    return {" ".join(source.argv): source for source in found if not source.skip and (not source.only_if or on.exists(source.only_if))}


def skipped(collector: Collector, on: Host) -> dict[str, str]:
    """Commands that are not to be run, with the reason."""
    return {" ".join(source.argv): source.skip for source in collector.sources(on) if isinstance(source, Command) and source.skip}


def files(collector: Collector, on: Host) -> set[str]:
    """Files that would be read."""
    patterns = (source.path for source in collector.sources(on) if isinstance(source, File))
    return {path for pattern in patterns for path in on.glob(pattern)}


def sampled(collector: Collector, on: Host) -> set[str]:
    return {path for source in collector.samples(on) if isinstance(source, File) for path in on.glob(source.path)}


def rows(collector: Collector, on: Host, name: str) -> list:
    tables: Iterable[Table] = (source for source in (*collector.samples(on), *collector.sources(on)) if isinstance(source, Table))
    return next(list(table.rows(on)) for table in tables if table.name == name)
