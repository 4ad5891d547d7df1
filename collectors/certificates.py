"""Certificates in the usual and in the configured places: names and dates only, whatever else the same file holds."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator

from diagbundle.collect.api import Host, Row, Source, Table, collector, read_certificates

from ._look import globbed, is_set, status

PLACES = """
/etc/{pki,ssl,letsencrypt/live,kubernetes/pki,docker/certs.d,nginx,httpd,apache2,haproxy,postfix,dovecot,exim4,openvpn,rancher,etcd,grafana}/**
/etc/{gitlab/ssl,ldap,rsyslog.d,traefik,consul.d,vault.d,mysql,postgresql,pgbouncer,rabbitmq,elasticsearch/certs,kibana,stunnel,mosquitto}/**
/etc/{ipsec.d/certs,swanctl/x509,swanctl/x509ca,openldap/certs,cockpit/ws-certs.d,puppetlabs/puppet/ssl/certs,redis,containerd/certs.d/*}/*
/var/lib/{kubelet/pki/*,rancher/*/server/tls/**,rancher/*/agent/*,pgsql/*/data/*,pgsql/data/*,mysql/*,acme/**,caddy/**,puppet/ssl/certs/*}
/usr/local/share/ca-certificates/** /usr/local/etc/**/ssl/** /opt/*/{ssl,certs,etc,conf}/** /srv/*/certs/**
"""
"""Where distributions, servers and vendors put certificates."""
KUBECONFIGS = "/etc/kubernetes/*.conf /var/lib/kubelet/kubeconfig /etc/rancher/*/*.yaml"
"""Client certificates lie in these as base64."""
SUFFIXES = (".crt", ".pem", ".cer", ".cert", ".der")
KEYSTORES = (".jks", ".p12", ".pfx", ".keystore", ".truststore")
"""Need a password: their name, size and date are all that is told."""
CONFIGS = """
/etc/{nginx,httpd,apache2,haproxy,dovecot,exim4,postgresql,mysql,my.cnf.d,syslog-ng,openldap,ldap,proftpd,openvpn,mosquitto,traefik,caddy}/**
/etc/{stunnel,lighttpd,squid,etcd,rabbitmq,grafana,elasticsearch,kibana,prometheus,zabbix,logstash,filebeat,varnish,unbound,vsftpd,redis}/**
/etc/{postfix/*.cf,my.cnf,redis.conf,mongod.conf,rsyslog.conf,rsyslog.d/*,vsftpd.conf,named.conf,docker/daemon.json,default/*,sysconfig/*}
/etc/{containerd/config.toml,containerd/certs.d/**,kubernetes/manifests/*.yaml}
/var/lib/kubelet/config.yaml /var/lib/pgsql/{*/data,data}/*.conf
"""
"""Configurations that name certificates."""
_NAMED = re.compile(r"""([\w.-]+)["']?[ \t]*[=:]?[ \t]*\[?[ \t]*["'<]{0,2}(/[^\s"',;\]>]+)""", re.ASCII)
"""A word and the absolute path that follows it."""
_MEANT = re.compile(
    r"cert(?!.*(key|path|dir))|(^|[-_.])crt($|[-_.]?file)|chain_?files?$|(^|[-_.]|client|netstreamdriver)ca([-_.]?file|)$", re.IGNORECASE
)
"""Words by which servers name a certificate."""
_BOTH = re.compile(r"(^|[.])(certificateKeyFile|PEMKeyFile)$")
"""Words by which servers name a file that holds key and certificate."""
MAX_FILES = 4000
MAX_CONFIG = 1 << 20
MAX_FILE = 8 << 20


@collector(title="Certificates: subject, issuer, dates and names")
def certificates(_host: Host) -> Iterator[Source]:
    """One table: the files themselves stay where they are, for many hold their key too."""
    yield Table("certificates", rows, timeout=60)


def rows(host: Host) -> Iterator[Row]:
    """A row for each certificate of each file, and one for each key store and each file that could not be read."""
    seen: dict[tuple[int, int], str] = {}
    for number, (path, named_by) in enumerate(candidates(host)):
        if number >= MAX_FILES:
            yield {"error": f"more than {MAX_FILES} files", "path": path}
            return
        yield from _file(host, path, named_by, seen)


def candidates(host: Host) -> Iterator[tuple[str, str]]:
    """Paths that may hold certificates, and the configuration that names them, configured ones first."""
    done: set[str] = set()
    named = ((found, where) for path, where in _configured(host) for found in _expanded(host, path))
    usual = ((path, "") for path in globbed(host, PLACES) if path.lower().endswith(SUFFIXES + KEYSTORES))
    others = ((path, "") for path in globbed(host, KUBECONFIGS))
    for path, where in (*named, *usual, *others):
        if path not in done and not path.endswith(".key"):
            done.add(path)
            yield path, where


def _configured(host: Host) -> Iterator[tuple[str, str]]:
    """Paths that configurations name, with `file:line`."""
    for config in globbed(host, CONFIGS):
        about = status(host, config)
        if about is None or about.st_size > MAX_CONFIG or config.lower().endswith((*SUFFIXES, *KEYSTORES, ".key", ".so", ".db")):
            continue
        for number, line in enumerate(host.text(config).split("\n"), 1):
            if not line.lstrip().startswith(("#", ";")):
                yield from ((path, f"{config}:{number}") for path in named_in(line[:2000]))


_COMMENT = re.compile(r"(?<=[\s;])#[^'\"]*$")
"""Behind a setting; what holds a quote may be part of a value."""


def named_in(line: str) -> list[str]:
    """Paths of certificates that a line of a configuration names."""
    return [match[2] for match in _NAMED.finditer(_COMMENT.sub("", line)) if _MEANT.search(match[1]) or _BOTH.search(match[1])]


def _expanded(host: Host, path: str) -> Iterator[str]:
    """The path, or what lies in it: haproxy's `crt` may name a directory."""
    if is_set(host, path):
        yield from host.glob(f"{path.rstrip('/')}/*")
    else:
        yield path


def _file(host: Host, path: str, named_by: str, seen: dict[tuple[int, int], str]) -> Iterator[Row]:
    """Rows of one file: its certificates, or why there are none. Many names lead to one file; it is told once."""
    about = status(host, path)
    row: dict[str, object] = {"path": path, **({"named_by": named_by} if named_by else {})}
    if about is None or not stat.S_ISREG(about.st_mode):
        if named_by:
            yield {**row, "error": "there is no such file"}
        return
    first = seen.setdefault((about.st_dev, about.st_ino), path)
    row |= {"size": about.st_size, "mtime": about.st_mtime, "mode": f"{stat.S_IMODE(about.st_mode):04o}", "uid": about.st_uid}
    if first != path:
        yield from ({**row, "same_as": first} for _ in [0] if named_by)
    elif path.lower().endswith(KEYSTORES):
        yield {**row, "kind": "key store"}
    elif about.st_size > MAX_FILE:
        yield {**row, "error": "too large for certificates"}
    else:
        found = read_certificates(host.text(path).encode("utf-8", "surrogateescape"))
        yield from ({**row, **one} for one in found)
        if not found and named_by:
            yield {**row, "error": "no certificate in it, or not to be read"}
