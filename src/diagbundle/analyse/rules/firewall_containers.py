"""Rules that containers need."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Finding, Severity, rule
from diagbundle.analyse.facts.firewall import Chain, Filter, PacketRule
from diagbundle.analyse.facts.network import Nic, NicSetting, links

_BRIDGE = re.compile(r"docker\d+|br-[0-9a-f]{12}")


@rule("FWL007", "the rules that Docker's containers need", Chain, uses=(PacketRule, Nic, NicSetting), absent="no packet filter is set up")
def docker(chains: list[Chain], rules: list[PacketRule], nics: list[Nic], settings: list[NicSetting]) -> Iterator[Finding]:
    """Containers run on a bridge of Docker, but the rules that Docker set for them are gone: they reach nothing, and nobody reaches them.

    A warning where a bridge of Docker has a link (so something runs on it) and nothing in the packet filter speaks of Docker. Mostly the
    firewall was restarted or flushed (`iptables -F`, `systemctl restart firewalld`) after Docker had started. It is meant so where Docker
    was told to leave the rules alone ("iptables": false in /etc/docker/daemon.json).
    `systemctl restart docker` sets them anew; with firewalld let Docker start after it.
    """
    bridges = [nic for nic in links(nics, settings).values() if _BRIDGE.fullmatch(nic.name) and nic.is_up and nic.carrier]
    now = Filter(chains, rules)
    texts = [*("/".join(key) for key in now.chains), *(each.text for of in now.rules.values() for each in of.values())]
    if not bridges or any("docker" in text.lower() or any(nic.name in text for nic in bridges) for text in texts):
        return
    yield Finding(
        Severity.WARNING,
        f"the firewall holds none of Docker's rules though containers run on {', '.join(nic.name for nic in bridges[:3])}: they "
        "may reach nothing",
        (bridges[0].origin, *(chain.origin for chain in now.bases("forward")[:1])),
        "`systemctl restart docker` sets its rules anew; find out who flushed the firewall, and let Docker start after it",
        detail=f"{len(now.chains):,} chains, none of them Docker's",
        subject="docker",
    )
