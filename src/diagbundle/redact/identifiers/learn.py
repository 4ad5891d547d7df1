"""Names of hosts, domains and people out of the files that hold them. Pure functions: the text of a file in, names by kind out."""

# ruff: noqa: PLR2004 - the numbers are columns of the files named beside them

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from diagbundle.redact.identifiers.domains import NO_HOSTS, SUFFIXES
from diagbundle.redact.identifiers.people import NO_USERS, SYSTEM
from diagbundle.redact.identifiers.pseudonym import STANDIN
from diagbundle.redact.identifiers.rewrite import LONGEST, SHORTEST, Rewriter

Name = tuple[str, bytes]
"""Kind (`host`, `domain`, `user`) and name."""
PEOPLE = range(1000, 60_001)
"""User ids of people and not of services."""

COMMON = frozenset(
    b"""admin administrator test tests testing tester data database user users username mail email web www db node nodes app apps api dev
    prod production stage staging server servers service services backup backups guest demo info support cache queue master worker main home
    local log logs file files host hosts client gateway router proxy mysql postgres docker kube cluster cloud storage monitor monitoring
    build builder deploy deployer deployment release ansible puppet jenkins gitlab git svn ftp sftp ssh vpn dns ntp dhcp ldap smtp imap
    oracle sap hadoop spark kafka vagrant ubuntu debian centos fedora rocky alma suse opensuse rhel redhat arch linux unix windows mac
    ec2-user cloud-user core pi operator manager system default public private shared common internal external office lab debug error
    warning start stop status active running primary secondary replica shard index store shop site portal frontend backend search report
    reports batch cron job jobs task tasks media video audio print printer scan scanner kiosk console terminal session access security max
    min mark marks bill will may art hope joy sue pat ray rob drew chase grant frank rose dean jack lance miles grace faith dawn summer
    april june august brown black white green gray grey gold stone wood fields page pages price rich long short young little bush ford
    lane street park hall wells banks bond case cook cooper baker carter mason taylor walker hunter fisher miller smith""".split()
)
"""Words that are also names: they are replaced only in the place of a user or a host, or as a part of a longer name."""


def wide(names: Iterable[Name]) -> dict[str, list[bytes]]:
    """Those by kind that may be replaced wherever they stand: not too short, no common word, no system account, no stand-in."""
    found: dict[str, set[bytes]] = {"host": set(), "domain": set(), "user": set()}
    for kind, name in names:
        small = name.lower().strip(b".")
        if SHORTEST <= len(small) <= LONGEST and not _floods(kind, small):
            found[kind].add(small)
    return {kind: sorted(some) for kind, some in found.items()}


def _floods(kind: str, name: bytes) -> bool:
    if STANDIN.match(name) or not re.fullmatch(rb"[0-9a-z_\x80-\xff][^\x00-\x20\x7f]*", name) or re.fullmatch(rb"[0-9.:-]+", name):
        return True
    if name in COMMON or name in NO_HOSTS or name in SYSTEM or name in SUFFIXES:
        return True
    return kind == "user" and name in NO_USERS


def host(name: bytes) -> Iterator[Name]:
    """A host, and if its name has a domain, the domain and the name without it."""
    name = name.strip().rstrip(b".").removeprefix(b"*.")
    if not name or re.fullmatch(rb"[0-9.:a-fA-F]*[.:][0-9.:a-fA-F]*", name) or name.lower().startswith((b"localhost", b"ip6-")):
        return
    yield "host", name
    first, dot, rest = name.partition(b".")
    if dot:
        if re.search(rb"[0-9-]", first):  # else it may be a word: orders.example.com
            yield "host", first
        if b"." in rest or rest.lower() not in SUFFIXES:
            yield "domain", rest


def hostname(text: bytes) -> Iterator[Name]:
    """/etc/hostname, /etc/mailname, `uname -n`, `hostname -f`: a name."""
    for line in text.splitlines():
        if not line.startswith(b"#"):
            yield from host(line)
            yield "host", line.strip().partition(b".")[0]


def hosts(text: bytes) -> Iterator[Name]:
    """/etc/hosts."""
    for line in text.splitlines():
        for name in line.partition(b"#")[0].split()[1:]:
            yield from host(name)


def resolv(text: bytes) -> Iterator[Name]:
    """/etc/resolv.conf: search and domain."""
    for line in text.splitlines():
        first, *rest = line.split() or [b""]
        if first.lower() in (b"search", b"domain"):
            yield from (("domain", name.strip(b".")) for name in rest)


def passwd(text: bytes) -> Iterator[Name]:
    """/etc/passwd: people, and whoever has a folder in /home."""
    for line in text.splitlines():
        fields = line.split(b":")
        if len(fields) < 7:
            continue
        folder = fields[5].rstrip(b"/").rpartition(b"/")
        if (fields[2].isdigit() and int(fields[2]) in PEOPLE) or folder[0].startswith(b"/home"):
            yield "user", fields[0]
            if folder[0].startswith(b"/home"):
                yield "user", folder[2]


def krb5(text: bytes) -> Iterator[Name]:
    """krb5.conf: realms, their domains and servers."""
    for match in re.finditer(
        rb"(?m)^\s*(?:default_realm|default_domain)\s*=\s*(\S+)|^\s*\.?([\w.-]+)\s*=\s*(?:\{|([A-Z][\w.-]+)\s*$)", text
    ):
        yield from (("domain", name.strip(b".")) for name in match.groups() if name and b"." in name.strip(b"."))
    for match in re.finditer(rb"(?m)^\s*(?:kdc|admin_server|kpasswd_server|master_kdc)\s*=\s*([\w.-]+)", text):
        yield from host(match[1])


def sssd(text: bytes) -> Iterator[Name]:
    """sssd.conf: domains and servers."""
    for match in re.finditer(
        rb"(?m)^\s*\[domain/([^\]/]+)|^\s*(?:domains|ad_domain|ipa_domain|krb5_realm|dns_discovery_domain)\s*=\s*(.+)$", text
    ):
        yield from (("domain", name) for group in match.groups() if group for name in re.split(rb"[\s,]+", group) if name)
    for match in re.finditer(rb"(?m)^\s*(?:ad_server|ipa_server|ad_hostname|ipa_hostname|krb5_server|ldap_uri)\s*=\s*(.+)$", text):
        for name in re.split(rb"[\s,]+", match[1]):
            yield from host(re.sub(rb"^ldaps?://|[:/].*$", b"", name))


def samba(text: bytes) -> Iterator[Name]:
    """smb.conf: workgroup, realm, NetBIOS name."""
    for match in re.finditer(rb"(?mi)^\s*(workgroup|realm|netbios name|netbios aliases)\s*=\s*(.+?)\s*$", text):
        kind = "host" if match[1].lower().startswith(b"netbios") else "domain"
        yield from ((kind, name) for name in match[2].split())


def known_hosts(text: bytes) -> Iterator[Name]:
    """known_hosts, where names are not hashed."""
    for line in text.splitlines():
        words = line.split()
        if words and words[0].startswith(b"@"):
            words = words[1:]
        if len(words) > 2 and not words[0].startswith((b"|", b"#")):
            for name in words[0].split(b","):
                yield from host(re.sub(rb"^\[(.*)\](:[0-9]+)?$", rb"\1", name))


def iqn(text: bytes) -> Iterator[Name]:
    """initiatorname.iscsi: what follows the naming authority, if it is a name and no number."""
    for match in re.finditer(rb"(?m)^\s*InitiatorName\s*=\s*(?:iqn\.[0-9-]+\.[\w.-]+):([\w.-]+)", text):
        if not re.fullmatch(rb"[0-9a-fA-F.:-]+", match[1]):
            yield from host(match[1])


def cloud(text: bytes) -> Iterator[Name]:
    """instance-data.json of cloud-init: host names, and the users it makes."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _in_cloud(data, 0)


def _in_cloud(value: Any, depth: int) -> Iterator[Name]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in pairs if depth < 20 else ():
        text = one.encode("utf-8", "surrogatepass") if isinstance(one, str) else b""
        if text and str(key).replace("-", "_") in ("local_hostname", "public_hostname", "hostname", "fqdn"):
            yield from host(text)
        elif text and key in ("default_username", "username"):
            yield "user", text
        else:
            yield from _in_cloud(one, depth + 1)


def cluster(text: bytes) -> Iterator[Name]:
    """Node lists: corosync.conf, the CIB of Pacemaker, slurm.conf."""
    corosync = rb"^\s*(?:ring[0-9]_addr|name|cluster_name)\s*:\s*([\w.-]+)\s*$"
    for match in re.finditer(corosync + rb'|\buname="([\w.-]+)"|^\s*(?:NodeName|SlurmctldHost)=([\w.-]+)', text, re.MULTILINE):
        yield from host(next(name for name in match.groups() if name))


def certificate(text: bytes) -> Iterator[Name]:
    """Names of subjects, as `openssl x509 -text` prints them."""
    for match in re.finditer(rb"\bCN\s*=\s*([\w*.-]+)|\bDNS:([\w*.-]+)", text):
        if b"." in (match[1] or match[2]):
            yield from host(match[1] or match[2])


def homes(text: bytes) -> Iterator[Name]:
    """Names in /home, one a line."""
    yield from (("user", name) for name in text.split(b"\n") if name and name != b"lost+found" and not name.startswith(b"."))


def log(text: bytes) -> Iterator[Name]:
    """Who is met in a log: the hosts of its lines, and users and hosts in their places; by the rewriter's own grammar."""
    met: list[Name] = []

    def note(kind: str, name: bytes) -> bytes:
        if kind in ("user", "domain"):
            met.append((kind, name))
        elif kind == "host":
            met.extend(host(name))
        return name

    Rewriter({}, SUFFIXES, note).rewrite(text, 0, len(text), ())
    yield from met


FILES: Mapping[str, Callable[[bytes], Iterator[Name]]] = {
    "/etc/hostname": hostname,
    "/proc/sys/kernel/hostname": hostname,
    "/etc/mailname": hostname,
    "/etc/hosts": hosts,
    "/etc/resolv.conf": resolv,
    "/etc/passwd": passwd,
    "/etc/krb5.conf": krb5,
    "/etc/sssd/sssd.conf": sssd,
    "/etc/samba/smb.conf": samba,
    "/etc/ssh/ssh_known_hosts": known_hosts,
    "/root/.ssh/known_hosts": known_hosts,
    "/etc/iscsi/initiatorname.iscsi": iqn,
    "/run/cloud-init/instance-data.json": cloud,
    "/etc/corosync/corosync.conf": cluster,
    "/var/lib/pacemaker/cib/cib.xml": cluster,
    "/etc/slurm/slurm.conf": cluster,
}
"""Files of this host and how each is read."""
LOGS = ("/var/log/syslog", "/var/log/messages", "/var/log/auth.log", "/var/log/secure")
"""Logs whose last part is worth a look with `log`."""
