import os

import pytest
from storage_hosts import commands, files, host, rows, skipped

from diagbundle.collectors.logs import is_data, logs, named_in


@pytest.mark.parametrize(
    ("config", "line", "paths"),
    [
        ("/etc/rsyslog.conf", "mail.*  -/data/mail.log", ["/data/mail.log"]),
        ("/etc/rsyslog.d/x.conf", 'action(type="omfile" file="/data/out.log")', ["/data/out.log"]),
        ("/etc/syslog-ng/syslog-ng.conf", 'destination d { file("/data/ng.log"); };', ["/data/ng.log"]),
        ("/etc/audit/auditd.conf", "log_file = /audit/audit.log", ["/audit/audit.log"]),
        ("/etc/logrotate.d/app", "/data/app/*.log /data/b.log {", ["/data/app/*.log", "/data/b.log"]),
        ("/etc/systemd/system/a.service", "StandardOutput=append:/data/a/out.log", ["/data/a/out.log"]),
        ("/etc/nginx/nginx.conf", "access_log /data/www/access.log main;", ["/data/www/access.log"]),
        ("/etc/httpd/conf/httpd.conf", 'CustomLog "/data/www/access_log" combined', ["/data/www/access_log"]),
        ("/etc/my.cnf", "log-error=/data/mysql/error.log", ["/data/mysql/error.log"]),
        ("/etc/my.cnf", "datadir=/data/mysql", []),
        ("/etc/my.cnf", "path = /data/catalog/x", []),
        ("/etc/mongod.conf", "  path: /data/mongo/mongod.log", ["/data/mongo/mongod.log"]),
    ],
)
def test_configurations_name_logs(config, line, paths):
    assert named_in(line, config) == paths


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/lib/pgsql/data/pg_wal/000000010000000000000001", True),
        ("/opt/kafka/logs/topic-0/00000000000000000000.log", True),
        ("/opt/kafka/logs/server.log", False),
        ("/var/lib/mysql/log/mysql-bin.000001", True),
        ("/u01/oradata/redo01.log", True),
        ("/var/lib/zookeeper/version-2/log.100000001", True),
        ("/data/app/app.log", False),
    ],
)
def test_data_of_databases_is_no_log(path, expected):
    assert is_data(path) is expected


@pytest.fixture
def busy(tmp_path):
    on = host(tmp_path, {
        "/var/log/messages": "x", "/var/log/messages-20261101.gz": "x", "/var/log/app/deep/er/a.log": "x",
        "/run/log/journal/m/system.journal": "x",
        "/etc/logrotate.d/app": "/data/app/*.log {\n}\n", "/data/app/a.log": "x", "/data/app/b.log": "x", "/data/app/b.txt": "x",
        "/etc/rsyslog.conf": "# local0.* /commented.log\nmail.* -/data/mail.log\n", "/data/mail.log": "x", "/data/mail.log.1": "x",
        "/opt/acme/logs/server.log": "x", "/opt/kafka/logs/t-0/00000000000000000007.log": "x", "/srv/open.log": "x", "/commented.log": "x",
        "/proc/77/comm": "writer\n", "/proc/77/stat": "77 (writer) S 1\n",
        "/proc/78/stat": "78 (java) S 1\n", "/proc/78/comm": "java\n", "/proc/78/cmdline": "/usr/bin/java\0-Dcatalina.base=/srv/tomcat\0x",
        "/srv/tomcat/logs/catalina.out": "x",
        "/proc/79/stat": "79 (stuck) D 1\n", "/proc/79/comm": "stuck\n",
        "/proc/79/cmdline": "java\0-Xloggc:/srv/gc-of-stuck.log", "/srv/gc-of-stuck.log": "x",
    })  # fmt: skip
    (tmp_path / "proc/77/fd").mkdir()
    os.symlink("/srv/open.log", tmp_path / "proc/77/fd/3")
    os.symlink("/srv/not-a-record", tmp_path / "proc/77/fd/4")
    return on


def test_all_of_var_log_and_what_lies_elsewhere(busy):
    found = files(logs, busy)
    assert {
        "/var/log/messages",
        "/var/log/messages-20261101.gz",
        "/var/log/app/deep/er/a.log",
        "/run/log/journal/m/system.journal",
    } <= found
    assert {"/data/app/a.log", "/data/app/b.log", "/data/mail.log", "/data/mail.log.1", "/opt/acme/logs/server.log"} <= found
    assert {"/srv/open.log", "/srv/tomcat/logs/catalina.out"} <= found
    assert not found & {"/commented.log", "/data/app/b.txt", "/opt/kafka/logs/t-0/00000000000000000007.log"}


def test_what_this_run_itself_says_is_no_log_of_the_host(busy, tmp_path):
    for pid, words in (("77", "writer\0"), ("self", "diagbundle\0collect\0")):
        path = tmp_path / "proc" / pid / "cmdline"
        path.parent.mkdir(exist_ok=True)
        path.write_text(words)
    assert "/srv/open.log" in files(logs, busy)
    (tmp_path / "proc/77/cmdline").write_text("diagbundle\0collect\0")
    assert "/srv/open.log" not in files(logs, busy)


@pytest.mark.parametrize("notes", ["logrotate/status", "logrotate/logrotate.status", "logrotate.status", "misc/logrotate.status"])
def test_what_logrotate_notes_is_read_wherever_it_lies(tmp_path, notes):
    assert f"/var/lib/{notes}" in files(logs, host(tmp_path, {f"/var/lib/{notes}": "logrotate state -- version 2\n"}))


def test_processes_in_state_d_are_left_alone(busy):
    assert "/srv/gc-of-stuck.log" not in files(logs, busy)


def test_who_named_a_log_is_told(busy):
    found = {row["path"]: row["by"] for row in rows(logs, busy, "logs_named")}
    assert found["/srv/open.log"] == "open in writer"
    assert found["/data/app/a.log"] == "/etc/logrotate.d/app:1"
    assert found["/data/mail.log"] == "/etc/rsyslog.conf:2"


def test_a_log_on_a_remote_mount_is_asked_for_without_a_look(tmp_path, monkeypatch):
    on = host(tmp_path, {
        "/proc/self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:40 / /opt/dead rw - nfs filer:/x rw\n",
        "/etc/audit/auditd.conf": "log_file = /opt/dead/audit.log\n", "/opt/dead/audit.log": "x", "/opt/dead/logs/a.log": "x",
    })  # fmt: skip
    looked = []
    real = os.lstat
    monkeypatch.setattr(os, "lstat", lambda path, **words: (looked.append(str(path)), real(path, **words))[1])
    asked = [getattr(source, "path", "") for source in logs.sources(on)]
    assert "/opt/dead/audit.log" in asked
    assert "/opt/*/logs/**" in asked
    assert not [path for path in looked if "dead" in path]


def test_the_journal_is_asked_only_where_there_is_one(busy, tmp_path):
    found = commands(logs, busy)
    assert {"journalctl --no-pager --boot", "journalctl --no-pager", "journalctl --no-pager --merge -o export"} <= set(found)
    assert skipped(logs, host(tmp_path / "none", {}))["journalctl --no-pager"] == "there is no journal"


def test_journals_of_other_namespaces_are_exported_too(tmp_path):
    found = commands(logs, host(tmp_path, {"/var/log/journal/0a1b/system.journal": "x", "/var/log/journal/0a1b.acme/system.journal": "x"}))
    assert [words for words in found if "--namespace" in words] == ["journalctl --no-pager --namespace=acme -o export"]


def test_process_accounting_is_decoded_by_the_host(tmp_path):
    found = commands(logs, host(tmp_path, {"/var/account/pacct": "x", "/var/log/account/pacct.0": "x", "/var/log/account/pacct.9.gz": "x"}))
    assert {words for words in found if "lastcomm" in words} == {
        "lastcomm --file /var/account/pacct",
        "lastcomm --file /var/log/account/pacct.0",
    }


def test_activity_data_is_decoded_by_the_host(tmp_path):
    found = commands(
        logs, host(tmp_path, {"/var/log/sysstat/sa21": "x", "/var/log/sa/sa22": "x", "/var/log/sa/sar22": "x", "/var/log/sa/sa23.xz": "x"})
    )
    assert found["sadf -x -- -A /var/log/sysstat/sa21"].at == "sos_commands/sar/sa21.xml"
    assert "sar -A -f /var/log/sysstat/sa21" in found
    assert "sar -A -f /var/log/sa/sa22" not in found
    assert not [words for words in found if "sa23" in words]


def test_sizes_are_read_twice(busy):
    (table,) = logs.samples(busy)
    found = {row["path"]: row for row in table.rows(busy)}
    assert found["/var/log/messages"]["size"] == 1
    assert "inode" in found["/srv/open.log"]


def test_a_configured_folder_gives_its_logs_and_not_its_data(tmp_path):
    on = host(tmp_path, {
        "/etc/my.cnf": "slow_query_log_file = /data/log/slow.log\nlog-error = /data/log\n",
        "/data/log/slow.log": "x", "/data/log/mysql-bin.000001": "x", "/data/log/error.err": "x",
    })  # fmt: skip
    assert files(logs, on) == {"/data/log/slow.log", "/data/log/error.err"}
