"""Looks into a sick host from outside: before the collection, while it runs, and after it. A program of its own, run by the lab's recipes.

look.py before|during|after STATE   STATE is the lab's folder for this run, $LAB_LOOK the folder that the findings are written to.
"""

import json
import os
import sys
import time

PLACES = ("", "tmp", "var/tmp", "dev/shm", "run", "root", "var/lib", "var/cache")
"""Folders of the sick host in which a careless program leaves files behind."""
GRACE = 3.0
"""Seconds in which a process that was killed must be gone."""
EVERY = 0.2


def main(when: str, state: str) -> None:
    """Write what is seen."""
    notes = os.environ["LAB_LOOK"]
    try:
        with open(f"{state}/host.pid") as file:
            host = file.read().strip()
    except OSError:  # the set-up failed
        return
    if when == "before":
        keep(notes, "before", {"processes": sorted(processes(host)), "mounts": mounts(host), "files": files(host)})
        return
    with open(f"{notes}/before.json") as file:
        before = json.load(file)
    if when == "during":
        during(host, set(before["processes"]), notes)
    else:
        after(host, before, notes)


def after(host: str, before: dict, notes: str) -> None:
    """What the collection left behind. Files that came to the machine below meanwhile are not its own."""
    known, began = set(before["processes"]), time.monotonic()
    while (left := started_since(host, known)) and time.monotonic() - began < GRACE:
        time.sleep(0.05)
    new = {place: sorted(set(there) - set(before["files"][place])) for place, there in files(host).items()}
    space = os.statvfs(f"/proc/{host}/root/out")
    seen = {
        "processes": [describe(pid) for pid in left],
        "seconds": round(time.monotonic() - began, 2),
        "mounts": sorted(set(mounts(host)) - set(before["mounts"])),
        "files": [f"/{place}/{name}" for place, names in new.items() for name in names if not os.path.lexists(f"/{place}/{name}")],
        "out": {"total": space.f_blocks * space.f_frsize, "free": space.f_bfree * space.f_frsize},
    }
    keep(notes, "after", seen)


def during(host: str, known: set, notes: str) -> None:
    """The most memory that the collection's processes had at once, and how many there were at most."""
    most = {"memory": 0, "processes": 0}
    while os.path.exists(f"/proc/{host}") and not os.path.exists(f"{notes}/after.json"):
        there = started_since(host, known)
        most["memory"] = max(most["memory"], sum(map(memory, there)))
        most["processes"] = max(most["processes"], len(there))
        keep(notes, "during", most)
        time.sleep(EVERY)


def started_since(host: str, known: set) -> list[str]:
    """Processes of the sick host that neither were there before nor were started by one that was."""
    there = processes(host)
    parents = {one.split(":")[0]: parent for one, parent in there.items()}
    old = {one.split(":")[0] for one in known} - {host}

    def of_recipe(pid: str) -> bool:
        while pid in parents and pid not in old:
            pid = parents[pid]
        return pid in old

    return [pid for pid in (one.split(":")[0] for one in there.keys() - known) if not of_recipe(pid)]


def processes(host: str) -> dict[str, str]:
    """`pid:start` of each process in the sick host's namespace, with its parent; zombies are no longer there."""
    ours, found = namespace(host), {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if namespace(pid) == ours and (words := stat(pid)) and words[0] not in "ZX":
            found[f"{pid}:{words[19]}"] = words[1]
    return found


def namespace(pid: str) -> str:
    """Number of the namespace, or ''."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def stat(pid: str) -> list[str]:
    """State, parent and so on, from the last parenthesis on."""
    return read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def memory(pid: str) -> int:
    """Bytes of its own and its share of what it has with others. One that waits in the kernel is not asked: we would wait, too."""
    if stat(pid)[:1] in ([], ["D"]):
        return 0
    sizes = [line.split() for line in read(f"/proc/{pid}/smaps_rollup").splitlines()]
    return sum(int(words[1]) << 10 for words in sizes if words[0] == "Pss:")


def describe(pid: str) -> str:
    """Number within the sick host, state, words."""
    inner = next((line.split()[-1] for line in read(f"/proc/{pid}/status").splitlines() if line.startswith("NSpid:")), "?")
    return f"{inner} {' '.join(stat(pid)[:1])} {read(f'/proc/{pid}/cmdline')}"


def mounts(host: str) -> list[str]:
    """Mount points."""
    return [line.split()[4] for line in read(f"/proc/{host}/mountinfo").splitlines()]


def files(host: str) -> dict[str, list[str]]:
    """Names in the places."""
    found = {}
    for place in PLACES:
        try:
            found[place] = [ascii(name)[1:-1] for name in os.listdir(f"/proc/{host}/root/{place}")]
        except OSError:
            found[place] = []
    return found


def read(path: str) -> str:
    """A file of /proc, '' where it is gone."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def keep(notes: str, name: str, seen: dict) -> None:
    """Whole or not at all: whoever reads it may come at any time."""
    with open(f"{notes}/{name}.new", "w") as file:
        json.dump(seen, file)
    os.replace(f"{notes}/{name}.new", f"{notes}/{name}.json")


main(*sys.argv[1:])
