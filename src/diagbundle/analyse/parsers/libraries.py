"""Libraries that were replaced while programs have them loaded, as `lsof` tells of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, parser
from diagbundle.analyse.facts.libraries import OldLibrary

_LSOF = re.compile(r"(?P<name>\S.*?) +(?P<pid>\d{1,8}) .* (?P<fd>DEL|mem) +REG +\S+ .*?(?P<path>/[^ ].*?)(?P<deleted> \(deleted\))?$")
_LIBRARY = re.compile(r"(?:/usr|/opt|/srv|/lib|/nix|/app)\S*/[^/ ]+\.so(?:\.[\w.]+)*(?:;[0-9a-f]+|\.dpkg-(?:new|tmp))?")
MOST = 100
"""Libraries of one process."""
LONGEST = 1000
"""Characters of a line."""


@parser(OldLibrary, "sos_commands/process/lsof*", "lsof")
def old_libraries(doc: Document) -> Iterator[OldLibrary]:
    """Lines `DEL`, and mapped ones with `(deleted)` behind the name; of threads only the first."""
    seen: dict[int, set[str]] = {}
    for line in doc.lines:
        if (" DEL " not in line and not line.endswith("(deleted)")) or len(line) > LONGEST or not (found := _LSOF.match(line)):
            continue
        path, pid = found["path"], int(found["pid"])
        known = seen.setdefault(pid, set())
        if (found["fd"] == "DEL" or found["deleted"]) and path not in known and len(known) < MOST and _LIBRARY.fullmatch(path):
            known.add(path)
            yield OldLibrary(path, pid, found["name"], origin=line.origin)
