"""What may deny: SELinux, AppArmor, the firewall."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.claims.claim import Answer, compared, kind, unknown
from diagbundle.analyse.claims.desk import Desk
from diagbundle.analyse.evidence.document import Line
from diagbundle.analyse.verdict import Origin

_OFF = re.compile(r"(?i)\b(?:off|disabled?|stopped|inactive|no|none|down|false|not (?:running|active|enabled|on|used))\b")


def says_off(value: str) -> bool:
    """Whether a claim says that something is off: `disabled`, `not active`; `not disabled` does not."""
    return not re.match(r"(?i)\s*not (?:off|disabled|stopped|inactive|down)", value) and _OFF.search(value) is not None


@kind("selinux", "mode of SELinux", "selinux=disabled", "se linux, selinux mode, selinux status")
def selinux(value: str, desk: Desk) -> Answer:
    """Compared with the mode in force; one that is only configured is told, it comes with the next start."""
    mode, origin = _selinux(desk)
    if not mode or origin is None:
        return unknown(
            desk.why("the mode of SELinux", "sys/fs/selinux/enforce", "diagbundle/tables/security", "sos_commands/selinux/sestatus*")
        )
    configured = desk.find(r"^\s*SELINUX\s*=\s*(\w+)", "etc/selinux/config", "etc/sysconfig/selinux")
    origins = [origin, *([configured[1].origin] if configured else [])]
    later = (
        f" (its configuration says {configured[0][1].lower()}, which comes with the next start)"
        if configured and configured[0][1].lower() != mode and mode != "disabled"
        else ""
    )
    said = _mode(value)
    if said is None:
        return unknown(f"{value!r} is no mode of SELinux; it is {mode}", origins)
    return compared(mode in said, f"SELinux is {mode}{later}", origins)


_MODES = (
    (r"enforc|^1$", {"enforcing"}), (r"permissive|^0$", {"permissive"}),
    (r"^(?:not )?(?:enabled|on|active|yes)\b", {"enforcing", "permissive"}),
)  # fmt: skip


def _mode(value: str) -> set[str] | None:
    """The modes that a claim allows; None where it names none."""
    word = value.strip().lower()
    modes = next((modes for pattern, modes in _MODES if re.search(pattern, word)), None)
    if modes is None and _OFF.search(word):
        modes = {"disabled"}
    return {"enforcing", "permissive", "disabled"} - modes if modes and word.startswith("not ") else modes


def _selinux(desk: Desk) -> tuple[str, Origin | None]:
    if enforce := desk.find(r"^\s*([01])\s*$", "sys/fs/selinux/enforce"):
        return ("enforcing" if enforce[0][1] == "1" else "permissive"), enforce[1].origin
    for row in desk.rows("diagbundle/tables/security"):
        if row.text("guard") == "selinux" and row.text("mode"):
            return row.text("mode").lower(), row.origin
    for pattern, where in (
        (r"^Current mode:\s+(\w+)", "sos_commands/selinux/sestatus*"),
        (r"^SELinux status:\s+(disabled)", "sos_commands/selinux/sestatus*"),
        (r"(?i)^(enforcing|permissive|disabled)\s*$", "sos_commands/selinux/getenforce"),
    ):
        if found := desk.find(pattern, where):
            return found[0][1].lower(), found[1].origin
    if found := desk.find(r"\b(selinux)=0\b", "proc/cmdline"):
        return "disabled", found[1].origin
    return "", None


@kind("apparmor", "whether AppArmor is on", "apparmor=disabled", "app armor")
def apparmor(value: str, desk: Desk) -> Answer:
    """Compared with what the kernel says of it, and with the profiles that are loaded."""
    is_on, origin = _apparmor(desk)
    if is_on is None or origin is None:
        return unknown(desk.why("whether AppArmor is on", "sys/module/apparmor/parameters/enabled", "diagbundle/tables/security"))
    return compared(is_on is not says_off(value), f"AppArmor is {'on' if is_on else 'off'}", [origin])


def _apparmor(desk: Desk) -> tuple[bool | None, Origin | None]:
    if enabled := desk.find(r"^([YN])\s*$", "sys/module/apparmor/parameters/enabled"):
        return enabled[0][1] == "Y", enabled[1].origin
    for row in desk.rows("diagbundle/tables/security"):
        if row.text("guard") == "apparmor":
            return bool(row["enabled"]), row.origin
    if status := desk.find(
        r"apparmor module is (not )?loaded|(\d+) profiles are loaded",
        "sos_commands/apparmor/apparmor_status",
        "sos_commands/apparmor/aa-status",
    ):
        return not status[0][1], status[1].origin
    return None, None


@kind("firewall", "whether a firewall filters", "firewall=off", "firewalld, iptables, nftables, ufw, packet filter")
def firewall(value: str, desk: Desk) -> Answer:
    """Compared with the rules that are loaded: whether any of them drops or rejects, whichever program loaded it.

    `firewall=port 443 open` is compared with a rule that names the port.
    """
    if port := re.search(r"\b(\d{2,5})\b", value):
        return _port(value, port[1], desk)
    rules = list(_denying(desk))
    states = list(_states(desk))
    asked = desk.documents(
        "sos_commands/firewall_tables/nft_*list_ruleset",
        "sos_commands/firewall_tables/*tables*save*",
        "sos_commands/firewalld/firewall-cmd_--state",
    )
    if rules:
        names = " and ".join(dict.fromkeys(name for name, is_on, _ in states if is_on))
        many = "1 rule or policy drops or rejects" if len(rules) == 1 else f"{len(rules):,} rules or policies drop or reject"
        sentence = f"packets are filtered{f' by {names}' if names else ''}: {many}"
        return compared(not says_off(value), sentence, [rules[0].origin, *(line.origin for _, is_on, line in states if is_on)])
    if any(is_on for _, is_on, _ in states):
        name, _, line = next(each for each in states if each[1])
        return compared(not says_off(value), f"{name} is active", [line.origin])
    looked = next(asked, None)
    if looked is None and not states:
        return unknown(desk.why("whether a firewall filters", "sos_commands/firewall_tables/*", "sos_commands/firewalld/*"))
    origins = [*(line.origin for _, _, line in states), *([looked.origin(0, "no rule that drops or rejects")] if looked else [])]
    return compared(says_off(value), "no loaded rule drops or rejects packets", origins)


def _states(desk: Desk) -> Iterator[tuple[str, bool, Line]]:
    if found := desk.find(r"^(not )?running", "sos_commands/firewalld/firewall-cmd_--state", "sos_commands/*/firewall-cmd_--state"):
        yield "firewalld", not found[0][1], found[1]
    if found := desk.find(r"^Status: (in)?active", "sos_commands/ufw/ufw_status*", "sos_commands/*/ufw_status*"):
        yield "ufw", not found[0][1], found[1]


_ENGINES = re.compile(r"DOCKER|KUBE|CNI|LIBVIRT|cali-|CILIUM|FLANNEL|NETAVARK|FORWARD|forward|CROWDSEC", re.IGNORECASE)
"""Chains that container engines, hypervisors and their networks fill: no firewall of the host."""


def _denying(desk: Desk) -> Iterator[Line]:
    """The rules and policies that drop or reject what comes to this host or leaves it."""
    chain = ""
    for line in desk.lines(
        "sos_commands/firewall_tables/nft_-a_list_ruleset",
        "sos_commands/firewall_tables/nft_list_ruleset",
        "sos_commands/*/nft_list_ruleset",
    ):
        if found := re.match(r"\s*chain (\S+) \{", line):
            chain = found[1]
        elif re.search(r"\bhook (?:forward|prerouting|postrouting)\b", line):
            chain = "FORWARD"
        elif not _ENGINES.match(chain) and re.search(
            r"\bpolicy drop\b|^\s+(?:[^#\n\"]* )?(?:drop|reject)(?: with [^#]*)?(?:\s*(?:#"
            r"|comment).*)?$",
            line,
        ):
            yield line
    for found, line in desk.find_all(
        r"^:(INPUT|OUTPUT) (?:DROP|REJECT)|^(?:\[\d+:\d+\] )?-A (\S+) .*-j (?:DROP|REJECT)\b",
        "sos_commands/firewall_tables/*tables-save*",
        "sos_commands/*/*tables-save*",
    ):
        if not _ENGINES.match(found[1] or found[2]):
            yield line


def _port(value: str, port: str, desk: Desk) -> Answer:
    is_open = not re.search(r"(?i)\b(?:closed|blocked|dropped|denied|rejected|not (?:open|allowed))\b", value)
    allowed = desk.find(
        rf"(?i)(?:dport|--dports?|ports?:)[^\n]*\b{port}\b[^\n]*\b(?:accept|ACCEPT)|^\s*ports:.*\b{port}/|^{port}(?:/tcp|/udp)?\s+ALLOW",
        *_TABLES,
    )
    denied = desk.find(rf"(?i)(?:dport|--dports?)[^\n]*\b{port}\b[^\n]*\b(?:drop|reject)|^{port}(?:/tcp|/udp)?\s+(?:DENY|REJECT)", *_TABLES)
    if denied:
        return compared(not is_open, f"a rule drops or rejects port {port}", [denied[1].origin])
    if allowed:
        return compared(is_open, f"a rule lets port {port} through", [allowed[1].origin])
    rules = list(_denying(desk))
    if guard := next((each for each in _states(desk) if each[1]), None):
        return _unnamed(guard, port, is_open, desk)
    if not rules and (looked := next(desk.documents(*_TABLES), None)):
        return compared(
            is_open, f"no loaded rule drops or rejects packets, to port {port} either", [looked.origin(0, "no rule that drops or rejects")]
        )
    if not rules:
        return unknown(desk.why("what the firewall does", *_TABLES))
    return unknown(f"no rule names port {port}; what drops or rejects otherwise: {len(rules):,}", [rules[0].origin])


def _unnamed(guard: tuple[str, bool, Line], port: str, is_open: bool, desk: Desk) -> Answer:  # noqa: FBT001  # what is claimed
    """Of a port that no rule names, while a firewall runs that lets in only what is named."""
    default = desk.find(r"^Default: (deny|reject|allow) \(incoming\)", "sos_commands/ufw/ufw_status*", "sos_commands/*/ufw_status*")
    if guard[0] == "ufw" and default:
        allows = default[0][1] == "allow"
        return compared(
            allows is is_open, f"no rule names port {port}, and ufw {'allows' if allows else 'denies'} what none names", [default[1].origin]
        )
    return unknown(f"no rule names port {port}; {guard[0]} is active, and may let it in as a service of its zone", [guard[2].origin])


_TABLES = (
    "sos_commands/firewall_tables/nft_-a_list_ruleset", "sos_commands/firewall_tables/nft_list_ruleset",
    "sos_commands/firewall_tables/*tables-save*", "sos_commands/firewalld/firewall-cmd_--list-all-zones", "sos_commands/ufw/ufw_status*",
    "sos_commands/*/nft_list_ruleset",
)  # fmt: skip
