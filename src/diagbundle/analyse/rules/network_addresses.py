"""Addresses that are missing, or that another host has."""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.analyse.api import Finding, Severity, Undecided, latest, rule
from diagbundle.analyse.facts.network import INNER, Address, Nic, NicSetting, links


@rule("NET028", "addresses of this host", Address, uses=(Nic, NicSetting))
def no_address(addresses: list[Address], nics: list[Nic], settings: list[NicSetting]) -> Iterator[Finding]:
    """An interface has a link, but no interface of this host has an address: nobody can talk to it.

    Critical. Addresses of the loopback and link-local ones (169.254…, fe80…) do not count, and only interfaces that lead out of the machine
    do. A host whose interfaces are all switched off or without a link is judged elsewhere.
    Look why none was set: the DHCP client and its log (`journalctl -u NetworkManager`, `-u systemd-networkd`), a configuration for an
    interface of another name, somebody's `ip addr flush`. To try: `ip addr add ADDRESS/PREFIX dev NIC`.
    """
    wires = [nic for nic in links(nics, settings).values() if nic.is_wire and nic.works and not nic.master]
    here = latest(addresses)
    if not wires or not here or any(each.is_global for each in here):
        return
    if all(each.origin.path.endswith("proc/net/if_inet6") for each in here):
        raise Undecided("only IPv6 addresses were collected: `ip` is missing there")
    only = [each for each in here if each.nic in {nic.name for nic in wires}] or here
    yield Finding(
        Severity.CRITICAL,
        f"no interface has an address, though {', '.join(nic.name for nic in wires[:3])} {'has' if len(wires) == 1 else 'have'} a link",
        (*(nic.origin for nic in wires[:2]), only[0].origin),
        "Look why none was set (DHCP client and its log, a configuration for an interface of another name); to try: `ip addr "
        "add ADDRESS/PREFIX dev NIC`",
        detail="there is only " + ", ".join(dict.fromkeys(f"{each.address} on {each.nic}" for each in only[:3])),
        subject=wires[0].name,
    )


@rule("NET045", "addresses that failed their duplicate check (IPv6)", Address, uses=(Nic, NicSetting))
def dad_failed(addresses: list[Address], nics: list[Nic], settings: list[NicSetting]) -> Iterator[Finding]:
    """The kernel asked whether another host has an IPv6 address, got an answer, and does not use it (`dadfailed`).

    Judged by the flags of addresses now: a warning. `tentative` alone is usual for a second or two. Interfaces inside the machine do not
    count. Find the other host by its hardware address (the kernel's log names it: "duplicate address … used by"), or a loop in the
    network that brings back the host's own question; then take the address away and give it anew.
    """
    inner = {nic.name for nic in links(nics, settings).values() if not nic.is_wire}
    failed = {(each.nic, each.address): each for each in reversed(latest(addresses)) if "dadfailed" in each.flags}
    for (nic, address), each in sorted(failed.items()):
        if nic not in inner and not INNER.match(nic):
            yield Finding(
                Severity.WARNING,
                f"{nic} cannot use its address {address}: another host has it (dadfailed)",
                (each.origin,),
                "Find the other host (`dmesg | grep duplicate` names its MAC) and give one of both another address; then take it away here "
                f"(`ip -6 addr del {address}/{each.prefix} dev {nic}`) and add it anew",
                subject=nic,
                part_of=("NET013",),
            )


@rule("NET048", "the loopback interface", Nic, uses=(NicSetting, Address))
def loopback(nics: list[Nic], settings: list[NicSetting], addresses: list[Address]) -> Iterator[Finding]:
    """The interface lo is switched off, or has lost 127.0.0.1: programs of this host cannot talk to each other at localhost.

    Critical. Judged by the interfaces and addresses as `ip` lists them. Web servers do not reach their applications, nor those their
    databases and caches; the local name server is silent. `ip link set lo up` (which gives it its addresses again, or
    `ip addr add 127.0.0.1/8 dev lo`) mends it; then look who switched it off, and for `auto lo` in /etc/network/interfaces.
    """
    here = [each for each in latest(addresses) if ":" not in each.address]
    for nic in links(nics, settings).values():
        if nic.name != "lo":
            continue
        if not nic.is_up or (here and not any(each.address.startswith("127.") for each in here)):
            yield Finding(
                Severity.CRITICAL,
                f"the loopback interface lo {'has lost its address 127.0.0.1' if nic.is_up else 'is down'}: programs on this host cannot "
                "talk to each other at localhost",
                (nic.origin,),
                "Switch it on: `ip link set lo up`"
                + ("; give it its address: `ip addr add 127.0.0.1/8 dev lo`" if nic.is_up else "")
                + "; then look who changed it, and at its configuration (`auto lo`)",
                subject="lo",
            )
