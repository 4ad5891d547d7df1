"""Time: the clocks of this host at both ends of the run, who disciplines them, and the hardware below."""

from __future__ import annotations

from collections.abc import Iterator
from time import CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME, CLOCK_TAI, clock_gettime_ns

from diagbundle.collect.api import Command, File, Host, Row, Source, Stage, Table, collector

from ._net import stopped

CLOCKS = {"wall": CLOCK_REALTIME, "monotonic": CLOCK_MONOTONIC, "raw": CLOCK_MONOTONIC_RAW, "boottime": CLOCK_BOOTTIME, "tai": CLOCK_TAI}
COUNTERS = (
    "/proc/uptime",
    "/sys/class/rtc/rtc0/since_epoch",
    "/sys/class/rtc/rtc0/date",
    "/sys/class/rtc/rtc0/time",
    "/proc/driver/rtc",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
)
FILES = (
    "/sys/class/rtc/rtc*/name",
    "/sys/class/rtc/rtc*/hctosys",
    "/sys/devices/system/clocksource/clocksource0/available_clocksource",
    "/sys/class/ptp/*/clock_name",
    "/sys/class/ptp/*/n_vclocks",
    "/sys/class/ptp/*/pps_available",
    "/sys/class/pps/*/name",
    "/proc/self/timens_offsets",
    "/etc/adjtime",
    "/etc/chrony.conf",
    "/etc/chrony/*.conf",
    "/etc/chrony/conf.d/*",
    "/etc/chrony/sources.d/*",
    "/etc/chrony.d/*",
    "/run/chrony-dhcp/*",
    "/run/chrony.d/*",
    "/etc/sysconfig/chronyd",
    "/etc/default/chrony",
    "/etc/ntp.conf",
    "/etc/ntp/*.conf",
    "/etc/ntp/step-tickers",
    "/etc/ntpsec/*.conf",
    "/etc/ntpsec/ntp.d/*",
    "/etc/openntpd/ntpd.conf",
    "/etc/ntpd.conf",
    "/etc/sysconfig/ntpd",
    "/etc/default/ntp*",
    "/etc/conf.d/ntpd",
    "/etc/conf.d/hwclock",
    "/etc/systemd/timesyncd.conf",
    "/etc/systemd/timesyncd.conf.d/*.conf",
    "/usr/lib/systemd/timesyncd.conf.d/*.conf",
    "/run/systemd/timesync/synchronized",
    "/var/lib/systemd/timesync/clock",
    "/etc/ptp4l.conf",
    "/etc/linuxptp/*.conf",
    "/etc/sysconfig/ptp4l",
    "/etc/sysconfig/phc2sys",
    "/var/lib/chrony/drift",
    "/var/lib/chrony/chrony.drift",
    "/var/lib/ntp/drift",
    "/var/lib/ntp/ntp.drift",
    "/var/lib/ntpsec/ntp.drift",
)
CHRONY = ("sources -v", "sourcestats", "ntpdata", "serverstats", "rtcdata", "selectdata")
NTPQ = ("rv", "associations", "sysinfo", "kerninfo")


def samples(host: Host) -> Iterator[Source]:
    """All clocks at once, the RTC, and how far chrony thinks it is off."""
    yield Table("clocks", clocks, timeout=5)
    yield from map(File, COUNTERS)
    # where nobody answers, and loopback does not refuse, chronyc tries for 7 s each time
    skip = stopped(host, "chronyd")
    yield Command(("chronyc", "-n", "tracking"), folder="chrony", timeout=10, skip=skip)
    yield Command(("chronyc", "-n", "sources"), folder="chrony", timeout=10, skip=skip)


@collector(title="Time: the host's clocks, who disciplines them, the hardware below", stage=Stage.VOLATILE, samples=samples)
def time(host: Host) -> Iterator[Source]:
    """Each of the daemons that may discipline the clock; one that does not run is asked once, so that its tool says so."""
    yield from map(File, FILES)
    chrony, ntp = stopped(host, "chronyd"), stopped(host, "ntpd")
    yield Command(("chronyc", "-n", "activity"), folder="chrony", timeout=10)
    yield from (Command(("chronyc", "-n", *question.split()), folder="chrony", timeout=10, skip=chrony) for question in CHRONY)
    yield Command(("ntpq", "-pn"), folder="ntp", timeout=10)
    yield from (Command(("ntpq", "-n", "-c", question), folder="ntp", timeout=10, skip=ntp) for question in NTPQ)
    yield from (Command(words, folder="ntp", timeout=10) for words in (("ntptime",), ("ntpctl", "-s", "all")))
    yield Command(("adjtimex", "--print"), folder="ntp", timeout=5)
    yield from systemd(host)
    skip = stopped(host, "ptp4l")
    for question in ("CURRENT_DATA_SET", "TIME_STATUS_NP", "PORT_DATA_SET"):
        yield Command(("pmc", "-u", "-b", "0", f"GET {question}"), folder="ptp", timeout=10, skip=skip)


def systemd(host: Host) -> Iterator[Source]:
    """What systemd thinks of the time; its client starts a short-lived helper, `systemd-timedated`."""
    for words in (("timedatectl",), ("timedatectl", "show")):
        yield Command(words, folder="systemd", timeout=15, only_if="/run/systemd/system")
    skip = stopped(host, "systemd-timesyncd")
    for question in ("timesync-status", "show-timesync"):
        yield Command(("timedatectl", question), folder="systemd", timeout=10, skip=skip)


def clocks(_host: Host) -> Iterator[Row]:
    """All clocks in nanoseconds, read within `took` of each other.

    Between two readings all must have gone on alike: wall against monotonic shows a step, boottime against monotonic a suspend.
    `tai` minus `wall` is the count of leap seconds, 0 where nobody told the kernel.
    """
    begin = clock_gettime_ns(CLOCK_MONOTONIC)
    readings = {name: clock_gettime_ns(number) for name, number in CLOCKS.items()}
    yield {**readings, "took": clock_gettime_ns(CLOCK_MONOTONIC) - begin}
