"""Programs that are started anew again and again, by whom ever: told by the start times of their processes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import Finding, Severity, rule, seconds_between
from diagbundle.analyse.facts.services import Incarnation

READINGS = 3
"""The first one, the whole table, the last one."""
FLEETING = re.compile(
    r"sleep|.*sh|ps|top|cat|ls|awk|gawk|mawk|sed|grep|find|tail|head|cut|sort|wc|tr|date|timeout|xargs|stat|df|du|ss|ip|nc|ping6?"
    r"|fping|curl|wget|rsync|ssh|scp"
    r"|sshd.*|sftp-server|cron|crond|CRON|run-parts|anacron|sudo|su|git.*|make|cc1.*|gcc|cc|ld|as|go|rustc|cargo|systemctl|journalctl"
    r"|systemd-.*|\(.*\)|iostat|vmstat"
    r"|mpstat|sar|sadc|pidstat|postgres|postmaster|oracle.*|ora_.*|apache2|httpd|nginx|php-fpm.*|diagbundle.*|udev-worker|runc.*|crun"
    r"|conmon|containerd-shim.*|docker.*"
    r"|podman|kubectl|crictl|iptables.*|nft|ethtool|chronyc|ntpq|lsof|smtpd|cleanup|local|bounce|trivial-rewrite|proxymap|anvil"
    r"|imap.*|pop3.*|lmtp|dovecot.*|pytest.*|test_.*",
    re.IGNORECASE,
)
"""What lives shortly by its nature: tools in loops of shells, servers with a process for each connection."""


@rule("SVC004", "programs that are started anew again and again", Incarnation)
def respawned(seen: Sequence[Incarnation]) -> Iterator[Finding]:
    """A program had one process at each of three readings within seconds, and each time it was another one: it ends soon after each start.

    This shows restart loops that no manager counts: a script with a loop, an own supervisor, inittab. Found where the process of that
    name has another start time at the first reading, in the table of all processes, and at the last reading. Shells, usual tools and
    servers that have a process for each connection are left out. What to do: read the program's own log for why it ends.
    """
    by_name: dict[str, list[Incarnation]] = {}
    for each in seen:
        if not each.is_kernel and each.name and not FLEETING.fullmatch(each.name):
            by_name.setdefault(each.name, []).append(each)
    kernel = {(each.pid, each.ticks) for each in seen if each.is_kernel}
    for name, all_of_it in by_name.items():
        those = [each for each in all_of_it if (each.pid, each.ticks) not in kernel]
        readings = {each.reading for each in those}
        starts = {each.ticks for each in those}
        if len(readings) == READINGS and len(those) == READINGS and len(starts) == READINGS:
            yield _finding(name, sorted(those, key=lambda each: each.ticks))


def _finding(name: str, those: Sequence[Incarnation]) -> Finding:
    seconds = seconds_between(those[0], those[-1])
    command = next((each.command for each in those if each.command), name)
    window = f" within {seconds:.0f} s" if seconds else ""
    return Finding(
        Severity.WARNING,
        f"{name} is started again and again: {len(those)} different processes{window}",
        tuple(each.origin for each in those),
        f"Read the log of {name} for why it ends so soon after its start",
        detail=f"its command line: {command[:200]}",
        subject=name,
    )
