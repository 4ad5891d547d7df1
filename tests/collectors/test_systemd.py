import pytest
from storage_hosts import commands, files, host, rows, skipped

from diagbundle.collectors.systemd import MAX_FAILED, systemd
from diagbundle.model import Answer, Command, Outcome

LIST = ("systemctl", "list-units")
FAILED = ("systemctl", "list-units", "--failed", "--all", "--plain", "--no-legend")
BOOTED = {"/run/systemd/system/x": ""}


def test_without_systemd_nothing_is_asked_of_it(tmp_path):
    assert not [words for words in commands(systemd, host(tmp_path, {})) if words.startswith(("systemctl", "systemd-", "coredumpctl"))]


def test_each_failed_unit_has_its_status_and_its_file(tmp_path):
    failed = "app.service loaded failed failed The app\n-.mount loaded failed failed Root\n"
    found = commands(systemd, host(tmp_path, BOOTED, {LIST: "x", FAILED: failed}))
    assert "systemctl status --full --lines=200 -- app.service" in found
    assert "systemctl cat -- -.mount" in found
    assert found["systemctl status --all --lines=0"].at == "sos_commands/systemd/systemctl_status_--all"


def test_many_failed_units_are_bounded_and_the_rest_is_told(tmp_path):
    failed = "".join(f"u{number}.service loaded failed failed x\n" for number in range(MAX_FAILED + 5))
    on = host(tmp_path, BOOTED, {LIST: "x", FAILED: failed})
    assert sum(words.startswith("systemctl cat") for words in commands(systemd, on)) == MAX_FAILED
    assert sum(words.startswith("systemctl cat") for words in skipped(systemd, on)) == 5


@pytest.mark.parametrize(
    "answer",
    [Answer(LIST, Outcome.TIMEOUT, reason="no answer within 15 s"), Answer(LIST, stderr=b"Failed to connect to bus\n", exit=1)],
    ids=["hangs", "refuses"],
)
def test_a_manager_that_does_not_answer_is_asked_once(tmp_path, answer):
    on = host(tmp_path, BOOTED, {LIST: answer})
    asked = [words for words in commands(systemd, on) if words.startswith("systemctl")]
    assert [words for words in asked if not words.startswith("systemctl show --all *.service")] == ["systemctl list-units"]
    assert "did not answer" in skipped(systemd, on)["systemctl list-jobs"]


def test_restarts_are_read_twice_and_environments_never(tmp_path):
    (sample,) = systemd.samples(host(tmp_path, BOOTED))
    assert isinstance(sample, Command)
    properties = sample.argv[-1].split(",")
    assert "NRestarts" in properties
    assert not [name for name in properties if "Environment" in name]
    assert sample.only_if == "/run/systemd/system"


def test_units_are_known_from_control_groups_alone(tmp_path):
    group = "/sys/fs/cgroup/system.slice/app.service"
    on = host(tmp_path, {
        f"{group}/cgroup.procs": f"12\nx\n{'9' * 5000}\n13\n",
        f"{group}/memory.events": f"low 0\nmax {'9' * 5000}\nmax x\noom \nhigh\noom_kill 2\n",
        f"{group}/cpu.stat": "nr_throttled 5\n",
        f"{group}/sub/cgroup.procs": "99\n", "/sys/fs/cgroup/user.slice/user-0.slice/session-3.scope/cgroup.procs": "",
    })  # fmt: skip
    found = {row["unit"]: row for row in rows(systemd, on, "services")}
    assert (found["app.service"]["pids"], found["app.service"]["memory_oom_kill"], found["app.service"]["cpu_nr_throttled"]) == (
        [12, 13],
        2,
        5,
    )
    assert found["session-3.scope"]["count"] == 0
    assert "sub" not in found


def test_without_control_groups_the_children_of_the_first_process_are_told(tmp_path):
    fields = "0 " * 17
    stats = {
        "/proc/7/stat": f"7 (a) b) (c) S 1 {fields}4711 0 0\n", "/proc/8/stat": f"8 (child) S 7 {fields}4711 0\n",
        "/proc/9/stat": f"9 (odd) S 1 {fields}{'9' * 5000} 0 0\n",
    }  # fmt: skip
    assert rows(systemd, host(tmp_path, stats), "services") == [
        {"pid": 7, "comm": "a) b) (c", "state": "S", "started_ticks": 4711},
        {"pid": 9, "comm": "odd", "state": "S", "started_ticks": None},
    ]


def test_other_inits_are_asked_where_they_are(tmp_path):
    on = host(
        tmp_path, {"/run/openrc/softlevel": "default", "/run/openrc/failed/nginx": "", "/etc/service/app/run": "x", "/etc/init.d/x": "x"}
    )
    found = commands(systemd, on)
    assert "rc-status -a --nocolor" in found
    assert "sv status /etc/service/app" in found
    assert {"/run/openrc/failed/nginx", "/etc/service/app/run", "/etc/init.d/x"} <= files(systemd, on)
    assert skipped(systemd, on)["supervisorctl status"] == "supervisord is stopped"
