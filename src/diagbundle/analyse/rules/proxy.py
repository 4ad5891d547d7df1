"""Proxies: whether they answer, whether they change what they pass on, and whether they are set as they should be."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from diagbundle.analyse.api import About, Finding, Severity, Undecided, rule
from diagbundle.analyse.facts.certificates import Certificate
from diagbundle.analyse.facts.proxy import GarbledAnswer, ProxySetting
from diagbundle.analyse.facts.reach import Probe

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
REFUSES = {
    "proxy_wants_login": (
        Severity.WARNING,
        "wants a user name and a password (407)",
        "Set the proxy with its user name, or have this host let through without.",
    ),
    "forbidden": (
        Severity.WARNING,
        "does not let this host go to {to} (403)",
        "Have {to} allowed on the proxy, or name it in no_proxy if it can be reached directly.",
    ),
    "proxy_upstream": (
        Severity.WARNING,
        "cannot reach {to} itself ({status})",
        "Look on the proxy: its name server, its way out, or the server behind it is at fault.",
    ),
    "not_http": (
        Severity.CRITICAL,
        "answers with something that is no HTTP: its answers are garbled, or it is no proxy",
        "Look whether address and port of the proxy are right.",
    ),
    "closed": (
        Severity.CRITICAL,
        "closes the connection without an answer",
        "Look at the proxy's log; address and port may be those of another service.",
    ),
    "silent": (Severity.CRITICAL, "takes connections, but does not answer", "Look at the proxy: it is overloaded, hung, or not a proxy."),
    "error": (Severity.WARNING, "breaks off its answer", "Look at the proxy's log."),
    "captive_portal": (
        Severity.WARNING,
        "refuses the way to {to} ({status} {reason})",
        "Look at the proxy's log for the reason; it may not support CONNECT.",
    ),
    "proxy_error": (
        Severity.WARNING,
        "refuses the way to {to} ({status} {reason})",
        "Look at the proxy's log for the reason; it may not support CONNECT.",
    ),
}
HOUR, DAY = 3600.0, 86400.0
LOCAL = ("localhost", "127.0.0.1")


def proxy_of(probe: Probe) -> str:
    """`host:port` of the proxy that a probe went through."""
    return str(probe.more.get("proxy") or (f"{probe.address}:{probe.port}" if probe.address else ""))


@rule("PRX001", "answers of proxies", Probe, uses=(ProxySetting,), absent="no proxy is configured")
def proxies_answer(probes: list[Probe], settings: list[ProxySetting]) -> Iterator[Finding]:
    """Each configured proxy was connected to and asked for a tunnel (CONNECT) to a server that this host's configuration names.

    Critical: it cannot be reached, closes, stays silent, or sends a page for people (HTML) in place of a tunnel: a login page
    (captive portal), or no proxy at all. Warning: it wants a login (407), forbids the server (403), cannot reach it (502-504), or
    refuses CONNECT. 407 is a note where the setting holds a user name, which our probe does not send.
    Do: try `curl -v -x http://PROXY https://SERVER/`; correct address, port and login of the proxy; ask its owner for the rule.
    """
    asked = [probe for probe in probes if probe.way == "proxy" or (probe.kind == "tcp" and _is_proxy(probe, settings))]
    if not asked and any(each.name in PROXIES and each.value for each in settings):
        raise Undecided("a proxy is configured, but there was no server of the configuration to ask it for")
    reached = {probe.target for probe in asked if probe.outcome == "connected"}
    login = any("<removed>@" in each.value for each in settings)
    named: dict[str, str] = {}
    for probe in asked:
        if probe.what == "connect":
            named.setdefault(probe.target, f"{probe.address}:{probe.port}")
        if probe.what == "connect" and probe.outcome != "connected" and probe.target not in reached:
            yield _unreached(probe, f"{probe.address}:{probe.port}", settings)
            reached.add(probe.target)
        elif probe.what == "resolve" and probe.outcome == "not_resolved":
            yield _unreached(probe, probe.name, settings)
        elif probe.what in ("connect_through", "page") and probe.outcome not in ("tunnel", "answered", ""):
            yield _refused(probe, named.get(probe.target, "of this host"), settings, login=login)


def _is_proxy(probe: Probe, settings: Iterable[ProxySetting]) -> bool:
    return any(each.name in PROXIES and each.place == probe.target.lower() for each in settings)


def _setting(place: str, settings: Iterable[ProxySetting]) -> list[ProxySetting]:
    return [each for each in settings if each.name in PROXIES and place.partition(":")[0] in each.place][:1]


def _unreached(probe: Probe, place: str, settings: list[ProxySetting]) -> Finding:
    why = {
        "refused": "refuses connections: nothing runs there",
        "dropped": "does not answer",
        "not_resolved": "has a name that cannot be resolved",
    }
    return Finding(
        Severity.CRITICAL,
        f"the proxy {place} {why.get(probe.outcome, 'cannot be reached')}",
        (probe.origin, *(each.origin for each in _setting(place, settings))),
        f"Correct the proxy in {probe.file or 'its setting'}, or start it; programs that use it reach nothing",
        subject=place,
        detail=f"Named in {probe.named_by}. {probe.detail}".strip(),
        symptom=probe.outcome in ("no_route", "not_resolved", "neighbour_silent"),
    )


def _refused(probe: Probe, place: str, settings: list[ProxySetting], *, login: bool) -> Finding:
    to, status, reason = (str(probe.more.get(key) or "") for key in ("to", "status", "reason"))
    origins = (probe.origin, *(each.origin for each in _setting(place, settings)))
    if probe.outcome == "captive_portal" and not status.startswith(("4", "5")):
        title = f"the proxy {place} answers with an HTML page ({status} {reason}) in place of what was asked for"
        advice = "Read that page: the proxy wants a login, or shows an error; or the address belongs to a web server and not to a proxy"
        return Finding(Severity.CRITICAL, title, origins, advice, detail=_told(probe), subject=place)
    severity, words, advice = REFUSES.get(
        probe.outcome, (Severity.WARNING, f"did not open the way to {{to}} ({probe.outcome})", "Try it with curl -v -x.")
    )
    severity = Severity.NOTE if probe.outcome == "proxy_wants_login" and login else severity
    filled = [text.format(to=to, status=status, reason=reason) for text in (words, advice)]
    return Finding(severity, f"the proxy {place} {filled[0]}", origins, filled[1], detail=_told(probe), subject=place)


def _told(probe: Probe) -> str:
    return f"Asked for {probe.more.get('to') or probe.target}. {probe.detail}".strip()


@rule("PRX002", "answers that a proxy alters", Probe, uses=(Certificate, ProxySetting), absent="no proxy is configured")
def proxies_pass_on(probes: list[Probe], certificates: list[Certificate], settings: list[ProxySetting]) -> Iterator[Finding]:
    """The same server was asked directly and through the proxy, and both answers were compared.

    Critical: the page differs although the server gives the same page twice when asked directly: the proxy alters, truncates or
    garbles what it passes on, or sends a page (HTML) of its own. Programs then report broken JSON, wrong lengths or checksums.
    Warning: the certificate's issuer differs: the proxy decrypts TLS (interception), and programs with their own list of
    authorities (Java, Python, containers) refuse it. A note where this host trusts that issuer.
    Do: name the server in no_proxy, have it excepted on the proxy, or give the programs the proxy's authority.
    """
    trusted = {each.subject for each in certificates if not each.from_server}
    for probe in probes:
        if probe.what == "compare_pages" and probe.outcome == "differs":
            place = str(probe.more.get("proxy") or "")
            yield Finding(
                Severity.CRITICAL,
                f"the proxy {place} alters what it passes on: the answer of {probe.target} through it differs from the direct one",
                (probe.origin, *(each.origin for each in _setting(place, settings))),
                f"Name {probe.host} in no_proxy, or have the proxy mended; compare with `curl -x http://{place}`",
                detail=probe.detail,
                subject=place,
            )
        elif probe.what == "compare" and probe.outcome == "intercepted":
            issuer = str(probe.more.get("issuer_proxy") or "")
            known = issuer in trusted
            yield Finding(
                Severity.NOTE if known else Severity.WARNING,
                f"a proxy decrypts TLS to {probe.target}: the certificate shown through it differs, and is issued by {issuer}",
                (probe.origin,),
                "Have the server excepted on the proxy, or add that issuer to the authorities which the programs trust",
                detail=probe.detail + ("; this host trusts that issuer" if known else "; this host does not know that issuer"),
                subject=probe.target,
            )


@rule("PRX003", "agreement of proxy settings", ProxySetting)
def settings_agree(settings: list[ProxySetting]) -> Iterator[Finding]:
    """Programs differ in whether they read http_proxy or HTTP_PROXY: both should say the same in one place. A running service keeps
    the proxy that it was started with, whatever the files say since.

    Warning: lower and upper case differ in one file or one service, or a service uses a proxy that no file names any more (restart
    it), or a value is no address of a proxy. Proxies that differ between services by their own files are often meant: no finding.
    Do: write both spellings alike, restart the services that still have the old value.
    """
    by_place: dict[tuple[str, str], dict[str, ProxySetting]] = {}
    for each in settings:
        by_place.setdefault((each.where, each.name), {})[each.variable] = each
    for (where, name), spelled in by_place.items():
        if len({_meant(each) for each in spelled.values()}) > 1:
            low, high = list(spelled.values())[:2]
            yield Finding(
                Severity.WARNING if name in PROXIES else Severity.NOTE,
                f"{where} sets {low.variable} to {low.value or 'nothing'}, but {high.variable} to {high.value or 'nothing'}",
                (low.origin, high.origin),
                "Set both spellings to the same value",
                subject=f"{where} {name}",
            )
    yield from _stale(settings)
    for each in settings:
        if (
            each.name in PROXIES
            and each.value
            and not re.fullmatch(r"([a-z0-9+]+://)?(<removed>@)?(\[[0-9a-f:.%]+\]|[\w.-]+)(:\d{1,5})?/*", each.value, re.IGNORECASE)
        ):
            yield Finding(
                Severity.WARNING,
                f"{each.where} sets {each.variable} to {each.value[:80]!r}, which is no address of a proxy",
                (each.origin,),
                "Write it as http://HOST:PORT, without quotes or spaces",
                subject=each.where,
            )


def _meant(setting: ProxySetting) -> str:
    """A value without what makes no difference."""
    return setting.place if setting.name in PROXIES else " ".join(sorted(re.split(r"[,\s]+", setting.value.lower())))


def _stale(settings: list[ProxySetting]) -> Iterator[Finding]:
    """Services with a proxy that stands in no file, where files name another one."""
    filed = {each.place for each in settings if not each.running and each.name in PROXIES and each.place}
    old: dict[str, list[ProxySetting]] = {}
    for each in settings:
        if each.is_service and each.name in PROXIES and each.place and filed and each.place not in filed:
            old.setdefault(each.place, []).append(each)
    for place, users in old.items():
        who = ", ".join(dict.fromkeys(each.where for each in users[:3]))
        named = next(each for each in settings if not each.running and each.name in PROXIES and each.place)
        yield Finding(
            Severity.WARNING,
            f"{who} uses the proxy {place}, which no file names; configured is {named.place}",
            (*(each.origin for each in users[:3]), named.origin),
            "Restart the service, so that it takes the configured proxy, or look where it has the other one from",
            subject=place,
        )


@rule("PRX004", "exceptions from the proxy (no_proxy)", ProxySetting)
def exceptions(settings: list[ProxySetting]) -> Iterator[Finding]:
    """no_proxy names what is reached without the proxy. Where it lacks localhost and 127.0.0.1, programs of this host talk to each
    other through the proxy, which cannot know this host's loopback.

    A note; a warning where a service of a cluster or of containers is concerned, whose own network must never go through a proxy.
    Do: put localhost, 127.0.0.1, the host's own networks, and for Kubernetes the networks of services and pods into no_proxy.
    """
    places: dict[str, dict[str, ProxySetting]] = {}
    for each in settings:
        places.setdefault(each.where, {})[each.name] = each
    lacking = []
    for where, names in places.items():
        proxied = next((names[name] for name in PROXIES if name in names and names[name].value), None)
        if proxied and not _excepts_local(names["no_proxy"].value if "no_proxy" in names else ""):
            lacking.append((where, proxied))
    if lacking:
        cluster = any(re.search(r"kubelet|k3s|rke2|containerd|dockerd|crio|podman", where) and each.running for where, each in lacking)
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        yield Finding(
            Severity.WARNING if cluster else Severity.NOTE,
            f"{lacking[0][0]}{more} sets a proxy, but no exception for localhost and 127.0.0.1 (no_proxy)",
            tuple(each.origin for _, each in lacking[:3]),
            "Add no_proxy=localhost,127.0.0.1,::1 and this host's own networks beside the proxy",
            subject=lacking[0][0],
        )


def _excepts_local(value: str) -> bool:
    words = [word.strip().lower() for word in re.split(r"[,;\s|]+", value) if word.strip()]
    return "*" in words or any(word in LOCAL or _holds_loopback(word) for word in words)


def _holds_loopback(word: str) -> bool:
    try:
        return ipaddress.ip_address("127.0.0.1") in ipaddress.ip_network(word, strict=False)
    except ValueError:
        return False


@rule("PRX005", "answers that programs cannot read", GarbledAnswer, About, uses=(ProxySetting,))
def answers_are_read(garbled: list[GarbledAnswer], about: list[About], settings: list[ProxySetting]) -> Iterator[Finding]:
    """Programs wrote that the answer of a server was not what they expected: broken JSON, a page of HTML, bytes that are no text,
    wrong lengths or checksums.

    Where a proxy is set it is the first suspect: it may send pages of its own, or alter and cut what it passes on. Warning: at least
    two such lines in the last hour, or ten in the last day; without a proxy on this host, and for older or fewer lines, a note.
    Do: fetch the same address with and without the proxy (`curl -x`, `curl --noproxy "*"`), and compare.
    """
    now, said = about[0].now, sorted(garbled, key=lambda each: each.time)
    if not said:
        return
    ages = [now - each.time if now and each.time else 0.0 for each in said]
    bites = sum(age < HOUR for age in ages) > 1 or sum(age < DAY for age in ages) > 9
    proxy = next((each for each in settings if each.name in PROXIES and each.place), None)
    places = list(dict.fromkeys(each.place for each in reversed(said) if each.place))
    what = f"answers of {places[0]}" if places else "answers of servers"
    times = "once" if len(said) == 1 else f"{len(said):,} times"
    title = f"programs cannot read the {what}: invalid or malformed content ({said[-1].what}), {times} in the logs"
    yield Finding(
        Severity.WARNING if bites and proxy else Severity.NOTE,
        f"{title}; a proxy is set, {proxy.place}" if proxy else title,
        (*(each.origin for each in [said[0], *said[1:][-2:]]), *([proxy.origin] if proxy else [])),
        subject=places[0] if places else "",
        advice="Fetch the same address with the proxy and without it (`curl -x PROXY`, `curl --noproxy '*'`), and compare the answers",
        since=said[0].time,
        latest=said[-1].time,
        symptom=True,
    )
