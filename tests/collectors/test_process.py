"""The process table: hostile names, processes that vanish, change, sleep for ever or are hidden."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from diagbundle.collectors import process as module
from diagbundle.host import Host

STATUS = "Name:\tx\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t{pid}\nUid:\t1000\t1000\t1000\t1000\nVmRSS:\t    512 kB\n"
LIMITS = (
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max cpu time              unlimited            unlimited            seconds   \n"
    "Max open files            1024                 524288               files     \n"
    "Max nice priority         0                    0                    \n"
)
KERNEL_THREAD = 0x00208040
CONTAINER = "9" * 64


def stat_line(pid, comm, state="S", *, threads=1, start=100, flags=4194560, rss=128):  # noqa: PLR0913  # what differs from case to case
    fields = [state, 1, pid, pid, 0, -1, flags, 5, 0, 2, 0, 11, 12, 0, 0, 20, 0, threads, 0, start, 4096000, rss]
    return f"{pid} ({comm}) " + " ".join(map(str, [*fields, *[0] * 14, 3, 0, 0, 77, 0, 0])) + "\n"


def add(root, pid, comm="app", state="S", *, cmdline=b"app\0--flag\0", cgroup="0::/init.scope\n", tasks=(), fds=2, **stat):  # noqa: PLR0913  # what differs from case to case
    here = root / "proc" / str(pid)
    (here / "fd").mkdir(parents=True)
    (here / "ns").mkdir()
    (here / "stat").write_text(stat_line(pid, comm, state, threads=len(tasks) or 1, **stat))
    (here / "status").write_text(STATUS.format(pid=pid))
    (here / "limits").write_text(LIMITS)
    (here / "cgroup").write_text(cgroup)
    (here / "cmdline").write_bytes(cmdline)
    (here / "stack").write_text("[<0>] rpc_wait_bit_killable+0x24/0xa0\n")
    (here / "wchan").write_text("rpc_wait_bit_killable")
    (here / "io").write_text("rchar: 10\nread_bytes: 4096\n")
    (here / "smaps_rollup").write_text("55e-7ff ---p 0 00:00 0  [rollup]\nRss:      512 kB\nPss:      256 kB\n")
    (here / "ns" / "net").symlink_to("net:[4026531992]")
    (here / "exe").symlink_to("/usr/bin/app (deleted)")
    for number in range(fds):
        (here / "fd" / str(number)).symlink_to(f"socket:[{number}]")
    for tid, task_state in tasks:
        (here / "task" / str(tid)).mkdir(parents=True)
        (here / "task" / str(tid) / "stat").write_text(stat_line(tid, f"worker-{tid}", task_state))
        (here / "task" / str(tid) / "wchan").write_text("io_schedule")
    return here


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/osrelease").write_text("5.14.0-427.el9.x86_64\n")
    (tmp_path / "proc/loadavg").write_text("0.01 0.05 0.10 2/321 4711\n")
    return tmp_path


def table(root):
    rows = list(module.processes(Host(root=str(root))))
    summary = rows.pop()
    assert summary["summary"]
    return {row.get("tid", row["pid"]): row for row in rows}, summary


@pytest.mark.parametrize(
    "comm",
    ["app", "a) S 1 (b", ") R 2 3", "two words", "line\nbreak", "\x1b]0;title\x07", "((((", "))))", "", "a\udcffb", "\u202eexe"],
)
def test_a_name_may_hold_anything(comm):
    found = module.parse_stat(stat_line(42, comm, "D", start=987))
    assert (found["comm"], found["state"], found["start"], found["ppid"], found["blkio_ticks"]) == (comm, "D", 987, 1, 77)
    assert (found["utime"], found["stime"], found["threads"], found["processor"]) == (11, 12, 1, 3)


@pytest.mark.parametrize("odd", ["x", "-", "--1", "1_0", "\xb2", "9" * 5000])
def test_what_is_no_number_costs_its_field(odd):
    found = module.parse_stat(stat_line(42, "app", threads=odd, start=-7))
    assert (found["threads"], found["start"], found["processor"]) == (None, -7, 3)


def test_an_odd_process_costs_its_fields_only(tree):
    odd = add(tree, 50, tasks=[(51, "D"), ("x", "D")])
    (odd / "stat").write_text(stat_line(50, "app", flags="x", threads="\xb2", rss="9" * 5000, start="-"))
    (odd / "ns/uts").symlink_to("strange:[1]")
    add(tree, 60, "sound")
    (tree / "proc/loadavg").write_text(f"0.01 0.05 0.10 2/{'9' * 5000} 4711\n")
    (tree / "proc/sys/kernel/osrelease").write_text("9" * 5000 + ".1\n")
    rows, summary = table(tree)
    assert (summary["visible"], summary["stuck"], summary["tasks_total"]) == (2, 0, None)
    assert (rows[50]["comm"], rows[50]["flags"], rows[50]["threads"], rows[50]["ns"]) == ("app", None, None, {"net": 4026531992})
    assert {rows[51]["tid"], rows[None]["tid"]} == {51, None}
    assert rows[60]["fds"] == 2


@pytest.mark.parametrize("text", ["", "42 (half", "42 (app) S 1 2"])
def test_half_a_stat_is_no_process(text):
    assert module.parse_stat(text) == {}


def test_a_row_tells_all_of_it(tree):
    add(tree, 10, "evil) D\n1\x1b[2J", cgroup=f"0::/system.slice/docker-{CONTAINER}.scope\n")
    rows, summary = table(tree)
    row = rows[10]
    assert row["comm"] == "evil) D\n1\x1b[2J"
    assert (row["state"], row["start"], row["fds"], row["kernel"]) == ("S", 100, 2, False)
    assert row["limits"]["Max open files"] == ["1024", "524288"]
    assert row["limits"]["Max nice priority"] == ["0", "0"]
    assert row["status"]["Uid"] == "1000 1000 1000 1000"
    assert "Name" not in row["status"]
    assert row["container"] == {"engine": "docker", "id": CONTAINER}
    assert row["ns"] == {"net": 4026531992}
    assert (row["exe"], row["cwd"]) == ("/usr/bin/app (deleted)", None)
    assert row["cmdline"] == "app --flag"
    assert row["smaps_rollup"] == {"Rss": "512 kB", "Pss": "256 kB"}
    assert row["io"] == {"rchar": "10", "read_bytes": "4096"}
    assert "stack" not in row
    assert (summary["visible"], summary["tasks_total"], summary["last_pid"]) == (1, 321, "4711")


def test_uninterruptible_sleep_shows_where_and_touches_no_memory_map(tree):
    here = add(tree, 20, state="D")
    for name in ("cmdline", "smaps_rollup"):
        (here / name).unlink()
        os.mkfifo(here / name)  # opening these would be the hang
    row = table(tree)[0][20]
    assert row["stack"].startswith("[<0>] rpc_wait_bit")
    assert row["wchan"] == "rpc_wait_bit_killable"
    assert "cmdline" not in row
    assert "smaps_rollup" not in row
    assert row["fds"] == 2


def test_threads_asleep_have_rows_and_keep_us_from_the_map(tree):
    add(tree, 30, tasks=[(30, "S"), (31, "D"), (32, "S")])
    rows, summary = table(tree)
    assert rows[31] == {"pid": 30, "tid": 31, "comm": "worker-31", "state": "D", "start": 100, "wchan": "io_schedule"}
    assert 32 not in rows
    assert "cmdline" not in rows[30]
    assert (summary["visible"], summary["tasks_visible"]) == (1, 3)


def test_zombies_and_kernel_threads_are_not_asked_for_what_they_lack(tree):
    add(tree, 40, state="Z", fds=0)
    add(tree, 41, "kworker/0:1", flags=KERNEL_THREAD, rss=0)
    rows, _ = table(tree)
    assert not {"fds", "io", "exe", "cmdline"} & set(rows[40])
    assert rows[41]["kernel"]
    assert not {"exe", "cmdline", "smaps_rollup"} & set(rows[41])


def test_the_vanished_are_counted_and_not_reported(tree):
    (tree / "proc/50").mkdir()
    add(tree, 51)
    rows, summary = table(tree)
    assert list(rows) == [51]
    assert (summary["visible"], summary["vanished"], summary["stuck"]) == (1, 1, 0)


def test_a_number_that_was_used_again_gives_no_row(tree, monkeypatch):
    add(tree, 60)
    add(tree, 61)
    text, seen = Host.text, []

    def changing(host, path):
        if path.endswith("/60/stat"):
            seen.append(path)
            return stat_line(60, "app", start=100 * len(seen))
        return text(host, path)

    monkeypatch.setattr(Host, "text", changing)
    rows, summary = table(tree)
    assert list(rows) == [61]
    assert summary["vanished"] == 1


@pytest.mark.parametrize("trouble", ["hangs", "raises", "dies"])
def test_one_that_cannot_be_read_costs_its_own_depth_only(tree, monkeypatch, trouble):
    for pid in (70, 71, 72):
        add(tree, pid)
    deep = module._deep

    def troubled(host, pid):
        if pid == 71:
            {"hangs": lambda: time.sleep(60), "raises": lambda: 1 / 0, "dies": lambda: os.kill(os.getpid(), signal.SIGKILL)}[trouble]()
        return deep(host, pid)

    monkeypatch.setattr(module, "_deep", troubled)
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    rows, summary = table(tree)
    assert list(rows) == [70, 71, 72]
    assert summary["stuck"] == 1
    assert "stuck" in rows[71]
    assert "cmdline" not in rows[71]
    assert rows[72]["cmdline"] == "app --flag"


def test_after_many_that_hang_the_rest_is_read_without_what_may_hang(tree, monkeypatch):
    for pid in range(80, 86):
        add(tree, pid)
    monkeypatch.setattr(module, "_deep", lambda _host, _pid: time.sleep(60))
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    monkeypatch.setattr(module, "MAX_STUCK", 2)
    rows, summary = table(tree)
    assert len(rows) == summary["stuck"] == 6
    assert all(row["limits"] and "stuck" in row for row in rows.values())


def test_where_no_process_may_be_started_we_read_ourselves(tree, monkeypatch):
    add(tree, 90)

    def refused():
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refused)
    rows, summary = table(tree)
    assert rows[90]["cmdline"] == "app --flag"
    assert summary["stuck"] == 0


def test_the_reader_keeps_no_pipe_of_ours_open(tree, monkeypatch):
    add(tree, 95)
    ours, theirs = os.pipe()
    high = fcntl.fcntl(theirs, fcntl.F_DUPFD, 300)
    monkeypatch.setattr(module, "_deep", lambda _host, _pid: time.sleep(2))
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    monkeypatch.setattr(os, "kill", lambda *_: None)  # left behind, as one in uninterruptible sleep would be
    table(tree)
    os.close(theirs)
    os.close(high)
    began = time.monotonic()
    assert os.read(ours, 1) == b""
    assert time.monotonic() - began < 1
    os.close(ours)


def test_a_stop_in_the_middle_leaves_no_reader(tree, monkeypatch):
    add(tree, 96)
    add(tree, 97)
    deep = module._deep
    monkeypatch.setattr(module, "_deep", lambda host, pid: time.sleep(5) if pid == 97 else deep(host, pid))
    start, children = module._child, []
    monkeypatch.setattr(module, "_child", lambda *words: children.append(start(*words)) or children[-1])
    rows = module.processes(Host(root=str(tree)))
    next(rows)
    rows.close()
    for _ in range(50):
        time.sleep(0.02)
        if not os.path.exists(f"/proc/{children[0][0]}/exe"):  # gone, or a zombie
            return
    pytest.fail("the reader is still there")


def test_hidden_processes_are_told(tree):
    add(tree, 98)
    (tree / "proc/self").mkdir()
    (tree / "proc/self/mountinfo").write_text("22 27 0:21 / /proc rw,nosuid shared:1 - proc proc rw,hidepid=invisible\n")
    summary = table(tree)[1]
    assert (summary["hidepid"], summary["tasks_visible"], summary["tasks_total"]) == ("invisible", 1, 321)


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        ("0::/init.scope\n", {}),
        (f"0::/system.slice/docker-{CONTAINER}.scope\n", {"engine": "docker", "id": CONTAINER}),
        (f"12:pids:/docker/{CONTAINER}\n11:cpu:/\n", {"engine": "docker", "id": CONTAINER}),
        (f"0::/machine.slice/libpod-{CONTAINER}.scope/container\n", {"engine": "podman", "id": CONTAINER}),
        (f"0::/machine.slice/libpod-conmon-{CONTAINER}.scope\n", {}),
        (
            f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod3f0e1a52_1111_2222_3333_444455556666.slice/cri-containerd-{CONTAINER}.scope\n",
            {"engine": "cri-containerd", "id": CONTAINER, "pod": "3f0e1a52-1111-2222-3333-444455556666"},
        ),
        (f"4:memory:/kubepods/besteffort/pod{'a' * 32}/{CONTAINER}\n", {"id": CONTAINER, "pod": "a" * 32}),
        (f"9:cpu:/ecs/{'b' * 32}/{CONTAINER}\n", {"id": CONTAINER}),
        ("0::/lxc.payload.web1/system.slice/ssh.service\n", {"name": "web1"}),
        ("0::/machine.slice/systemd-nspawn@deb.service/payload\n", {"name": "deb"}),
    ],
)
def test_containers_are_known_by_their_control_group(cgroup, expected):
    found = {key: value for key, value in module.container_of(cgroup).items() if not (key == "name" and "id" in expected)}
    assert found == expected


def test_counters_are_few_and_cheap(tree):
    add(tree, 99)
    (row,) = module.counters(Host(root=str(tree)))
    assert (row["pid"], row["start"], row["state"], row["utime"], row["rss"], row["blkio_ticks"], row["fds"]) == (
        99,
        100,
        "S",
        11,
        128,
        77,
        2,
    )
    assert "status" not in row


def test_denied_descriptors_are_not_zero(tree):
    here = add(tree, 100, fds=0)
    (here / "fd").rmdir()
    assert table(tree)[0][100]["fds"] is None


def test_this_machine():
    rows, summary = table("/")
    own = rows[os.getpid()]
    with open("/proc/self/cmdline") as file:
        assert own["cmdline"] == file.read().rstrip("\0").replace("\0", " ")
    assert own["cwd"] == os.getcwd()
    assert abs(own["fds"] - len(os.listdir("/proc/self/fd"))) < 5
    assert own["ns"]["pid"] > 0
    assert own["smaps_rollup"]["Rss"].endswith("kB")
    assert 0 < summary["tasks_visible"] <= summary["tasks_total"] + 50


def test_a_real_process_in_uninterruptible_sleep():
    """The parent of a vfork sleeps so until its child ends."""
    code = "import ctypes, os, time\nif ctypes.CDLL(None).vfork() == 0:\n    time.sleep(20)\n    os._exit(0)\n"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as sleeper:
        try:
            stat = f"/proc/{sleeper.pid}/stat"
            for _ in range(100):
                time.sleep(0.05)
                if module.parse_stat(Host().text(stat)).get("state") == "D":
                    break
            else:
                pytest.skip("no process in state D can be had here")
            (row,) = module._deep(Host(), sleeper.pid)
            assert row["state"] == "D"
            assert "cmdline" not in row
            if os.geteuid() == 0:
                assert "wchan" in row or "stack" in row
        finally:
            os.killpg(sleeper.pid, signal.SIGKILL)


def test_names_are_those_that_tools_look_for():
    from diagbundle.bundle.format import mangle

    sources = list(module.process.sources(Host(root="/nonexistent")))
    names = {mangle(source.argv): source for source in sources if hasattr(source, "argv")}
    assert {"ps_auxwwwm", "ps_alxwww", "ps_-elfL"} <= set(names)
    assert names["ps_auxwwwm"].also == ("ps",)
    assert any(name.startswith("ps_axo_flags_state_") for name in names)
    assert any(source.at == "sos_commands/process/lsof_M_-n_-l_-c" for source in sources)
