"""TLS that fails for a reason that the server itself showed us."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Origin, Severity, rule
from diagbundle.analyse.facts.certificates import Certificate, TlsComplaint
from diagbundle.analyse.facts.reach import Probe

DAY = 86400.0
LEAST = 2


def _about(host: str, said: Sequence[TlsComplaint], now: float, *, trust: bool) -> list[TlsComplaint]:
    """The complaints of the last day that name a server."""
    fresh = (each for each in said if not each.time or not now or now - each.time < DAY)
    return [each for each in fresh if each.is_trust is trust and host.lower() in each.hosts]


def _found(title: str, origin: Origin, those: Sequence[TlsComplaint], advice: str, subject: str) -> Finding:
    who = ", ".join(dict.fromkeys(each.who for each in those if each.who)) or "programs"
    return Finding(
        Severity.WARNING,
        title.replace("WHO", who).replace("TIMES", f"{len(those):,} times"),
        (origin, those[0].origin, *(each.origin for each in those[1:][-1:])),
        advice,
        subject=subject,
        since=min((each.time for each in those if each.time), default=0.0),
        latest=max(each.time for each in those),
    )


@rule("TLS005", "client certificates that servers ask for", Probe, TlsComplaint, About)
def client_certificates(probes: list[Probe], said: list[TlsComplaint], about: list[About]) -> Iterator[Finding]:
    """A server asks its clients for a certificate, and programs of this host fail in the handshake with it.

    Judged by our own handshake with the server and by logs: a warning where two lines of the last day and more name that server. The
    program shows no certificate, or one that the server does not accept (expired, of another authority). Give it its certificate and
    key; with `openssl s_client -connect HOST:PORT -cert FILE -key FILE` it can be tried, and the list of authorities that the server
    accepts seen.
    """
    asking = {each.target: each for each in probes if each.what == "tls" and each.more.get("wants_client_certificate") is True}
    for target, probe in asking.items():
        those = _about(probe.host, said, about[0].now, trust=False)
        if len(those) >= LEAST:
            yield _found(
                f"{target} asks for a client certificate, and connections of WHO fail in the handshake (TIMES)",
                probe.origin,
                those,
                f"Give the program its client certificate and key; try it: `openssl s_client -connect {target} -cert FILE -key FILE`.",
                target,
            )


@rule("TLS006", "self-signed certificates of servers", Certificate, TlsComplaint, About)
def self_signed(certificates: list[Certificate], said: list[TlsComplaint], about: list[About]) -> Iterator[Finding]:
    """A server's certificate is signed by nobody but itself, and programs of this host refuse it.

    Judged by what the server showed us and by logs: a warning where two lines of the last day and more name that server. Such a
    certificate is trusted only where it was installed: put it among the authorities that the program trusts (update-ca-certificates,
    update-ca-trust, keytool), or have the server get one of an authority that is trusted.
    """
    shown = {each.where: each for each in certificates if each.from_server and each.index == 0 and each.self_issued}
    for where, each in shown.items():
        those = _about(each.asked_for, said, about[0].now, trust=True)
        if len(those) >= LEAST:
            yield _found(
                f"the certificate of {where} is self-signed, and WHO does not trust it (TIMES)",
                each.origin,
                those,
                "Install it among the authorities that the program trusts, or have the server get one of an authority that is trusted.",
                where,
            )
