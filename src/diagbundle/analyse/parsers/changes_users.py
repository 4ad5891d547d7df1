"""Users and groups: what the tools that change them write into the log."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Event, log_parser
from diagbundle.analyse.facts.change import USER, Change

_SAID = tuple(
    (re.compile(pattern), what, action)
    for pattern, what, action in (
        (r"\Anew user: name=([^,\s]+)", "user {0}", "added"),
        (r"\Anew account added - account=([^,\s]+)", "user {0}", "added"),
        (r"\Anew group: name=([^,\s]+)", "group {0}", "added"),
        (r"\Adelete user '([^']+)'", "user {0}", "deleted"),
        (r"\Agroup '([^']+)' removed\s*\Z", "group {0}", "deleted"),
        (r"\Aadd '([^']+)' to group '([^']+)'", "user {0}", "added to the group {1}"),
        (r"\Auser (\S+) added by \S+ to group (\S+)", "user {0}", "added to the group {1}"),
        (r"\Adelete '([^']+)' from group '([^']+)'", "user {0}", "taken out of the group {1}"),
        (r"\Achange user '([^']+)' (\S+)", "user {0}", "changed ({1})"),
        (r"\Alock user '([^']+)'", "user {0}", "locked"),
        (r"\Aunlock user '([^']+)'", "user {0}", "unlocked"),
        (r"password (?:for '([^']+)' changed|changed for (\S+))", "user {0}", "given another password"),
    )
)
_TOOLS = {
    "useradd",
    "userdel",
    "usermod",
    "groupadd",
    "groupdel",
    "groupmod",
    "gpasswd",
    "passwd",
    "chage",
    "chpasswd",
    "adduser",
    "deluser",
    "chsh",
    "systemd-sysusers",
}


@log_parser(
    Change, "new user: name=", "new account added", "new group: name=", "delete user '", "' removed", "to group '", "from group '",
    "change user '", "lock user '", "added by ", "password changed for", "password for '",
)  # fmt: skip
def users(event: Event) -> Iterator[Change]:
    """useradd, usermod, userdel, gpasswd, passwd and their like."""
    if event.facility not in _TOOLS or not event.time:
        return
    for pattern, what, action in _SAID:
        if found := pattern.search(event.text):
            words = [word for word in found.groups() if word]
            yield Change(
                event.time,
                USER,
                what.format(*words),
                action.format(*words),
                by=event.facility,
                certainty=event.certainty,
                origin=event.origin,
            )
            return
