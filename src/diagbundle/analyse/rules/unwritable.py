"""Programs that met a file system on which nothing may be written, and the mount that is in their way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, rule
from diagbundle.analyse.facts.filesystems import Mount, NoWrite, each_once
from diagbundle.analyse.facts.rooms import is_below
from diagbundle.analyse.facts.spoken import DAY, between, often


@rule("FSY013", "programs that met a read-only file system", NoWrite, About, uses=(Mount,))
def unwritable(said: Sequence[NoWrite], about: Sequence[About], mounts: Sequence[Mount]) -> Iterator[Finding]:
    """A program wanted to write where nothing may be written ("Read-only file system").

    The mount of the file that it names is told with how it is mounted now. Either the file system was made read-only by an error (FSY006
    tells), or somebody mounted it so: a bind mount, an image, a volume of a container, a unit with ProtectSystem=, which sees only
    parts of the tree writable. A warning where it was said in the last day, else a note.
    What to do: `findmnt -T FILE` names the mount; if it should take writes, `mount -o remount,rw` (of a bind mount
    `remount,rw,bind`), and mend what mounts it so: /etc/fstab, a unit, a compose file.
    """
    every = each_once(mounts)
    groups: dict[tuple[str, str], list[NoWrite]] = {}
    for each in sorted(said, key=lambda one: one.time):
        mount = _mount_of(each.path, every)
        groups.setdefault((mount.point if mount else "", "" if mount else each.who), []).append(each)
    for (point, _), lines in groups.items():
        yield _finding(lines, next((mount for mount in every if mount.point == point), None), about[0].now)


def _mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that a file lies on, if it takes no writes now."""
    above = [mount for mount in mounts if path and is_below(path, mount.point)]
    nearest = max(above, key=lambda mount: len(mount.point), default=None)
    return nearest if nearest and (nearest.is_readonly or "ro" in nearest.options) else None


def _finding(lines: Sequence[NoWrite], mount: Mount | None, now: float) -> Finding:
    last = lines[-1]
    who, path = last.who or "a program", last.path
    recent = not last.time or not now or now - last.time < DAY
    bind = mount is not None and not mount.is_readonly
    title = f"{who} could not write{f' {path}' if path else ''}: the file system was read-only"
    if mount:
        title = f"{mount.point} is mounted read-only{', the file system itself is not' if bind else ''}: {who} could not write {path}"
    return Finding(
        Severity.WARNING if recent else Severity.NOTE,
        title,
        (*([mount.origin] if mount else []), *(line.origin for line in [*lines[:1], *lines[1:][-2:]])),
        f"If it should take writes: `mount -o remount,rw{',bind' if bind else ''} {mount.point}`, then mend what mounts it so "
        "(/etc/fstab, a unit)"
        if mount
        else "`findmnt -T FILE` names the mount: see whether it is read-only on purpose (ProtectSystem=, a volume), or became so (FSY006)",
        f"{often(len(lines))}, {between(line.time for line in lines)}" + (f"; {mount.source} ({mount.type})" if mount else ""),
        mount.point if mount else who,
        since=lines[0].time,
        latest=last.time,
        symptom=not bind,  # an error made it so (FSY006), or it is not known
    )
