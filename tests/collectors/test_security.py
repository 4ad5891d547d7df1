from storage_hosts import commands, files, host, rows, skipped

from diagbundle.collectors.security import security

SELINUX = {
    "/sys/fs/selinux/enforce": "0",
    "/sys/fs/selinux/booleans/httpd_can_network_connect": "0 1",
    "/sys/fs/selinux/booleans/ssh_sysadm_login": "1 1",
    "/etc/selinux/config": "# comment\nSELINUX=enforcing\nSELINUXTYPE=targeted\n",
    "/proc/self/attr/current": "system_u:system_r:initrc_t:s0\0",
    "/proc/cmdline": "root=/dev/sda1 ro enforcing=0 quiet\n",
    "/var/lib/selinux/targeted/active/booleans.local": "httpd_can_network_connect=1\n",
    "/var/lib/selinux/targeted/active/modules/400/mine/cil": "x",
    "/var/lib/selinux/targeted/active/modules/100/ssh/cil": "x",
}


def by_guard(on):
    return {row["guard"]: row for row in rows(security, on, "security")}


def test_the_running_mode_and_that_of_the_next_boot_are_told_apart(tmp_path):
    found = by_guard(host(tmp_path, SELINUX))
    assert (found["selinux"]["mode"], found["selinux"]["configured"]) == ("permissive", "enforcing")
    assert found["selinux"]["booleans_pending"] == ["httpd_can_network_connect"]
    assert found["selinux"]["booleans_on"] == ["ssh_sysadm_login"]
    assert found["selinux"]["context"] == "system_u:system_r:initrc_t:s0"
    assert found["lsm"]["cmdline"] == ["enforcing=0"]


def test_local_policy_is_found_without_a_command(tmp_path):
    on = host(tmp_path, SELINUX)
    local = {row["path"].rpartition("/active/")[2]: row for row in rows(security, on, "security_local_policy")}
    assert local["modules/400/mine"]["priority"] == "400"
    assert "booleans.local" in local
    assert "/var/lib/selinux/targeted/active/booleans.local" in files(security, on)
    assert not [words for words in commands(security, on) if "semanage" in words]


def test_a_host_without_guards_says_so(tmp_path):
    found = by_guard(host(tmp_path, {"/proc/cmdline": "ro\n"}))
    assert not found["selinux"]["present"]
    assert found["selinux"]["mode"] == "disabled"
    assert not found["apparmor"]["present"]
    assert found["crypto"]["fips"] is False


def test_apparmor_profiles_and_what_they_confine(tmp_path):
    found = by_guard(host(tmp_path, {
        "/sys/module/apparmor/parameters/enabled": "Y\n",
        "/sys/kernel/security/apparmor/profiles": "/usr/sbin/mysqld (enforce)\nsnap.x (complain)\n/usr/bin/a (b) (enforce)\n",
        "/proc/7/attr/current": "/usr/sbin/mysqld (enforce)\n", "/proc/8/attr/current": "unconfined\n",
    }))["apparmor"]  # fmt: skip
    assert found["profiles"] == {"enforce": ["/usr/sbin/mysqld", "/usr/bin/a (b)"], "complain": ["snap.x"]}
    assert found["processes"] == {"/usr/sbin/mysqld (enforce)": 1}


def test_audit_lockdown_fips_and_policy(tmp_path):
    found = by_guard(host(tmp_path, {
        "/etc/audit/auditd.conf": "log_file = /data/audit.log\ndisk_full_action = HALT\n",
        "/etc/audit/rules.d/a.rules": "# none\n-w /etc/passwd -p wa\n-D\n",
        "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
        "/proc/sys/crypto/fips_enabled": "1\n",
        "/etc/crypto-policies/state/current": "FIPS\n", "/etc/crypto-policies/config": "# x\nFUTURE\n",
        "/proc/9/comm": "auditd\n",
    }))  # fmt: skip
    assert found["audit"]["disk_full_action"] == "HALT"
    assert (found["audit"]["running"], found["audit"]["rules"]) == (True, 2)
    assert found["lockdown"]["mode"] == "integrity"
    assert (found["crypto"]["fips"], found["crypto"]["policy"], found["crypto"]["configured"]) == (True, "FIPS", "FUTURE")


def test_a_stopped_daemon_is_not_asked(tmp_path):
    assert "fapolicyd-cli --check-status" in skipped(security, host(tmp_path / "a", {}))
    assert "fapolicyd-cli --check-status" in commands(security, host(tmp_path / "b", {"/proc/9/comm": "fapolicyd\n"}))
