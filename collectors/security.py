"""What may deny: SELinux, AppArmor, audit, lockdown, FIPS, cryptographic policy, fapolicyd; modes and flags of what every host needs."""

from __future__ import annotations

import os
from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Row, Source, Table, collector

from ._look import globbed, spelled, status
from ._places import places

FILES = """
/etc/selinux/{config,semanage.conf,restorecond.conf,*/setrans.conf,*/contexts/customizable_types} /etc/sysconfig/selinux /.autorelabel
/etc/selinux/*/contexts/files/file_contexts.{local,subs,subs_dist}
/sys/fs/selinux/{enforce,policyvers,deny_unknown,reject_unknown,mls,checkreqprot,avc/hash_stats}
/sys/fs/selinux/{booleans/*,policy_capabilities/*,ss/sidtab_hash_stats}
/var/lib/selinux/*/active/{booleans,file_contexts,ports,seusers,interfaces,nodes,users,users_extra}.local
/etc/selinux/*/active/{booleans,file_contexts,ports,seusers,interfaces,nodes,users}.local
/etc/selinux/*/modules/active/{booleans,file_contexts,ports,seusers,interfaces,nodes,users}.local
/var/lib/selinux/*/active/modules/disabled/* /var/lib/setroubleshoot/setroubleshoot_database.xml
/proc/self/attr/{current,apparmor/current,smack/current} /sys/kernel/security/{lsm,lockdown,apparmor/profiles,integrity/ima/policy}
/sys/kernel/security/integrity/ima/{violations,runtime_measurements_count} /sys/kernel/security/apparmor/features/**
/sys/module/apparmor/parameters/{enabled,mode,audit}
/etc/apparmor/* /etc/apparmor.d/* /etc/apparmor.d/{local,disable,force-complain,tunables}/**
/etc/audit/{auditd.conf,audit.rules,rules.d/*,audit-stop.rules,plugins.d/*} /etc/audisp/{audispd.conf,plugins.d/*} /proc/self/loginuid
/proc/sys/crypto/fips_enabled /etc/system-fips /etc/crypto-policies/{config,state/*,back-ends/*,local.d/*,policies/**}
/etc/ssl/openssl.cnf /etc/pki/tls/openssl.cnf /etc/pki/tls/openssl.d/* /etc/gnutls/config /etc/krb5.conf /etc/krb5.conf.d/*
/proc/sys/kernel/{modules_disabled,kexec_load_disabled,kptr_restrict,dmesg_restrict,perf_event_paranoid,unprivileged_bpf_disabled,sysrq}
/proc/sys/kernel/{unprivileged_userns_clone,apparmor_restrict_unprivileged_userns,io_uring_disabled,randomize_va_space,cap_last_cap}
/proc/sys/kernel/yama/ptrace_scope /proc/sys/fs/{protected_*,suid_dumpable} /proc/sys/user/max_user_namespaces /proc/sys/vm/mmap_min_addr
/proc/sys/kernel/seccomp/* /sys/kernel/security/evm /sys/kernel/security/tomoyo/profile
/etc/fapolicyd/{fapolicyd.conf,fapolicyd.rules,fapolicyd.trust,compiled.rules,rules.d/*,trust.d/*,fapolicyd-filter.conf}
/etc/{usbguard/usbguard-daemon.conf,usbguard/rules.conf,usbguard/rules.d/*,aide.conf,aide/aide.conf}
"""


def samples(_host: Host) -> Iterator[Source]:
    """Counters of refused and lost records."""
    yield File("/sys/fs/selinux/avc/cache_stats")


@collector(title="What may deny: SELinux, AppArmor, audit, lockdown, FIPS, cryptographic policy, modes of files", samples=samples)
def security(host: Host) -> Iterator[Source]:
    """Files first: they tell all that matters when no command can be run. `semanage` is dear and takes a lock: never."""
    yield Table("security", state, timeout=20)
    yield Table("places", places, timeout=20)
    yield from map(File, spelled(FILES))
    yield Table("security_local_policy", local_policy, timeout=20)
    yield from _commands(host)


def _commands(host: Host) -> Iterator[Source]:
    for words in (("sestatus", "-b"), ("sestatus", "-v"), ("getenforce",)):
        yield Command(words, folder="selinux")
    yield Command(("semodule", "-lfull"), folder="selinux", only_if="/sys/fs/selinux/enforce", timeout=30)
    # a kernel without audit answers with an error, and nothing is loaded by asking
    for words in (("auditctl", "-s"), ("auditctl", "-l")):
        yield Command(words, folder="auditd", timeout=10)
    yield Command(("apparmor_status",), folder="apparmor", timeout=20)
    yield Command(("update-crypto-policies", "--show"), folder="crypto", timeout=10)
    yield Command(("fips-mode-setup", "--check"), folder="crypto", timeout=20)
    stopped = "" if host.running("fapolicyd") else "fapolicyd is stopped"
    yield Command(("fapolicyd-cli", "--check-status"), folder="fapolicyd", skip=stopped, timeout=20)
    yield Command(("fapolicyd-cli", "--list"), folder="fapolicyd", only_if="/etc/fapolicyd", timeout=20)


# -- what the file system alone tells


def state(host: Host) -> Iterator[Row]:
    """One row for each guard: whether it is there, its mode now and its mode at the next boot."""
    yield {"guard": "lsm", "active": _first(host, "/sys/kernel/security/lsm"), "cmdline": _words(host)}
    yield _selinux(host)
    yield _apparmor(host)
    yield _audit(host)
    yield {"guard": "lockdown", "mode": _chosen(_first(host, "/sys/kernel/security/lockdown"))}
    yield {
        "guard": "crypto", "fips": _first(host, "/proc/sys/crypto/fips_enabled") == "1",
        "policy": _first(host, "/etc/crypto-policies/state/current"), "configured": _setting(host, "/etc/crypto-policies/config", ""),
    }  # fmt: skip
    yield {
        "guard": "fapolicyd", "installed": host.exists("/etc/fapolicyd"), "running": host.running("fapolicyd"),
        "permissive": _setting(host, "/etc/fapolicyd/fapolicyd.conf", "permissive"),
    }  # fmt: skip


def _selinux(host: Host) -> Row:
    enforce = _first(host, "/sys/fs/selinux/enforce")
    config = "/etc/selinux/config"
    booleans = {path.rpartition("/")[2]: host.text(path).split() for path in host.glob("/sys/fs/selinux/booleans/*")}
    return {
        "guard": "selinux",
        "present": bool(enforce),
        "mode": {"1": "enforcing", "0": "permissive"}.get(enforce, "disabled"),
        "configured": _setting(host, config, "SELINUX"),
        "policy": _setting(host, config, "SELINUXTYPE"),
        "config_mtime": _mtime(host, config),
        "relabel_at_boot": host.exists("/.autorelabel"),
        "context": _first(host, "/proc/self/attr/current"),
        "booleans_on": sorted(name for name, values in booleans.items() if values[:1] == ["1"]),
        "booleans_pending": sorted(name for name, values in booleans.items() if len(values) == 2 and values[0] != values[1]),
    }


def _apparmor(host: Host) -> Row:
    """Profiles by mode, from securityfs; which processes they confine."""
    modes: dict[str, list[str]] = {}
    for line in host.lines("/sys/kernel/security/apparmor/profiles"):
        name, _, mode = line.rpartition(" (")
        modes.setdefault(mode.rstrip(")"), []).append(name)
    confined: dict[str, int] = {}
    enabled = _first(host, "/sys/module/apparmor/parameters/enabled")
    for pid in host.pids() if enabled == "Y" else ():
        label = _first(host, f"/proc/{pid}/attr/apparmor/current") or _first(host, f"/proc/{pid}/attr/current")
        if label and label != "unconfined":
            confined[label] = confined.get(label, 0) + 1
    return {"guard": "apparmor", "present": bool(enabled), "enabled": enabled == "Y", "profiles": modes, "processes": confined}


def _audit(host: Host) -> Row:
    config = "/etc/audit/auditd.conf"
    names = (
        "log_file",
        "disk_full_action",
        "disk_error_action",
        "space_left_action",
        "admin_space_left_action",
        "max_log_file_action",
        "flush",
    )
    return {
        "guard": "audit", "running": host.running("auditd"), "cmdline": [word for word in _words(host) if word.startswith("audit")],
        **{name: _setting(host, config, name) for name in names},
        "rules": sum(not line.startswith("#") for path in globbed(host, "/etc/audit/rules.d/*.rules") for line in host.lines(path)),
    }  # fmt: skip


def _words(host: Host) -> list[str]:
    """Words of the kernel's command line that have to do with guards."""
    guards = ("selinux", "enforcing", "apparmor", "security", "lsm", "audit", "lockdown", "fips", "ima", "evm", "module.sig", "mitigations")
    return [word for word in host.text("/proc/cmdline").split() if word.startswith(guards)]


def _first(host: Host, path: str) -> str:
    """The first line of a file, without the NUL that labels end in."""
    return host.text(path).partition("\n")[0].strip("\0 \t")


def _chosen(text: str) -> str:
    """The choice in brackets: `none [integrity] confidentiality`."""
    return text.partition("[")[2].partition("]")[0]


def _setting(host: Host, path: str, name: str) -> str:
    """The last value of `name = value` in a file; of an empty name the first line that is no comment."""
    found = ""
    for line in host.lines(path):
        key, equals, value = line.partition("=")
        if line.startswith("#"):
            continue
        if not name:
            return line
        if equals and key.strip() == name:
            found = value.strip().strip("\"'")
    return found


def _mtime(host: Host, path: str) -> float | None:
    found = status(host, path)
    return found.st_mtime if found else None


def local_policy(host: Host) -> Iterator[Row]:
    """What the administrator added: modules by priority (the distribution's have 100), and files of local changes."""
    for store in globbed(host, "/var/lib/selinux/*/active /etc/selinux/*/active /etc/selinux/*/modules/active"):
        for path in globbed(host, f"{store}/{{*.local,policy.*,modules/disabled/*,modules/[0-9]*/*}}"):
            found = status(host, path)
            if found is None:
                continue
            parts = os.path.relpath(path, store).split("/")
            row = {"store": store, "path": path, "mtime": found.st_mtime, "size": found.st_size}
            if parts[0] == "modules":
                row |= {"module": parts[-1], "priority": parts[1]}
            yield row
