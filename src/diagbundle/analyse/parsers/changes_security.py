"""SELinux, AppArmor, audit and firewall: what the kernel's audit says, wherever it was written down."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Event, log_parser
from diagbundle.analyse.facts.change import APPARMOR, AUDIT, FIREWALL, PACKAGE, SELINUX, SERVICE, USER, Change

_STAMP = re.compile(r"audit\((\d{9,11}(?:\.\d{1,9})?):\d+\)")
_WORD = re.compile(r"([\w-]+)=(\"[^\"]*\"|'[^']*'|[^\s'\"]+)")
_UNSET = {"4294967295", "unset", "-1", ""}
_MODES = {"1": "enforcing", "0": "permissive"}
_USERS = {
    "ADD_USER": "added", "DEL_USER": "deleted", "ADD_GROUP": "added as a group", "DEL_GROUP": "deleted as a group",
    "USER_CHAUTHTOK": "given another password", "ACCT_LOCK": "locked", "ACCT_UNLOCK": "unlocked",
    "USER_MGMT": "changed", "GRP_MGMT": "changed",
}  # fmt: skip
_DAEMONS = re.compile(
    r"(Reload(?:ing|ed)|Start(?:ing|ed)|Stopp(?:ing|ed)) "
    r"(firewalld|nftables|ip6?tables|ufw|netfilter-persistent|SuSEfirewall2|shorewall|nftables\.service)\b"
)


def _words(text: str) -> dict[str, str]:
    return {name: value.strip("\"'") for name, value in _WORD.findall(text)}


def _time(event: Event) -> float:
    found = _STAMP.search(event.text)
    return float(found[1]) if found else event.time


def _by(words: dict[str, str]) -> str:
    """Who: the user that logged in, and the program."""
    who = words.get("AUID") or words.get("auid", "")
    program = words.get("comm") or words.get("exe", "").rpartition("/")[2]
    if who in _UNSET:
        return program
    return f"{f'user {who}' if who.isdecimal() else who}{f' with {program}' if program else ''}"


def _change(event: Event, kind: str, what: str, action: str, versions: tuple[str, str] = ("", "")) -> Change:
    certainty = "certain" if _STAMP.search(event.text) else event.certainty
    return Change(_time(event), kind, what, action, *versions, _by(_words(event.text)), certainty, origin=event.origin)


@log_parser(Change, "mac_status", "type=1404", "setenforce notice")
def selinux_mode(event: Event) -> Iterator[Change]:
    """`enforcing=1 old_enforcing=0`: the switch itself. Without auditd the kernel says it as type=1404."""
    words = _words(event.text)
    now, before = words.get("enforcing", ""), words.get("old_enforcing", "")
    if words.get("enabled") == "0" and words.get("old-enabled") == "1":
        yield _change(event, SELINUX, "SELinux", "disabled")
    elif now in _MODES and now != before:
        yield _change(event, SELINUX, "SELinux", f"set to {_MODES[now]}", (_MODES.get(before, ""), _MODES[now]))


@log_parser(Change, "mac_config_change", "type=1405")
def selinux_boolean(event: Event) -> Iterator[Change]:
    """`bool=httpd_can_network_connect val=0 old_val=1`."""
    words = _words(event.text)
    if words.get("bool") and words.get("val") != words.get("old_val"):
        yield _change(event, SELINUX, f"SELinux boolean {words['bool']}", "set", (words.get("old_val", ""), words.get("val", "")))


@log_parser(Change, "mac_policy_load", "type=1403")
def selinux_policy(event: Event) -> Iterator[Change]:
    """A policy was loaded: at boot, and when a module or a boolean was changed for good."""
    yield _change(event, SELINUX, "SELinux policy", "loaded")


@log_parser(Change, "profile_replace", "profile_remove", "profile_load")
def apparmor(event: Event) -> Iterator[Change]:
    """`operation="profile_replace" … name="/usr/sbin/mysqld"`. Docker and snapd load theirs as a matter of course."""
    words = _words(event.text)
    done = {"profile_replace": "replaced", "profile_remove": "removed", "profile_load": "loaded"}.get(words.get("operation", ""))
    if done and not re.match(r"docker-|snap[.-]|/snap/|lxc-|cri-|kubernetes", words.get("name", "")):
        yield _change(event, APPARMOR, f"AppArmor profile {words.get('name', '')}".strip(), done)


@log_parser(Change, "type=config_change", "type=1305")
def audit_rules(event: Event) -> Iterator[Change]:
    """Rules of the audit and its switch."""
    words = _words(event.text)
    switch = next((name for name in ("audit_enabled", "audit_pid", "audit_failure", "audit_backlog_limit") if name in words), "")
    if switch == "audit_enabled" and words[switch] != words.get("old"):
        yield _change(event, AUDIT, "the audit", "switched off" if words[switch] == "0" else "switched on")
    elif words.get("op", "") in {"add_rule", "remove_rule"}:
        yield _change(event, AUDIT, "audit rules", "changed")


@log_parser(Change, "netfilter_cfg", "type=1325")
def netfilter(event: Event) -> Iterator[Change]:
    """Rules of a packet filter were changed: `table=filter:12 … op=nft_register_rule … comm="nft"`."""
    words = _words(event.text)
    yield _change(event, FIREWALL, "the packet filter's rules", "changed", ("", words.get("table", "").partition(":")[0]))


@log_parser(Change, "firewalld", "nftables", "iptables", "netfilter-persistent", "susefirewall2")
def firewall_services(event: Event) -> Iterator[Change]:
    """What systemd does with the services that load rules."""
    if event.facility == "systemd" and (found := _DAEMONS.match(event.text)) and found[1].endswith("ed"):
        yield Change(
            event.time, FIREWALL, found[2].removesuffix(".service"), found[1].lower(), certainty=event.certainty, origin=event.origin
        )


@log_parser(Change, "type=service_st", "service_start ", "service_stop ")
def services(event: Event) -> Iterator[Change]:
    """Services that systemd started and stopped."""
    found = re.search(r"\bSERVICE_(START|STOP)\b", event.text)
    unit = re.search(r"\bunit=([^\s\"']+)", event.text)
    if found and unit:
        result = "failed" if "res=failed" in event.text else ""
        action = "started" if found[1] == "START" else "stopped"
        certainty = "certain" if _STAMP.search(event.text) else event.certainty
        yield Change(_time(event), SERVICE, unit[1], action, "", result, certainty=certainty, origin=event.origin)


@log_parser(Change, "type=software_update")
def software(event: Event) -> Iterator[Change]:
    """Rpm's own word to the audit: `op=update sw="openssl-libs-3.0.7-27.el9.x86_64"`."""
    words = _words(event.text.replace("msg='", " "))
    found = re.fullmatch(r"(.+)-([^-]+-[^-]+?)(?:\.(?:noarch|x86_64|aarch64|i686|s390x|ppc64le))?", words.get("sw", ""))
    action = {"install": "installed", "update": "upgraded", "remove": "removed"}.get(words.get("op", ""))
    if found and action:
        old, new = (found[2], "") if action == "removed" else ("", found[2])
        yield _change(event, PACKAGE, found[1], action, (old, new))


@log_parser(Change, "add_user", "del_user", "add_group", "del_group", "user_mgmt", "grp_mgmt", "user_chauthtok", "acct_lock", "acct_unlock")
def audit_users(event: Event) -> Iterator[Change]:
    """Users and groups, as the tools that change them tell the audit."""
    found = re.search(rf"\b({'|'.join(_USERS)})\b", event.text)
    words = _words(event.text.replace("msg='", " "))
    name = words.get("acct") or words.get("ID") or words.get("id", "")
    if found and "res=success" in event.text and "PAM:" not in event.text.replace("PAM:chauthtok", ""):
        yield _change(event, USER, f"user {name}".strip(), _USERS[found[1]])
