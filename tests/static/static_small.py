"""Sick places to run the static file in: what stands before its name, and the exit that is right there.

Each is a command that ends with `"$@"`. Those with `mount` run in a mount namespace of their own, in which the file lies in /mnt/here and
/mnt/out alone is the test's folder: /tmp and the rest may then be anything.
"""

from dataclasses import dataclass

from static_runs import NOBODY, PARTIAL

OWN_MOUNTS = """
set -e
program=$1 out=$2; shift 2
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/here /mnt/out
cp "$program" /mnt/here/diagbundle
mount --bind "$out" /mnt/out
"""
LIMITED_MEMORY = """
set -e
group=$1; shift
mkdir "$group"
echo 134217728 >"$group/memory.limit_in_bytes" 2>/dev/null || echo 134217728 >"$group/memory.max"
status=0; (echo 0 >"$group/cgroup.procs"; exec "$@") || status=$?
cat "$group/memory.oom_control" "$group/memory.events" >&2 2>/dev/null || :
rmdir "$group"
exit $status
"""
READ_ONLY = """
for folder in /tmp /var/tmp /run /root /dev/shm; do mount -t tmpfs -o ro tmpfs $folder; done
mount -o remount,bind,ro /mnt; mount -o remount,bind,ro /
! touch /x /mnt/x /tmp/x 2>/dev/null
"""


@dataclass(frozen=True)
class Place:
    """A shell script, or the words before the program; and the exit."""

    mounts: str = ""
    words: tuple[str, ...] = ()
    code: int = 0


def shell(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script, "sh")


WORDS = {
    "64 descriptors": Place(words=("prlimit", "--nofile=64")),
    "20 descriptors": Place(words=("prlimit", "--nofile=20")),
    "64 MB of address space": Place(words=("prlimit", f"--as={64 << 20}")),
    "no further process": Place(words=(*NOBODY, "prlimit", "--nproc=1"), code=PARTIAL),
    "files of at most 1 MB": Place(words=("prlimit", f"--fsize={1 << 20}")),
    "no core, no stack to speak of": Place(words=("prlimit", "--core=0", f"--stack={256 << 10}")),
    "as nobody": Place(words=NOBODY),
    "stdin closed": Place(words=shell('exec "$@" <&-')),
    "stdin, stdout, stderr closed": Place(words=shell('exec "$@" <&- >&- 2>&-')),
    "stdout and stderr full": Place(words=shell('exec "$@" >/dev/full 2>&1')),
    "the working directory is gone": Place(words=shell('here=$(mktemp -d); cd "$here"; rmdir "$here"; exec "$@"')),
    "umask 0777": Place(words=shell('umask 0777; exec "$@"')),
}
MOUNTS = {
    "/tmp is noexec": Place("for f in /tmp /var/tmp /dev/shm /home; do mount -t tmpfs -o noexec,nosuid,nodev tmpfs $f; done"),
    "/tmp is full": Place(
        "for f in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o size=4k tmpfs $f; cat /dev/zero >$f/x 2>/dev/null || :; done"
    ),
    "everything is read-only": Place(READ_ONLY),
    "no /proc": Place("mount -t tmpfs tmpfs /proc", code=PARTIAL),
    "no /sys": Place("mount -t tmpfs tmpfs /sys", code=PARTIAL),
    "no /dev/null": Place("mount -t tmpfs tmpfs /dev"),
    "/dev/null is a file": Place("mount -t tmpfs tmpfs /dev; echo text >/dev/null"),
    "no /etc": Place("mount -t tmpfs tmpfs /etc"),
}
