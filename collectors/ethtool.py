"""What the driver of each network interface tells: link, firmware, rings, offloads and its own error counters.

Asked twice over: by the command `ethtool`, whose text engineers read, and by the ioctl below it, which also
answers on a host where the command is not installed. One table for each interface, so that a driver that hangs costs only itself.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from array import array
from collections.abc import Callable, Iterator
from fcntl import ioctl
from functools import partial

from diagbundle.collect.api import Command, Host, Row, Source, Stage, Table, collector, number

NICS = "/sys/class/net"
MANY = 64
"""Virtual interfaces, at most, for which the command is run; the table has the others too."""
PLAIN = ("", "-i", "-k")
WHOLE = (*PLAIN, "-g", "-c", "-a", "-l", "-x", "-T", "-P", "--phy-statistics", "--show-priv-flags", "--show-fec", "--show-eee")

# From linux/ethtool.h and linux/sockios.h.
SIOCETHTOOL = 0x8946
GDRVINFO, GSTRINGS, GSTATS, GSSET_INFO, GFEATURES, GLINKSETTINGS = 0x03, 0x1B, 0x1D, 0x37, 0x3A, 0x4C
SET_STATS, SET_FEATURES = 1, 4
MOST_STRINGS = 100_000
NUMBERS = {
    "link": (0x0A, ("detected",)),
    "ring": (0x10, ("rx_max", "rx_mini_max", "rx_jumbo_max", "tx_max", "rx", "rx_mini", "rx_jumbo", "tx")),
    "pause": (0x12, ("autoneg", "rx", "tx")),
    "channels": (0x3C, ("rx_max", "tx_max", "other_max", "combined_max", "rx", "tx", "other", "combined")),
    "coalesce": (0x0E, ("rx_usecs", "rx_frames", "rx_usecs_irq", "rx_frames_irq", "tx_usecs", "tx_frames", "tx_usecs_irq",
                        "tx_frames_irq", "stats_block_usecs", "adaptive_rx", "adaptive_tx", "pkt_rate_low", "rx_usecs_low",
                        "rx_frames_low", "tx_usecs_low", "tx_frames_low", "pkt_rate_high", "rx_usecs_high", "rx_frames_high",
                        "tx_usecs_high", "tx_frames_high", "rate_sample_interval")),
    "fec": (0x50, ("active", "configured", "reserved")),
}  # fmt: skip
"""Answers that are a command word followed by 32-bit numbers: its code, and what the numbers are."""
DUPLEX = {0: "half", 1: "full"}
Asking = Callable[[int, bytes, int], bytes]
"""Ask the driver: code, what stands behind the code in the request, bytes of room for the answer."""


def samples(host: Host) -> Iterator[Source]:
    """The drivers' own counters."""
    commands = 0
    for nic in nics(host):
        virtual = kind(host, nic) in ("virtual", "veth")
        commands += virtual
        skip = f"more than {MANY} virtual interfaces: their counters are in the tables" if virtual and commands > MANY else ""
        yield Command(("ethtool", "-S", nic), timeout=5, skip=skip)
        yield Table(f"ethtool/{nic}", partial(facts, nic), timeout=10, skip=elsewhere(host))


@collector(title="Drivers of network interfaces: link, firmware, rings, offloads, error counters", stage=Stage.VOLATILE,
           samples=samples, folder="networking")  # fmt: skip
def ethtool(host: Host) -> Iterator[Source]:
    """Settings by the command; for a veth, whose like there may be hundreds of, the counters alone."""
    virtual = 0
    for nic in nics(host):
        what = kind(host, nic)
        virtual += what == "virtual"
        if what == "veth" or (what == "virtual" and virtual > MANY):
            continue
        for option in WHOLE if what in ("physical", "bond") else PLAIN:
            words = (option, nic) if option else (nic,)
            yield Command(("ethtool", *words), timeout=5)
        if what == "physical":
            yield Command(("ethtool", "-m", nic), timeout=5, skip=unsteady(host, nic))


def nics(host: Host) -> list[str]:
    """Names of the interfaces of this network namespace."""
    return [name for name in host.listdir(NICS) if host.exists(f"{NICS}/{name}/ifindex")]


def kind(host: Host, nic: str) -> str:
    """`physical` (also as a virtual machine sees it), `bond`, `veth` or `virtual`.

    A veth names its peer as its link, but has neither a device type nor an interface below it.
    """
    base = f"{NICS}/{nic}"
    if host.exists(f"{base}/device"):
        return "physical"
    if host.exists(f"{base}/bonding") or "DEVTYPE=team" in host.text(f"{base}/uevent"):
        return "bond"
    paired = host.text(f"{base}/iflink").strip() not in ("", "0", host.text(f"{base}/ifindex").strip())
    plain = "DEVTYPE=" not in host.text(f"{base}/uevent") and not any(name.startswith("lower_") for name in host.listdir(base))
    return "veth" if paired and plain else "virtual"


def unsteady(host: Host, nic: str) -> str:
    """Why the transceiver is better left alone, or ''. Reading it occupies the bus by which the driver watches the link."""
    changes = host.text(f"{NICS}/{nic}/carrier_changes").strip()
    hours = (number(host.text("/proc/uptime").partition(".")[0]) or 0) / 3600
    return "the link is not steady" if (number(changes) or 0) > 10 + hours else ""


def elsewhere(host: Host) -> str:
    """The ioctl asks the machine we run on: the interfaces of another root are not its own."""
    return "" if host.root == "/" else "the host that is looked at is not running here"


def facts(nic: str, _host: Host) -> Iterator[Row]:
    """One row for each kind of fact; `error` where the driver has no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        ask = partial(_ask, channel, nic)
        for fact, reader in READERS.items():
            try:
                yield {"nic": nic, "fact": fact, **reader(ask)}
            except OSError as error:
                yield {"nic": nic, "fact": fact, "error": error.strerror}


def _ask(channel: socket.socket, nic: str, code: int, request: bytes, room: int) -> bytes:
    """The driver's answer, the code in front. The kernel writes it where the pointer in the request leads."""
    buffer = array("B", struct.pack("=I", code) + request + bytes(room))
    ioctl(channel.fileno(), SIOCETHTOOL, struct.pack("16sP", os.fsencode(nic)[:15], buffer.buffer_info()[0]).ljust(40, b"\0"))
    return buffer.tobytes()


def _numbers(fact: str, ask: Asking) -> Row:
    code, names = NUMBERS[fact]
    return dict(zip(names, struct.unpack_from(f"={len(names)}I", ask(code, b"", 4 * len(names)), 4), strict=True))


def _driver(ask: Asking) -> Row:
    fields = struct.unpack_from("=32s32s32s32s", ask(GDRVINFO, b"", 256), 4)
    return dict(zip(("driver", "version", "firmware", "bus"), map(_word, fields), strict=True))


def _settings(ask: Asking) -> Row:
    """Speed in Mbit/s; modes as hexadecimal masks (bit numbers: ETHTOOL_LINK_MODE_… in linux/ethtool.h).

    The first request names no length; the kernel answers with the length it wants, negated.
    """
    nwords = 15  # where that length stands
    words = -struct.unpack_from("=b", ask(GLINKSETTINGS, bytes(44), 256), nwords)[0]
    if not 0 < words < 128:
        raise OSError(errno.EPROTO, f"the driver wants {words} words for each mask of modes")
    answer = ask(GLINKSETTINGS, bytes(nwords - 4) + struct.pack("=b", words), 64 + 12 * 128)
    speed, duplex, port, _phy, autoneg = struct.unpack_from("=IBBBB", answer, 4)
    masks = [answer[48 + 4 * words * n : 48 + 4 * words * (n + 1)] for n in range(3)]
    supported, advertised, partner = (_mask(mask) for mask in masks)
    return {
        "speed": None if speed == 0xFFFFFFFF else speed,
        "duplex": DUPLEX.get(duplex, "unknown"),
        "port": port,
        "autoneg": bool(autoneg),
        "supported": supported,
        "advertised": advertised,
        "partner": partner,
    }


def _features(ask: Asking) -> Row:
    """Names of offloads that are on, and of those that are off but could be on."""
    names = _strings(ask, SET_FEATURES)
    blocks = (len(names) + 31) // 32
    answer = ask(GFEATURES, struct.pack("=I", blocks), 16 * blocks)
    words = struct.unpack_from(f"={4 * blocks}I", answer, 8)
    available, active = words[0::4], words[2::4]
    on = [name for n, name in enumerate(names) if active[n // 32] >> n % 32 & 1]
    can = [name for n, name in enumerate(names) if available[n // 32] >> n % 32 & 1]
    return {"on": on, "off": [name for name in can if name not in on]}


def _statistics(ask: Asking) -> Row:
    """The driver's own counters by its own names, all since the interface was made."""
    names = _strings(ask, SET_STATS)
    # The kernel writes as many numbers as the driver has by now, whatever length we state: leave room for more of them.
    answer = ask(GSTATS, struct.pack("=I", len(names)), 16 * len(names) + 65536)
    values = struct.unpack_from(f"={len(names)}Q", answer, 8)
    return {"statistics": dict(zip(names, values, strict=True))}


def _strings(ask: Asking, which: int) -> list[str]:
    """The driver's names of one set of things."""
    answer = ask(GSSET_INFO, struct.pack("=IQ", 0, 1 << which), 4)
    mask, count = struct.unpack_from("=QI", answer, 8)
    count = min(count, MOST_STRINGS) if mask else 0
    answer = ask(GSTRINGS, struct.pack("=II", which, count), 64 * count + 65536)
    return [_word(answer[12 + 32 * n : 44 + 32 * n]) for n in range(count)]


def _mask(words: bytes) -> str:
    """A bit mask, whose lowest 32 bits come first, as one hexadecimal number."""
    return f"{sum(word << 32 * n for n, (word,) in enumerate(struct.iter_unpack('=I', words))):x}"


def _word(field: bytes) -> str:
    return field.split(b"\0")[0].decode("ascii", "replace").strip()


READERS: dict[str, Callable[[Asking], Row]] = {
    "driver": _driver,
    "settings": _settings,
    "features": _features,
    "statistics": _statistics,
    **{fact: partial(_numbers, fact) for fact in NUMBERS},
}
"""Fact → how it is asked for."""
