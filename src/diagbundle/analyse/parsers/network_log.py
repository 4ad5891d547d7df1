"""Links and bonds that were lost, as the kernel and the managers of the network say it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Event, log_parser
from diagbundle.analyse.facts.network import INNER, BondLine, LinkLost

_NAME = r"(?P<nic>[a-z][\w.-]{1,14})"
_LOST = re.compile(
    rf"(?:^|\s){_NAME}:? (?:\w+: )?(?:NIC )?(?:Copper |Fiber )?Link (?:is )?(?:Down|down)\b"
    rf"|(?:^|\s){_NAME.replace('nic', 'n2')}: [Ll]ost carrier"
    rf"|device \({_NAME.replace('nic', 'n3')}\): (?:carrier: )?link disconnected"
)


@log_parser(LinkLost, "link is down", "link down", "lost carrier", "link disconnected")
def lost(event: Event) -> Iterator[LinkLost]:
    """`igb 0000:01:00.0 eno1: igb: eno1 NIC Link is Down`, `eth0: Lost carrier`."""
    if event.acknowledged or not (found := _LOST.search(event.text)):
        return
    nic = next(name for name in found.groups() if name)
    if not INNER.match(nic) and event.facility in ("kernel", "NetworkManager", "systemd-networkd"):
        yield LinkLost(origin=event.origin, nic=nic, time=event.time)


_BOND = re.compile(r"(?P<bond>[\w.-]+): (?:now running without any active interface|active interface up|first active interface up)")


@log_parser(BondLine, "without any active interface", "active interface up", kernel=True)
def bonds(event: Event) -> Iterator[BondLine]:
    """`bond0: now running without any active interface!`, `bond0: active interface up!`."""
    if not event.acknowledged and (found := _BOND.search(event.text)):
        yield BondLine(origin=event.origin, bond=found["bond"], is_up="without" not in found[0], time=event.time)
