"""What people say of a host in sentences, and which claim that is."""

from __future__ import annotations

import re
from collections.abc import Callable

Value = Callable[[re.Match[str]], str]


def _fixed(value: str) -> Value:
    return lambda _: value


def _first(found: re.Match[str]) -> str:
    return next((each for each in found.groups() if each), "")


def _both(found: re.Match[str]) -> str:
    return f"{found[1]} {found[2]}"


def _mode(found: re.Match[str]) -> str:
    return f"not {found[2]}" if found[1] else found[2]


def _since(found: re.Match[str]) -> str:
    return f"not since {found[1]}"


def _what(found: re.Match[str]) -> str:
    return f"{found[1]} {found[2] or ''}{found[3]}"


def _state(found: re.Match[str]) -> str:
    return f"{found[1]} {'not ' if found[2] else ''}{found[3]}"


PROGRAMS = (
    "nginx|apache2?|httpd|haproxy|postgres(?:ql)?|mysqld?|mariadb|redis(?:-server)?|mongod|docker(?:d)?|containerd"
    "|kubelet|crio|podman|sshd|ssh|"
    "named|bind|dnsmasq|unbound|chronyd?|ntpd|rsyslogd?|syslog-ng|cron|crond|tomcat\\d*|elasticsearch|kafka"
    "|rabbitmq(?:-server)?|memcached|squid|"
    "postfix|dovecot|firewalld|ufw|auditd|NetworkManager|systemd-resolved|keepalived|php-fpm|grafana|prometheus"
    "|zookeeper|etcd|vault|consul|jenkins|gitlab"
)
"""Names of services that are known by name, without the word `service` beside them."""
_LIBRARIES = "openssl|glibc|systemd|openssh|java|openjdk|python3?|node(?:js)?|curl|kernel-headers|docker-ce|kubectl|kubeadm|helm|runc"
_UP = r"running|active|up|started|stopped|down|dead|failed|failing|crashed|inactive|disabled"


def _has(pattern: str) -> re.Pattern[str]:
    return re.compile(f"(?i){pattern}")


STATEMENTS: tuple[tuple[str, re.Pattern[str], Value], ...] = (
    (
        "kernel",
        _has(r"\bkernel(?:'s)?(?: version| release)?(?: is| was| of)?[ :=]{1,3}(?:linux )?v?(\d{1,2}\.\d{1,3}[\w.+~-]*[\w])"),
        _first,
    ),
    ("kernel", _has(r"\blinux (\d\.\d{1,3}\.\d[\w.+~-]*[\w])"), _first),
    ("selinux", _has(r"\bselinux(?: mode)?(?: is| was| has been| set to| in|:)?(?: now| currently| completely)?( not"
        r"| never)? ?(?:in )?(disabled|off|permissive|enforcing|enabled|on|active)\b"), _mode),
    ("selinux", _has(r"\b(?:disabled|turned off|switched off|no) selinux\b"), _fixed("disabled")),
    (
        "apparmor",
        _has(r"\bapparmor(?: is| was| has been|:)?(?: now| completely)?( not)? ?(disabled|off|enabled|on|active|loaded)\b"),
        _mode,
    ),
    ("firewall", _has(r"\b(?:firewalld?|iptables|nftables|ufw)(?: is| was| has been|:)?(?: now| completely"
        r"| currently)?( not)? ?(disabled|off|stopped|inactive|enabled|on|active|running)\b"), _mode),
    ("firewall", _has(r"\bno firewall\b|\b(?:disabled|turned off|stopped) the firewall\b"), _fixed("off")),
    ("disk", _has(r"\bdisks?(?: space)?(?: is| are)? (?:not|isn't|aren't|never) full\b|\b(?:enough|plenty of"
        r"|sufficient) (?:free )?(?:disk )?space\b|\bno disk (?:space )?problem"), _fixed("not full")),
    ("disk", _has(r"\b(?:disk|filesystem|file system|partition) is (full)\b"), _first),
    ("changed", _has(r"\bnothing (?:has |was |had )?(?:been )?changed\b|\bno(?:t any)? (?:recent )?changes\b|\b(?:did|have"
        r"|has)(?:n't| not) changed? anything\b|\bwithout any changes?\b"), _fixed("nothing")),
    ("reboot", _has(r"\bre-?(?:boot|start)ed (?:the |this )?(?:server|host|machine|system|box|vm|node|it)?\s?(today|yesterday"
        r"|this morning|last night|last week|(?:a|an|one|two|three|\d+) (?:minute|hour|day|week|month)s? ago|on \w+ \d+"
            r"|\d{4}-\d\d-\d\d)"), _first),
    ("reboot", _has(r"\b(?:not|never|n't)(?: been)? re-?boot(?:ed)? (?:it |this |the server )?(?:since|for) ([\w -]{2,30})"), _since),
    ("uptime", _has(r"\b(?:up for|uptime(?: is| of)?|been up(?: for)?)[ :]+((?:more than |over |about )?\d+ (?:minute|hour|day|week"
        r"|month|year)s?)"), _first),
    ("memory", _has(r"\b(\d+(?:\.\d+)? ?[KMGT]i?B?) (?:of )?(?:RAM|memory)\b"), _first),
    (
        "memory",
        _has(r"\b(?:enough|plenty of|sufficient) (?:free )?(?:memory|RAM)\b|\bnot? (?:out of|short of|low on) memory\b"),
        _fixed("enough"),
    ),
    ("cpus", _has(r"\b(\d{1,4}) ?(?:v?CPUs?|cores?|processors?)\b"), _first),
    ("virtual", _has(r"\b(?:running on|runs on|hosted (?:on|in)|is|on|in|a|an)\s+(?:an? )?(bare[ -]metal|physical (?:server|host"
        r"|machine)|virtual machine|VM\b|VMware|ESXi|vSphere|KVM|Hyper-V|Xen|EC2|AWS|Azure|GCP|Google Cloud|VirtualBox"
            r"|Proxmox|OpenStack|Nutanix)"), _first),
    ("arch", _has(r"\b(x86_64|amd64|aarch64|arm64|ppc64le|s390x|i686)\b"), _first),
    ("timezone", _has(r"\btime ?zone (?:is )?(?:set to )?([A-Z][A-Za-z]+/[A-Za-z_]+|UTC|GMT|CET|CEST|EST|EDT|PST|PDT)\b"), _first),
    (
        "synchronised",
        _has(r"\b(?:clocks?|time|NTP)(?: is| are)? (?:in sync|(?:properly |correctly )?synchroni[sz]ed|synced)\b"),
        _fixed("yes"),
    ),
    (
        "synchronised",
        _has(r"\b(?:clocks?|time|NTP)(?: is| are)? (?:out of sync|(?:not|n't) (?:in sync|synchroni[sz]ed|synced))\b"),
        _fixed("no"),
    ),
    ("proxy", _has(r"\bno (?:http )?proxy\b|\bproxy is not (?:used|set|configured)\b|\bwithout (?:a |any )?proxy\b|\b(?:does"
        r"|do) not use (?:a |any )?proxy\b"), _fixed("none")),
    ("proxy", _has(r"\bbehind (?:a|the|our) (?:corporate )?proxy\b|\bproxy is (?:used|set|configured)\b"), _fixed("yes")),
    ("port", _has(r"\bport (\d{1,5})(?:/tcp|/udp)? is (not )?(open|listening|closed|reachable|in use)\b"), _what),
    ("service", _has(rf"\b([\w@.:-]{{2,60}}?)(?:\.service| (?:service|daemon)) (?:is|was|has) (not )?(?:been )?({_UP})\b"), _state),
    ("service", _has(rf"\b({PROGRAMS}) (?:is|has) (not )?(?:been )?({_UP})\b"), _state),
    ("package", _has(rf"(?<![\w/-])({PROGRAMS}|{_LIBRARIES})(?: version| release)?(?: is)?[ /:-]{{1,2}}v?(\d{{1,4}}\.\d[\w.+~-]*)"), _both),
    ("ip", _has(r"\b(?:ip|ip address|address)(?: of (?:the|this) (?:server|host))?(?: is)?[ :]+(\d{1,3}(?:\.\d{1,3}){3})\b"), _first),
    ("dns", _has(r"\b(?:dns|name ?server)(?: server)?(?: is| at)?[ :]+(\d{1,3}(?:\.\d{1,3}){3})\b"), _first),
    ("hostname", _has(r"\bhost ?name is ([\w.-]{1,253}\w)"), _first),
    ("mount", _has(r"(?<!\S)(/[\w./-]{1,100}) is (not )?(mounted)\b"), _what),
    ("file", _has(r"(?<!\S)(/[\w./-]{1,200}) (exists|does not exist|is missing)\b"), _both),
)  # fmt: skip
