"""Modes, owners and flags of the folders, nodes and files that every host needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from diagbundle.analyse.api import Finding, Origin, Severity, Undecided, latest, rule
from diagbundle.analyse.facts.clock import Surroundings
from diagbundle.analyse.facts.places import Place
from diagbundle.analyse.facts.products import Denied
from diagbundle.analyse.facts.rooms import is_below
from diagbundle.analyse.facts.system import Process, running

EVERYBODY = {"/tmp": 0o1777, "/var/tmp": 0o1777, "/dev/shm": 0o1777}  # noqa: S108  # names, nothing is opened
"""Folders in which everybody may create files, and nobody may delete those of others."""
NODES = {
    "/dev/null": "1:3", "/dev/zero": "1:5", "/dev/full": "1:7", "/dev/random": "1:8", "/dev/urandom": "1:9", "/dev/tty": "5:0",
}  # fmt: skip
ENTERED = {
    "/", "/bin", "/dev", "/etc", "/lib", "/lib64", "/run", "/usr", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/share", "/var", "/var/lib",
    "/etc/ssl/certs",
}  # fmt: skip
"""Folders that every program passes through."""
READ = {
    "/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/localtime",
    "/etc/services", "/etc/protocols", "/etc/ld.so.cache", "/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/etc/krb5.conf",
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
}  # fmt: skip
"""Files that the libraries of every program read."""
OF_ROOT = ENTERED | {
    "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudo.conf", "/etc/sudoers.d", "/etc/ssh",
    "/etc/pam.d", "/etc/crontab", "/etc/cron.d", "/etc/systemd/system", "/run/sshd", "/var/empty/sshd", "/usr/sbin", "/sbin",
}  # fmt: skip
"""What only root may change: sudo, sshd, cron and systemd-tmpfiles refuse to work where it is otherwise."""
KEYS = ("/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key")
SETUID = ("/usr/bin/sudo",)
NOBODY = 65534
"""Whose owner is unknown in a user namespace."""
SHOWN = 4
NOTHING = "nothing"
Wrong = tuple[Place, str, str]
"""What is wrong with it, and the command that mends it."""


@rule("SEC008", "modes and owners of what every host needs", Place, uses=(Denied, Process, Surroundings))
def modes(
    places: Sequence[Place], denials: Sequence[Denied], processes: Sequence[Process], around: Sequence[Surroundings]
) -> Iterator[Finding]:
    """A folder, a node or a file that every program relies on has lost its mode or its owner: mostly a `chmod -R` or `chown -R` too many.

    Judged are /tmp, /var/tmp, /dev/shm (1777: everybody may create files), /dev/null and its like (nodes with 0666), the folders that
    every program passes through (x for others), the files that every program reads (r for others: resolv.conf, passwd, nsswitch.conf),
    what only root may change (sudo, sshd and cron refuse it otherwise), setuid of sudo, and keys of sshd that others can read.
    Critical where /dev/null is no node, or a folder of programs or libraries is closed; else a warning. A note in a container where
    all processes are root's, and where only the sticky bit of /tmp is missing. What to do: as the advice says; then
    look for more of it (`rpm -Va`, `debsums`), and who did it.
    """
    known = {each.path: each for each in sorted(latest(places), key=lambda each: each.origin.path, reverse=True)}
    found = False
    inside = any(each.container for each in around)
    alone = inside and bool(processes) and not any(each.uid > 0 for each in running(processes))
    # /bin may be a link to /usr/bin, which is told by its own name
    those = [each for each in known.values() if each.kind != "link" and not (each.is_link and each.path in ENTERED)]
    for judge, severity in _JUDGES:
        wrong = [one for each in those if (one := judge(each))]
        if wrong:
            said = [each.origin for each in denials if any(each.path and is_below(each.path, place.path) for place, _, _ in wrong)]
            softer = alone and not said and judge is not _node
            found = True
            yield _finding(wrong, Severity.NOTE if softer else severity, said)
    if not found and not _asked(places):
        raise Undecided(UNASKED)


UNASKED = "only /dev was listed, the modes of other folders and files were not collected"


def _asked(places: Sequence[Place]) -> bool:
    """Whether we asked ourselves: listings of other tools tell of /dev alone."""
    return any(not each.path.startswith("/dev/") for each in places)


def _shared(place: Place) -> Wrong | None:
    right = EVERYBODY.get(place.path)
    if right is None or (place.kind == "folder" and place.mode & 0o003 == 0o003):
        return None
    if place.kind == NOTHING:
        return place, f"{place.path} does not exist", f"`mkdir -m 1777 {place.path}`"
    if place.kind != "folder":
        return place, f"{place.path} is no folder but a {place.kind}", f"move it away, then `mkdir -m 1777 {place.path}`"
    who = "only root can" if place.uid == 0 and place.mode & 0o030 != 0o030 else "not everybody can"
    return place, f"{place.path} has mode {place.octal}: {who} create files there (1777 is right)", f"`chmod 1777 {place.path}`"


def _sticky(place: Place) -> Wrong | None:
    if place.path not in EVERYBODY or place.kind != "folder" or place.mode & 0o1003 != 0o003:
        return None
    return place, f"{place.path} has mode {place.octal}: everybody can delete files of others there", f"`chmod 1777 {place.path}`"


def _node(place: Place) -> Wrong | None:
    right = NODES.get(place.path, "")
    # /dev/random is made a second /dev/urandom on purpose, where waiting for chance is not wanted
    if not right or (place.kind == "character device" and (place.device in (right, "") or place.path == "/dev/random")):
        return None
    is_node = place.kind == "character device"
    what = f"is another device ({place.device})" if is_node else f"is no device but a {place.kind}"
    effect = (
        "scripts and daemons fill it, read from it, or may not write to it" if place.path == "/dev/null" else "programs that use it fail"
    )
    if place.kind == NOTHING:
        what, effect = "does not exist", "programs that use it fail"
    make = f"mknod -m 666 {place.path} c {right.replace(':', ' ')}"
    return place, f"{place.path} {what}: {effect}", f"`rm -f {place.path}; {make}`"


def _open_node(place: Place) -> Wrong | None:
    if place.path not in NODES or place.kind != "character device" or place.mode & 0o006 == 0o006:
        return None
    return (
        place,
        f"{place.path} has mode {place.octal}: programs that are not root's cannot use it (0666 is right)",
        f"`chmod 666 {place.path}`",
    )


def _closed(place: Place) -> Wrong | None:
    if place.path not in ENTERED or place.kind != "folder" or place.mode & 0o001:
        return None
    return place, f"{place.path} has mode {place.octal}: nobody but root can go through it (0755 is right)", f"`chmod 755 {place.path}`"


def _unread(place: Place) -> Wrong | None:
    if place.path not in READ or place.kind != "file" or place.mode & 0o004:
        return None
    return place, f"{place.path} has mode {place.octal}: only root can read it (0644 is right)", f"`chmod 644 {place.path}`"


def _written(place: Place) -> Wrong | None:
    if place.path not in OF_ROOT or place.kind not in ("file", "folder") or not place.mode & 0o002:
        return None
    return place, f"{place.path} has mode {place.octal}: everybody can change it", f"`chmod o-w {place.path}`"


def _owned(place: Place) -> Wrong | None:
    if place.path not in OF_ROOT | set(SETUID) or place.uid in (0, NOBODY):
        return None
    return place, f"{place.path} belongs to user {place.uid}, not to root", f"`chown root {place.path}`"


def _powerless(place: Place) -> Wrong | None:
    if place.path not in SETUID or place.kind != "file" or place.is_link or place.mode & 0o4000:
        return None
    return place, f"{place.path} has mode {place.octal}: without setuid it does nothing for users", f"`chmod 4755 {place.path}`"


def _public(place: Place) -> Wrong | None:
    if place.path not in KEYS or not place.mode & 0o007:
        return None
    return place, f"{place.path} has mode {place.octal}: sshd refuses a key that others can read", f"`chmod 600 {place.path}`"


_JUDGES = (
    (_shared, Severity.WARNING), (_sticky, Severity.NOTE), (_node, Severity.CRITICAL), (_open_node, Severity.WARNING),
    (_closed, Severity.CRITICAL), (_unread, Severity.WARNING), (_written, Severity.WARNING), (_owned, Severity.WARNING),
    (_powerless, Severity.WARNING), (_public, Severity.WARNING),
)  # fmt: skip


def _finding(wrong: Sequence[Wrong], severity: Severity, said: Sequence[Origin]) -> Finding:
    wrong = sorted(wrong, key=lambda each: len(each[0].path))
    first = wrong[0][0]
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return Finding(
        severity,
        f"{wrong[0][1]}{more}",
        (*(place.origin for place, _, _ in wrong[:SHOWN]), *said[-2:]),
        f"{', '.join(how for _, _, how in wrong[:SHOWN])}; then look what else was changed with it (`rpm -Va`, `debsums -as`), and by whom",
        detail="; ".join(what for _, what, _ in wrong[1:10]),
        subject=first.path,
        since=first.changed,
    )


_CHANGING = "/ /etc /run /tmp /var /var/tmp /var/lib /var/log /var/cache /var/spool /dev/shm /var/lock /run/lock"
"""Folders in which files come and go."""


@rule("SEC009", "files that nobody can change", Place, uses=(Denied,))
def immutable(places: Sequence[Place], denials: Sequence[Denied]) -> Iterator[Finding]:
    """A file or folder has the flag immutable or append-only (`chattr +i`, `+a`): root cannot change, rename or delete it either.

    A note: hosts are hardened so on purpose, and /etc/resolv.conf is often kept so from DHCP. A warning where a program was refused
    there ("Operation not permitted"), and for folders in which files come and go. `lsattr -d PATH` shows it, `chattr -ia PATH` lifts it.
    """
    if not _asked(places):
        raise Undecided(UNASKED)
    held = [each for each in latest(places) if each.flags.strip("?")]
    refused = {
        each.path: [one for one in denials if one.is_forbidden and is_below(one.path, each.path)] for each in held if each.path != "/"
    }
    loud = [each for each in held if refused.get(each.path) or (each.path in _CHANGING.split() and each.kind == "folder")]
    for severity, those in ((Severity.WARNING, loud), (Severity.NOTE, [each for each in held if each not in loud])):
        if not those:
            continue
        names = ", ".join(each.path for each in those[:SHOWN]) + (f" and {len(those) - SHOWN} more" if len(those) > SHOWN else "")
        every = {flag for each in those for flag in each.flags}
        joint = " and " if all(every == set(each.flags) for each in those) else " or "
        how = joint.join(word for flag, word in (("i", "immutable"), ("a", "append-only")) if flag in every)
        chattr = "".join(sorted(every, reverse=True))
        said = [one for each in those for one in refused.get(each.path, [])]
        yield Finding(
            severity,
            f"{names} {'is' if len(those) == 1 else 'are'} {how} (chattr +{chattr}): root cannot change it either"
            + (f"; {said[-1].who} was refused" if said and said[-1].who else ""),
            (*(each.origin for each in those[:SHOWN]), *(one.origin for one in said[-2:])),
            f"If that is not meant, `chattr -ia {those[0].path}`; if it is, leave it out of what changes it"
            if severity is Severity.WARNING
            else "Nothing, if it is meant; else `chattr -ia` lifts it",
            detail=f"since {_day(those[0])} at the latest" if those[0].changed else "",
            subject=those[0].path,
            since=those[0].changed,
        )


def _day(place: Place) -> str:
    try:
        return f"{datetime.fromtimestamp(place.changed, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, OSError, ValueError):
        return "an unknown time"
