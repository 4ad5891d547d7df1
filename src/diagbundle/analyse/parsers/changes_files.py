"""Configuration, units, programs and certificates: files whose date says that they were changed lately."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, parser
from diagbundle.analyse.facts.change import (
    APPARMOR,
    AUDIT,
    CERTIFICATE,
    CLOCK,
    CONFIGURATION,
    CONTAINER,
    CRON,
    FIREWALL,
    KERNEL,
    NETWORK,
    PROGRAM,
    REPOSITORY,
    SELINUX,
    SYSCTL,
    UNIT,
    USER,
    Change,
)

_KINDS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (SELINUX, r"/etc/selinux/|/etc/sysconfig/selinux"),
        (APPARMOR, r"/etc/apparmor"),
        (AUDIT, r"/etc/audit/"),
        (
            FIREWALL,
            r"/etc/(?:firewalld|nftables|iptables|ufw|sysconfig/(?:ip6?tables|nftables|SuSEfirewall2|firewalld)|default/ufw|nftables\.conf|shorewall|csf)",
        ),
        (SYSCTL, r"/etc/sysctl\.|/etc/modprobe\.|/etc/modules|/etc/tuned/|/usr/lib/sysctl\.d"),
        (UNIT, r"/(?:etc|usr/lib|run|usr/local/lib)/systemd/(?:system|user)/|/etc/init\.d/|/etc/systemd/[^/]+\.conf"),
        (CRON, r"/etc/(?:cron|anacrontab)|/var/spool/cron"),
        (REPOSITORY, r"/etc/(?:yum\.repos\.d|apt/|dnf/|zypp/|yum\.conf|yum/|apk/repositories|pacman)"),
        (USER, r"/etc/(?:passwd|group|gshadow|shadow|subuid|subgid|sudoers|security/|pam\.d/|ssh/|login\.defs)"),
        (CLOCK, r"/etc/(?:chrony|ntp|localtime|timezone|systemd/timesyncd|adjtime)"),
        (
            NETWORK,
            r"/etc/(?:network|netplan|NetworkManager|sysconfig/network|resolv\.conf|hosts|nsswitch\.conf|hostname|systemd/(?:network|resolved)|dhcp)",
        ),
        (CERTIFICATE, r"/etc/(?:pki|ssl|letsencrypt)/|(?!.*/site-packages/|.*/node_modules/).*\.(?:crt|pem|cer|key|p12|jks)\Z"),
        (CONTAINER, r"/etc/(?:docker|containers|containerd|kubernetes|cni|crio)/"),
        (KERNEL, r"/boot/|/lib/modules/|/etc/default/grub|/etc/grub|/etc/dracut|/etc/initramfs-tools"),
        (PROGRAM, r"/opt/|/usr/local/(?!etc/)"),
    )
)
_NOISE = re.compile(
    r"/etc/(?:mtab|\.pwd\.lock|ld\.so\.cache|\.updated|machine-id|lvm/(?:archive|backup|cache)/|cups/subscriptions|alternatives/|rc\d\.d/|udev/hwdb\.bin"
    r"|blkid|\.etckeeper|\.git/|selinux/[^/]+/(?:active|policy|modules|contexts/files/.*\.bin)|apparmor\.d/cache|pki/ca-trust/extracted|ssl/certs/[\w-]+\.(?:0|pem)"
    r"|aliases\.db|postfix/\w+\.db|systemd/system/[^/]+\.(?:wants|requires)/.*snap|sgml/|xml/|fonts/|mailcap|group-|passwd-|gshadow-|shadow-|subuid-|subgid-)"
    r"|__pycache__|\.pyc\Z|\.sw[op]\Z|~\Z|[./]lock\Z|\.pid\Z|/lib/modules/[^/]+/modules\.|/boot/grub2?/(?:grubenv|i386|x86_64|fonts|locale)"
    r"|\.log(?:\.\d+|-\d+)?(?:\.gz)?\Z|/logs?/|/cache/|/var/(?!spool/cron)|/opt/[^/]+/(?:data|db|tmp|run|state)/|/opt/.*\.(?:db|wal|tmp)\Z"
)
"""What changes by itself, or by the program that owns it."""
_SAME = 120.0
"""Seconds by which the two dates of a file differ that was written in place."""


@parser(Change, "diagbundle/tables/changed_files")
def changed_files(doc: Document) -> Iterator[Change]:
    """Files by date: content when `mtime` is new; where only `ctime` is, it was unpacked, moved, or its mode or owner changed."""
    now = 0.0
    for row in doc.rows:
        now = row.number("now") or now
        path, mtime, ctime = row.text("path"), row.number("mtime"), row.number("ctime")
        if not path or row.text("type") not in {"file", "link"} or not ctime or _NOISE.search(path):
            continue
        is_written = abs(ctime - mtime) <= _SAME
        time = mtime if is_written else ctime
        if now and time > now + _SAME:
            continue
        action = "changed" if is_written else "replaced or given other rights"
        yield Change(time, kind_of(path), path, action, attributes=not is_written, origin=row.origin)


def kind_of(path: str) -> str:
    """What a file is about."""
    return next((kind for kind, pattern in _KINDS if pattern.match(path)), CONFIGURATION)


@parser(Change, "diagbundle/tables/certificates")
def certificates(doc: Document) -> Iterator[Change]:
    """Certificates whose file was written after they were issued: renewed, or put there by hand."""
    for row in doc.rows:
        if row["ca"] is not True and not row.text("same_as") and row.number("mtime") and row.number("index") == 0 and row.text("not_after"):
            new = f"for {row.text('subject')}, valid until {row.text('not_after')[:10]}"
            yield Change(row.number("mtime"), CERTIFICATE, row.text("path"), "changed", "", new, origin=row.origin)


@parser(Change, "sos_commands/changes/git_*")
def etckeeper(doc: Document) -> Iterator[Change]:
    """Commits of a repository in /etc: who, when, why, and how many files."""
    author, time, origin, subject = "", 0.0, None, ""
    for line in doc.lines:
        if found := re.match(r"Author: *([^<]*)", line):
            author, time, subject = found[1].strip(), 0.0, ""
        elif line.startswith("Date:"):
            time, origin = doc.clock.read(line[5:].strip())[0], line.origin
        elif time and not subject and line.startswith("    ") and line.strip():
            subject = line.strip()[:80]
        elif time and origin and (count := re.match(r" (\d+) files? changed", line)):
            yield Change(time, CONFIGURATION, "the history of /etc", "written", "", f"{count[1]} files, {subject}", author, origin=origin)
            time = 0.0
