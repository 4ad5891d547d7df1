"""Certificates: those that servers show, those that this host uses, and the chain behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from diagbundle.analyse.api import About, Finding, Severity, rule
from diagbundle.analyse.facts.certificates import Certificate, TrustCheck
from diagbundle.analyse.facts.reach import Probe

DAY = 86400.0
SOON, LATER = 14 * DAY, 30 * DAY
SHARE_SOON, SHARE_LATER = 0.1, 0.25
"""Parts of its life that are left: certificates that are renewed by themselves are short-lived, and renewed with a third left."""
STORE = 8
"""A file with more certificates than that is a store of authorities, not a chain."""
EXPIRED = 10
"""Of openssl: X509_V_ERR_CERT_HAS_EXPIRED."""
FEW = 20
"""A host that holds no more authorities than that has no store that we can read."""
IN_USE = re.compile(
    r"^/(etc/kubernetes/(pki/|[^/]+\.conf)|var/lib/kubelet/pki/[^/]+-current\.pem|var/lib/rancher/[^/]+/(server/tls|agent)/|etc/rancher/)"
)
"""What lies there is used, though no configuration that we read names it."""
STORES = re.compile(
    r"ca-?certificates|ca-bundle|ca-trust|/trust|/etc/ssl/certs/|/anchors/|tls-ca|cacert|mozilla|/roots?/|docker/certs\.d", re.IGNORECASE
)
LEFTOVER = re.compile(
    r"sites-available|snippets|conf-available|mods-available|example|sample|\.(rpmnew|rpmsave|dpkg-\w+|bak|old|orig|disabled)(:\d+)?$|~|snakeoil|localhost\.crt$|backup|archive|temporary-certs|0-self-signed|/postfix|/exim4?/"
)
PUBLIC = re.compile(
    r"Let's Encrypt|DigiCert|Sectigo|GlobalSign|GoDaddy|Go Daddy|Entrust|O=Amazon|Google Trust|Microsoft"
    r"|Actalis|Certum|SwissSign|D-Trust|thawte|GeoTrust"
    r"|RapidSSL|ZeroSSL|COMODO|QuoVadis|SSL Corp|Buypass|HARICA|Telekom Security|Certigna|Starfield|USERTRUST",
    re.IGNORECASE,
)
"""Authorities that every host knows: where their issuers are missing the server forgot to send them."""


def day(seconds: float) -> str:
    """`2026-10-18`."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}" if 0 < seconds < 2**37 else "?"


def _days(seconds: float) -> str:
    if seconds < 2 * DAY:
        return f"{seconds / 3600:.0f} hours"
    return f"{seconds / DAY:.0f} days"


def _ends(each: Certificate, now: float) -> tuple[Severity, str] | None:
    """How badly a certificate's dates stand, and in words."""
    left, life = each.not_after - now, max(each.not_after - each.not_before, 1.0)
    if left < 0:
        return Severity.CRITICAL, f"expired on {day(each.not_after)}, {_days(-left)} ago"
    if each.not_before > now:
        return Severity.CRITICAL, f"is not valid before {day(each.not_before)}: this host's clock says {day(now)}"
    if left < SOON and left < life * SHARE_SOON:
        return Severity.WARNING, f"expires in {_days(left)}, on {day(each.not_after)}"
    return (Severity.NOTE, f"expires in {_days(left)}, on {day(each.not_after)}") if left < LATER and left < life * SHARE_LATER else None


@rule("TLS001", "certificates that this host uses", Certificate, About)
def own_certificates(certificates: list[Certificate], about: list[About]) -> Iterator[Finding]:
    """Certificates in files that a configuration names, or that lie where Kubernetes and the like keep theirs, against the clock.

    Critical: expired, or not valid yet (then look at this host's clock first). Warning: less than 14 days and a tenth of its life
    are left, so that no automatic renewal is coming. Note: less than 30 days and a quarter; files that nothing seems to use.
    Stores of authorities hold expired roots on every host and are left out; so are examples and leftovers of packages.
    Do: renew the certificate, put it in place of the file, reload the server that uses it.
    """
    now = about[0].now
    files: dict[str, list[Certificate]] = {}
    for each in certificates:
        if not each.from_server and now:
            files.setdefault(each.where, []).append(each)
    for where, held in files.items():
        if len(held) > STORE or (STORES.search(where) and not held[0].named_by):
            continue
        for each in held:
            if told := _ends(each, now):
                yield _own(each, *told)
                break


def _own(each: Certificate, severity: Severity, how: str) -> Finding:
    used = bool(each.named_by or IN_USE.search(each.where)) and not (LEFTOVER.search(each.named_by) or LEFTOVER.search(each.where))
    root = each.index > 0 and each.self_issued
    by = f", which {each.named_by.rpartition(':')[0]} names," if each.named_by else ""
    return Finding(
        Severity.NOTE if not used or root or STORES.search(each.where) else severity,
        f"the certificate {each.common_name} in {each.where}{by} {how}",
        (each.origin,),
        _cure(each, how) if used else "If something uses it, renew it; otherwise remove the file",
        subject=each.where,
        since=each.not_after if "expired" in how else 0.0,
        detail=f"Valid {day(each.not_before)} to {day(each.not_after)}; issued by {each.issuer}."
        + (f" Named in {each.named_by}." if each.named_by else ""),
    )


def _cure(each: Certificate, how: str) -> str:
    if "not valid before" in how:
        return f"Compare this host's clock; if it is right, wait until {day(each.not_before)} or have the certificate reissued."
    return "Renew it, and reload the server that uses it."


@rule("TLS002", "certificates of servers", Certificate, About)
def server_certificates(certificates: list[Certificate], about: list[About]) -> Iterator[Finding]:
    """What the servers that this host's configuration names showed when asked for TLS just now, and this host's own servers.

    Critical: the server's certificate has expired, or is not valid yet by this host's clock (then the clock is the first suspect).
    Warning: it does not name the server that was asked for, an authority in its chain has expired, or less than 14 days and a
    tenth of its life are left. Self-signed ones are a note: they are trusted by being installed.
    Do: have the server's certificate renewed or reissued for the right name; for a wrong clock see the verdicts on time.
    """
    now = about[0].now
    told_of = {(each.subject, each.not_after) for each in certificates if not each.from_server and each.named_by}
    for each in certificates:
        ours = each.named_by.startswith("/proc/net/")
        if not each.from_server or not now or (ours and (each.subject, each.not_after) in told_of):
            continue
        told = _ends(each, now)
        if (each.subject, each.not_after) in told_of:
            told = None  # the file is told of
        if told and (each.index == 0 or (told[0] is Severity.CRITICAL and not each.self_issued)):
            what = "the certificate" if each.index == 0 else "an authority in the chain"
            yield Finding(
                told[0] if each.index == 0 else Severity.WARNING,
                f"{what} of {each.where} ({each.common_name}) {told[1]}",
                (each.origin,),
                "Compare this host's clock first; then wait, or have it reissued"
                if "before" in told[1]
                else "Have the certificate of that server renewed; compare this host's clock first",
                detail=f"Issued by {each.issuer}. Named in {each.named_by}.",
                subject=each.where,
            )
        if each.index == 0 and not ours and "does not name" in each.doubts:
            yield Finding(
                Severity.WARNING,
                f"the certificate of {each.where} is for {', '.join(each.names[:3]) or each.common_name}, not for {each.asked_for}",
                (each.origin,),
                f"Use a name of the certificate in {each.named_by}, or have it reissued with {each.asked_for}",
                detail=f"Issued by {each.issuer}.",
                subject=each.where,
            )


@rule("TLS003", "chains of servers' certificates", Certificate, uses=(TrustCheck,))
def chains(certificates: list[Certificate], checks: list[TrustCheck]) -> Iterator[Finding]:
    """A server must send its certificate with all authorities up to one that this host trusts.

    The host's own openssl tried to verify the server (codes 20, 21: issuer unknown or intermediate missing; 10: expired), or the
    server sent no certificate of an issuer whom this host knows. Warning where the issuer is a public authority, since then the
    server forgot to send the certificate in between, or where one has expired; else a note: authorities of a site are often known to
    the one program only (the cluster's, an LDAP client's). What programs themselves refused is told from their logs.
    Do: have the server send the intermediate certificates too; or install the issuing authority on this host
    (update-ca-certificates, update-ca-trust).
    """
    said = {check.server: check for check in checks}
    trusted = {each.subject for each in certificates if not each.from_server}
    servers: dict[str, list[Certificate]] = {}
    for each in certificates:
        if each.from_server and not each.through_proxy and not each.named_by.startswith("/proc/net/"):
            servers.setdefault(each.where, []).append(each)
    for server, check in said.items():
        if check.code not in (0, 18, 19) and not any(each.issuer in trusted for each in servers.get(server, [])):  # 18, 19: self-signed
            yield Finding(
                _weight(servers.get(server, []), expired=check.code == EXPIRED),
                f"this host does not trust the certificate of {server}: {check.text}",
                (check.origin, *(each.origin for each in servers.get(server, [])[:1])),
                "Have the server send its intermediate certificates, or install the issuing authority on this host",
                subject=server,
            )
    for server, chain in servers.items():
        if server not in said and _lacks_issuer(chain, trusted):
            yield Finding(
                _weight(chain),
                f"{server} does not send the certificate of its issuer {_name(chain[-1].issuer)}, and this host does not have it",
                (chain[-1].origin,),
                "Have the server send its intermediate certificates, or install that authority on this host",
                detail=f"{len(chain)} certificates were sent.",
                subject=server,
            )


def _weight(chain: Sequence[Certificate], *, expired: bool = False) -> Severity:
    return Severity.WARNING if expired or any(PUBLIC.search(each.issuer) for each in chain) else Severity.NOTE


def _lacks_issuer(chain: Sequence[Certificate], trusted: set[str]) -> bool:
    last = max(chain, key=lambda each: each.index)
    return len(trusted) > FEW and not last.self_issued and last.issuer not in trusted and last.subject not in trusted


def _name(subject: str) -> str:
    return next((part.strip()[3:] for part in subject.split(",") if part.strip().startswith("CN=")), subject)


@rule("TLS004", "TLS handshakes with servers", Probe)
def handshakes(probes: list[Probe]) -> Iterator[Finding]:
    """Servers that took a connection, but did not begin TLS.

    Silence or a closed connection after the greeting (a dead worker, or something in between that only accepts), an answer that is no
    TLS (a plain port, a proxy), or an alert: 40 no cipher in common (crypto policy, FIPS), 112 the server
    does not know this name, 116 it wants a certificate of ours. A warning; critical for the API server of a cluster.
    Servers that speak TLS 1.3 only are left to the host's openssl.
    Do: try `openssl s_client -connect HOST:PORT -servername NAME`.
    """
    for probe in probes:
        if probe.what != "tls" or probe.named_by.startswith("/proc/net/") or probe.outcome in ("certificates", "tls_1.3_only", "cut", ""):
            continue
        words = {
            "silent": "takes connections, but does not answer a TLS greeting",
            "closed": "closes the connection at the TLS greeting",
            "not_tls": "answers with something that is not TLS",
            "alert": f"refuses TLS with alert {probe.more.get('alert')}",
        }
        vital = probe.named_by.startswith(("/etc/kubernetes", "/var/lib/kubelet", "/etc/rancher", "/var/lib/rancher"))
        severity = Severity.CRITICAL if vital and not probe.way else Severity.WARNING
        yield Finding(
            severity,
            f"{probe.target} {words.get(probe.outcome, f'breaks off TLS ({probe.outcome})')}",
            (probe.origin,),
            f"Try `openssl s_client -connect {probe.target}`; look at that server's log, and at proxies in between",
            detail=probe.detail,
            subject=probe.target,
        )
