"""The host at a glance: pairs of a word and what is known; '' where nothing is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence.document import take
from diagbundle.analyse.evidence.entry import Evidence
from diagbundle.analyse.fact import latest
from diagbundle.analyse.facts.containers import Container
from diagbundle.analyse.facts.network import Address
from diagbundle.analyse.facts.services import Unit
from diagbundle.analyse.facts.spoken import span, stamp
from diagbundle.analyse.facts.system import CpuTimes, Memory, SwapArea, TaskCount, running, size
from diagbundle.analyse.facts.system import Process as Task
from diagbundle.errors import BundleError
from diagbundle.report.measures import of

Pair = tuple[str, str]
NAMED = 12
"""Things that are named; the rest are counted."""
_SMALL = 64 << 10
_TEXTS = {
    "virtualisation": ("sos_commands/host/systemd-detect-virt", "sos_commands/host/systemd-detect-virt_-v"),
    "hardware": ("sys/class/dmi/id/product_name", "sys/devices/virtual/dmi/id/product_name", "proc/device-tree/model"),
    "vendor": ("sys/class/dmi/id/sys_vendor", "sys/devices/virtual/dmi/id/sys_vendor"),
    "processor": ("sos_commands/processor/lscpu",),
}


def glance(evidence: Evidence, analysis: Analysis) -> list[Pair]:
    """What an engineer asks first."""
    about, texts = analysis.about, _texts(evidence)
    tasks = next(iter(latest(of(analysis, TaskCount))), None)
    load = f"{tasks.load1:.2f}, {tasks.load5:.2f}, {tasks.load15:.2f} (1, 5, 15 min)" if tasks else ""
    hardware = " ".join(filter(None, (texts["vendor"], texts["hardware"])))
    return [
        ("host", about.name), ("system", about.os), ("kernel", about.kernel), ("hardware", hardware),
        ("runs in", texts["virtualisation"] if texts["virtualisation"] != "none" else "no virtual machine that it knows of"),
        ("processors", _processors(analysis, texts["processor"])), ("memory", _memory(analysis)), ("load", load),
        ("booted", stamp(about.booted)), ("up for", span(about.uptime) if about.uptime else ""),
        ("collected", stamp(about.now)), ("time zone", about.zone),
        ("watched for", f"{about.seconds:.0f} s, between two readings of all counters" if about.seconds else ""),
        ("addresses", _addresses(analysis)), ("processes", f"{count:,}" if (count := len(running(of(analysis, Task)))) else ""),
        ("services", _services(analysis)), ("containers", _containers(analysis)),
    ]  # fmt: skip


def _texts(evidence: Evidence) -> dict[str, str]:
    """The first line of small answers."""
    there = {entry.path: entry for entry in evidence.entries if entry.there and entry.size < _SMALL}
    found = dict.fromkeys(_TEXTS, "")
    for name, paths in _TEXTS.items():
        for path in paths:
            if path in there and not found[name]:
                try:
                    text = take(evidence.blocks(there[path]), _SMALL)[0].decode("utf-8", "replace")
                except BundleError:
                    continue
                found[name] = _model(text) if name == "processor" else text.strip("\0\n ").partition("\n")[0][:100]
    return found


def _model(lscpu: str) -> str:
    return next((line.partition(":")[2].strip() for line in lscpu.split("\n") if line.startswith("Model name:")), "")


def _processors(analysis: Analysis, model: str) -> str:
    count = len({each.cpu for each in of(analysis, CpuTimes) if each.cpu != "cpu"})
    return " × ".join(filter(None, (str(count or ""), model)))  # noqa: RUF001  # times


def _memory(analysis: Analysis) -> str:
    known = next(iter(latest(of(analysis, Memory))), None)
    if known is None:
        return ""
    swap = sum(area.size for area in latest(of(analysis, SwapArea)))
    return f"{size(known['MemTotal'])}, {size(known.available)} available; " + (f"swap {size(swap)}" if swap else "no swap")


def _addresses(analysis: Analysis) -> str:
    found = [f"{each.address}/{each.prefix} ({each.nic})" for each in latest(of(analysis, Address)) if _is_global(each)]
    return _some(dict.fromkeys(found))


def _is_global(address: Address) -> bool:
    try:
        return address.is_global
    except ValueError:  # a stand-in is no address
        return True


def _services(analysis: Analysis) -> str:
    units = latest(of(analysis, Unit))
    failed = sorted({unit.name for unit in units if unit.active == "failed"})
    active = len({unit.name for unit in units if unit.active == "active" and unit.name.endswith(".service")})
    return f"{active:,} active; " + (f"failed: {_some(failed)}" if failed else "none failed") if units else ""


def _containers(analysis: Analysis) -> str:
    newest = {each.ident[:12]: each for each in sorted(of(analysis, Container), key=lambda each: each.origin.at) if each.state}
    states = Counter(each.state for each in newest.values())
    names = sorted({each.name or each.ident[:12] for each in newest.values() if each.state == "running"})
    return "; ".join(filter(None, (", ".join(f"{count:,} {state}" for state, count in states.most_common()), _some(names))))


def _some(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:NAMED]) + (f" and {len(known) - NAMED:,} more" if len(known) > NAMED else "")
