"""Stand-in hosts for the tests of the network's collectors."""

import os

from diagbundle.host import Host
from diagbundle.model import Answer, Command, File, Outcome, Table


def host_of(root, files=(), answers=(), links=()):
    """A host of files (path → text), answers of commands (words → text or (text, exit)) and links (path → target)."""
    for path, text in dict(files).items():
        place = f"{root}{path}"
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8") as file:
            file.write(text)
    for path, target in dict(links).items():
        os.makedirs(os.path.dirname(f"{root}{path}"), exist_ok=True)
        os.symlink(target, f"{root}{path}")
    answers = dict(answers)

    def runner(command):
        if (words := " ".join(command.argv)) not in answers:
            return Answer(command.argv, Outcome.ABSENT)
        found = answers[words]
        text, status = found if isinstance(found, tuple) else (found, 0)
        return Answer(command.argv, Outcome.COLLECTED, text.encode(), status)

    return Host(root=str(root), runner=runner)


def commands(sources):
    """Words of each command that would be run → the reason for which it is not, or ''."""
    return {" ".join(source.argv): source.skip for source in sources if isinstance(source, Command)}


def paths(sources):
    """Path of each file → the source."""
    return {source.path: source for source in sources if isinstance(source, File)}


def tables(sources):
    """Name of each table → the source."""
    return {source.name: source for source in sources if isinstance(source, Table)}


def process(pid, comm="x", net="", **more):
    """Files and links of one process, for `host_of`."""
    state, flags = more.get("state", "S"), more.get("flags", 0)
    files = {f"/proc/{pid}/comm": f"{comm}\n", f"/proc/{pid}/stat": f"{pid} ({comm}) {state} 1 1 1 0 -1 {flags} 0\n"}
    files |= {f"/proc/{pid}/{name}": more[name] for name in ("environ", "cgroup") if name in more}
    return files, ({f"/proc/{pid}/ns/net": f"net:[{net}]"} if net else {})
