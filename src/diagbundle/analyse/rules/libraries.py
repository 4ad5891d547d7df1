"""Libraries that were replaced while programs have them loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import Finding, Severity, latest, rule
from diagbundle.analyse.facts.libraries import OldLibrary
from diagbundle.analyse.facts.system import Process, running

SHOWN = 4


@rule("PRC007", "libraries that were replaced while they are in use", OldLibrary, Process)
def old_libraries(libraries: Sequence[OldLibrary], processes: Sequence[Process]) -> Iterator[Finding]:
    """Programs still use libraries that an update has replaced: what the update mends is not in force for them until they are restarted.

    A note: after every update of libc or OpenSSL it is so on sound hosts. Judged by `lsof` (DEL), containers aside, whose files lie
    elsewhere. Now and then it is a fault: a plugin that is loaded later does not fit the old library ("undefined symbol", "version
    mismatch"). Restart what is named (`needs-restarting -s`, `checkrestart`, `zypper ps -s`).
    """
    known = {each.pid: each for each in running(processes)}
    programs: dict[int, list[OldLibrary]] = {}
    for each in latest(libraries):
        who = known.get(each.pid)
        # where the program itself was replaced as well, PRC006 tells
        if who and not who.container and not who.executable.endswith(" (deleted)"):
            programs.setdefault(each.pid, []).append(each)
    if programs:
        names = list(dict.fromkeys(known[pid].title for pid in programs))
        paths = list(dict.fromkeys(each.path for those in programs.values() for each in those))
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield Finding(
            Severity.NOTE,
            f"{', '.join(names[:SHOWN])}{more} still {'uses' if len(names) == 1 else 'use'} libraries that were replaced or removed: "
            + ", ".join(path.rpartition("/")[2] for path in paths[:SHOWN]),
            tuple(those[0].origin for those in list(programs.values())[:SHOWN]),
            "restart these in a quiet hour, so that the new libraries are in force",
            detail="; ".join(paths[:10]),
            subject=names[0],
        )
