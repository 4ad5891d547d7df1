"""Time: clocks read together, daemons asked only where that starts nothing."""

import time

from network_hosts import commands, host_of, paths, process, tables

from diagbundle.collectors import time as subject
from diagbundle.host import Host
from diagbundle.model import Command


def test_clocks_are_read_at_both_ends(tmp_path):
    host = host_of(tmp_path)
    samples = list(subject.samples(host))
    assert "clocks" in tables(samples)
    assert "/sys/class/rtc/rtc0/since_epoch" in paths(samples)
    assert {"chronyc -n tracking", "chronyc -n sources"} <= commands(samples).keys()
    assert not commands(samples).keys() & commands(subject.time.sources(host)).keys()


def test_clocks_of_this_machine_go_on_alike():
    host = Host()
    table = tables(subject.samples(host))["clocks"]
    (first,) = table.rows(host)
    time.sleep(0.05)
    (last,) = table.rows(host)
    assert abs(first["wall"] / 1e9 - time.time()) < 5
    assert first["boottime"] >= first["monotonic"] - 1_000_000
    near = {name: time.clock_gettime_ns(getattr(time, f"CLOCK_{name.upper()}")) for name in ("monotonic", "boottime", "tai")}
    assert all(0 <= near[name] - last[name] < 1_000_000_000 for name in near)
    passed = {name: last[name] - first[name] for name in subject.CLOCKS}
    assert all(40_000_000 < nanoseconds < 5_000_000_000 for nanoseconds in passed.values()), passed
    assert 0 <= first["took"] < 1_000_000_000


def test_every_chronyc_is_numeric(tmp_path):
    host = host_of(tmp_path)
    sources = [*subject.samples(host), *subject.time.sources(host)]
    asked = [source for source in sources if isinstance(source, Command) and source.argv[0] == "chronyc"]
    assert len(asked) > 5
    assert all(source.argv[1] == "-n" and source.folder == "chrony" for source in asked)


def test_a_daemon_that_does_not_run_is_asked_once(tmp_path):
    """Where loopback is down nothing refuses: each question to chronyd would wait for 7 s."""

    def asked(host):
        sources = [*subject.samples(host), *subject.time.sources(host)]
        return [each.argv for each in sources if isinstance(each, Command) and each.argv[0] in ("chronyc", "ntpq") and not each.skip]

    assert asked(host_of(tmp_path / "stopped")) == [("chronyc", "-n", "activity"), ("ntpq", "-pn")]
    assert len(asked(host_of(tmp_path / "running", process(5, "chronyd")[0] | process(6, "ntpd")[0]))) == 14


def test_timedatectl_is_asked_only_under_systemd_and_timesyncd_only_if_it_runs(tmp_path):
    stopped = {" ".join(source.argv): source for source in subject.systemd(host_of(tmp_path / "a"))}
    assert stopped["timedatectl"].only_if == "/run/systemd/system"
    assert stopped["timedatectl"].folder == "systemd"
    assert stopped["timedatectl timesync-status"].skip == "systemd-timesyncd is not running"
    running = host_of(tmp_path / "b", process(5, "systemd-timesyn")[0])
    assert commands(subject.systemd(running))["timedatectl timesync-status"] == ""


def test_nothing_is_set_and_no_key_is_read(tmp_path):
    host = host_of(tmp_path)
    sources = list(subject.time.sources(host))
    words = {word for source in sources if isinstance(source, Command) for word in source.argv}
    assert not words & {"hwclock", "-w", "--systohc", "--hctosys", "makestep", "set-time", "set-ntp", "burst"}
    assert not [path for path in paths(sources) if path.endswith("keys")]
