"""What programs complain of, in the words of many programs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Event, log_parser, parser
from diagbundle.analyse.facts.products import WORKS, Denied, FatalLine, FileMode, PortTaken, Unreached
from diagbundle.analyse.facts.speaker import who

MAX = 2000
"""Characters of a line that are looked at."""


# -- ports

_PORT = (
    re.compile(r"(?i)\bport[ :=#]*(\d{1,5})\b"),
    re.compile(r"[\])\w*.:]?:(\d{1,5})(?![\d.]|:\d)"),
    re.compile(r"['\"], ?(\d{1,5})\)"),
    re.compile(r"Connector\[\"?[\w./-]+-(\d{1,5})"),
)


def port_of(text: str) -> int:
    """The port that a line names; 0 where it names none."""
    for form in _PORT:
        if (found := form.search(text)) and 0 < int(found[1]) < 1 << 16:
            return int(found[1])
    return 0


@log_parser(
    PortTaken,
    "address already in use",
    "eaddrinuse",
    "port is already allocated",
    "was already in use",
    "address in use",
    "running on port: ",
    "already running on port ",
)
def ports_taken(event: Event) -> Iterator[PortTaken]:
    """Of Java's lines the port often stands in another one; PostgreSQL's and MySQL's hints name it."""
    if not event.is_kernel:
        yield PortTaken(who(event), port_of(event.text[:MAX]), event.time, origin=event.origin)


# -- files

_PATH = re.compile(r"(?:^|(?<=[\s\"'(\[=:,`\u2018\u201c<]))/(?!/)(?:[\w.@%+~#-]+/)*[\w.@%+~#-]+")
_ASKS_A_PERSON = re.compile(
    r"(?i)publickey|password|keyboard-interactive|try again|client denied|smbd|pkgAcquire|\bfind: |for (?:table"
    r"|relation|schema|database|function|sequence)\b|Failed at step (?!EXEC\b)"
)
_NEVER_TO_ROOT = re.compile(r"/(?:proc|sys|dev)/|/run/user/|.*/\.?gvfs(?:/|$)|.*/\.Xauthority$|.*/\.cache/doc(?:/|$)")
"""What even root, or everybody but its owner, is refused on a sound host: FUSE mounts of desktops, and the kernel's files."""
_PRIVILEGE = re.compile(
    r"(?i)nice|prio|sched|affinity|rlimit|limit|mount|namespace|cgroup|keyring|capab|\bnet|route|iptables|nft|socket|bpf|perf|ptrace|kill"
    r"|signal|ioctl|mknod|sysctl|modprobe|module|clock|hwclock|rtc|settime|oom_score|audit|chroot|/(?:proc|sys|dev)/|euid|setuid|setgid"
)
"""What may be forbidden to a program (often in a container) and is no file."""
_TEMPORARY = re.compile(r"(/tmp|/var/tmp|/dev/shm)/[^/]+$")  # names in lines, no files of ours
_CREATES = re.compile(r"(?i)creat|mktemp|mkdir|touch|mkstemp|for writing")
"""Who may create nothing in a folder that is for all is told of the folder, not of the name that was tried."""
_NO_SERVICES = {
    "sshd",
    "sudo",
    "su",
    "login",
    "audit",
    "find",
    "updatedb",
    "sftp-server",
    "smbd",
    "vsftpd",
    "proftpd",
    "polkitd",
    "gdm",
    "bash",
    "auditd",
    "ausearch",
}


@log_parser(Denied, "permission denied", "eacces", "accessdeniedexception", "operation not permitted")
def denials(event: Event) -> Iterator[Denied]:
    """`open /x: permission denied`, `Permission denied: '/x'`, `EACCES … '/x'`, `bind() to 0.0.0.0:80 failed (13: …)`."""
    text = event.text[:MAX]
    if event.is_kernel or event.facility in _NO_SERVICES or event.facility.startswith("systemd-") or _ASKS_A_PERSON.search(text):
        return
    at = re.search(r"(?i)permission denied|eacces|accessdeniedexception|operation not permitted", text)
    if not at or (at[0].lower().startswith("oper") and _PRIVILEGE.search(text)):
        return
    if re.search(r"(?i)\bbind\b|listen(?:ing)? (?:tcp|on|socket)", text) and (port := port_of(text)):
        yield Denied(who(event), "", port, event.time, origin=event.origin)
        return
    paths = [
        found
        for found in _PATH.finditer(re.sub(r"unix:(?://)?", lambda found: " " * len(found[0]), text))
        if not _NEVER_TO_ROOT.match(found[0])
    ]
    before = [found[0] for found in paths if found.end() <= at.start()]
    after = [found[0] for found in paths if found.start() >= at.end()]
    path = (
        after[0]
        if after and (not before or re.match(r"[^/]{0,4}:", text[at.end() :]) or "," in text[at.end() : at.end() + 2])
        else before[-1]
        if before
        else ""
    )
    if made := _TEMPORARY.match(path):
        path = made[1] if "XXX" in path or _CREATES.search(text) else path
    if path:
        yield Denied(who(event), path.rstrip(".:"), 0, event.time, at[0].lower().startswith("oper"), origin=event.origin)


@parser(FileMode, "diagbundle/tables/changed_files")
def modes(doc: Document) -> Iterator[FileMode]:
    """Of what was changed lately: a mode that denies today and did not last month was changed lately."""
    for row in doc.rows:
        if row.text("path") and row.text("mode"):
            yield FileMode(row.text("path"), row.text("mode"), row.whole("uid"), row.whole("gid"), origin=row.origin)


# -- other servers

_WHAT = (
    ("refused", re.compile(r"(?i)connection refused|econnrefused|actively refused")),
    ("reset", re.compile(r"(?i)connection reset|econnreset")),
    ("no route", re.compile(r"(?i)no route to host|ehostunreach|network is unreachable|enetunreach")),
    (
        "closed early",
        re.compile(r"(?i)prematurely closed|error reading status line|error reading from remote server|backend closed connection"),
    ),
    (
        "no server left",
        re.compile(
            r"(?i)no live upstreams|has no server available|no healthy upstream|all workers are in error state|no servers? (?:is "
            r"|are )?available"
        ),
    ),
    ("is missing", re.compile(r"failed \(2: No such file")),
    ("timed out", re.compile(r"(?i)timed out|etimedout|timeout|deadline exceeded")),
    ("full queue", re.compile(r"unix:\S+ failed \(11: Resource temporarily unavailable\)|\(11\)Resource temporarily unavailable: AH")),
    ("failed checks", re.compile(r"Server [\w.-]+/[\w.-]+ is DOWN, reason: Layer[67]")),
    ("not established", re.compile(r"Connection to node -?\d+ \([^)]{1,200}\) could not be established")),
)
_TARGET = (
    re.compile(r"Connection to node -?\d+ \((?:[\w.-]*/)?([\w.:\[\]-]+:\d{1,5})\)"),
    re.compile(r"failed to connect to [\w.-]+ \(([\w.:]+)\)"),
    re.compile(r"upstream: \"(?:\w+://)?(unix:[^\s\":]+|[^\s\"/]+)"),
    re.compile(r"(?i)attempt to connect to (\S+?:\d+)"),
    re.compile(r"(?i)(?:from remote server|connection to backend|from proxy server):? ([\w.-]+(?::\d+)?)"),
    re.compile(r"(?i)(?:backend|remote server|proxy server|server) (?!returned|at\b)([\w.-]+[./:][\w.:/-]*\w)"),
    re.compile(
        r"(?:connect|dial)(?:ing)?(?: to)? (?:tcp[46]? |to )?\[?((?:\d{1,3}\.){3}\d{1,3}:\d{1,5}|[\w.-]+:\d{1,5}|[0-9a-f:]+\]:\d{1,5})"
    ),
    re.compile(r"ECONN\w+ ([\w.:-]+:\d{1,5})"),
    re.compile(
        r"(?i)(?:host|server) (?:at )?[\"'(]?([\w.-]+)[\"')]?(?: \([\d.:a-f]+\))?,? (?:and accepting TCP/IP connections on )?port (\d{1,5})"
    ),
    re.compile(r"((?:\d{1,3}\.){3}\d{1,3}:\d{1,5})"),
    re.compile(r"(?<![\w.])((?:[a-z][\w-]*\.)+(?!(?:go|py|java|js|ts|rb|rs|cc|cpp|php|kt|scala|conf|ya?ml|json|log):)[a-z]{2,}:\d{2,5})"),
    re.compile(r"\b(localhost:\d{2,5})"),
    re.compile(r"(?i)backend '?([\w.-]+)'?"),
)
_ASKER = re.compile(
    r"\[(?:client|remote) [^\]]*\]|, (?:client|server|request|referr?er|host): (?:\"[^\"]*\"?|[^,\"]*)"
    r"|^(?:\d{1,3}\.){3}\d{1,3}:\d{1,5} (?=\[\d\d/)"
)
"""Who asked, and for what, in the words of Apache, nginx and HAProxy: it is never the server behind them."""
_PROXIES = re.compile(r"(?i)upstream|AH0\d{4}|proxy:|haproxy|\bbackend\b.*\bhas no server|no healthy upstream|bad gateway|gateway timeout")
_RESOLVER_OR_PROBE = re.compile(
    r"(?i)\bsshd?\b|from user|client_loop|kex_exchange|ssh_dispatch|closed by (?:remote|authenticating)|receiving packet from"
    r"|\bsmtp\b.*\bconnect to\b|liveness|readiness"
)


@log_parser(
    Unreached,
    "connection refused",
    "econnrefused",
    "connection reset by",
    "econnreset",
    "no route to host",
    "while connecting to upstream",
    "from upstream",
    "connection timed out",
    "upstream timed out",
    "no live upstreams",
    "has no server available",
    "no healthy upstream",
    "ah01114:",
    "ah00957:",
    "ah01102:",
    "ah00898:",
    "ah01079:",
    "all workers are in error state",
    "etimedout",
    "connect timed out",
    "i/o timeout",
    "prematurely closed",
    "resource temporarily unavailable",
    "is down, reason: layer",
    "is up, reason: layer",
    "could not be established",
)
def unreached(event: Event) -> Iterator[Unreached]:
    """Whoever says what it could not connect to; HAProxy also says that it can again."""
    text = event.text[:MAX]
    if again := _AGAIN.search(text):
        yield Unreached(who(event), again[1], WORKS, event.time, is_proxy=True, origin=event.origin)
        return
    what = next((name for name, form in _WHAT if form.search(text)), "")
    if not what or event.is_kernel or event.facility in _NO_SERVICES or _RESOLVER_OR_PROBE.search(text):
        return
    asked = _ASKER.sub("", text)
    found = next((found for form in _TARGET if (found := form.search(asked))), None)
    target = ":".join(part for part in found.groups() if part) if found else ""
    proxy = bool(_PROXIES.search(text)) or event.facility in {"haproxy", "envoy", "traefik"}
    if target or proxy:
        yield Unreached(who(event), target.rstrip(".:/,"), what, event.time, proxy, origin=event.origin)


_AGAIN = re.compile(r"Server ([\w.-]+/[\w.-]+) is UP, reason: Layer")
_ACCESS = re.compile(r"\" (502|503|504) (?:\d+|-)(?: |$)")


@log_parser(Unreached, '" 502 ', '" 503 ', '" 504 ')
def gateway_errors(event: Event) -> Iterator[Unreached]:
    """Access logs in the usual format."""
    if found := _ACCESS.search(event.text[:MAX]):
        yield Unreached(who(event), "", found[1], event.time, is_proxy=True, origin=event.origin)


# -- last words

ERROR = 3
"""The severity of an error, as syslog counts; what is below is worse."""

_FATAL = re.compile(
    r"(?<![\w/.-])(?:FATAL|CRITICAL|CRIT|EMERG|PANIC|SEVERE)(?![\w/.-])|(?i:\[(?:fatal|critical|crit|emerg|alert|panic)\]"
    r"|^\W*(?:fatal|critical|panic|severe)\b ?[:-]|(?<![\w/.-])fatal(?:ly|: |:$| (?:error|failure|exception|signal))"
    r"|\bcritical (?:error|failure|exception)|\blevel=\"?(?:fatal|critical|panic)\b)"
)
_LEVEL_WORD = re.compile(r"(?i)fatal|critical|\bcrit\b|emerg|panic|severe|alert")
_HARMLESS = re.compile(
    r"(?i)non-?fatal|not fatal|\b0 (?:critical|fatal)|critical[\s:=]+(?:0|none)\b|fatal[\s:=]+0\b|no (?:critical|fatal)"
    r"|password authentication failed|does not exist"
    r"|database system is (?:starting up|shutting down|in recovery)|administrator command|not a git repository"
    r"|timeout before authentication|connection (?:closed|reset|to client lost)"
    r"|no pg_hba\.conf entry|role \".*\" is not|the database system|unable to negotiate|no supported authentication|invalid user"
    r"|too many authentication|exception_info|critical_section"
    r"|ssl_do_handshake|while ssl handshaking|, client: |(?:SERVICE|HOST) (?:ALERT|NOTIFICATION|STATE)|nrpe"
    r"|supervisor running as root|running without any HTTP authentication|CURRENT SERVICE"
    r"|address already in use|still could not bind|permission denied|connection refused|upstream|too many clients|connection slots"
    r"|error while loading shared libraries"
    r"|level=(?:info|debug|warn\w*)\b|\b(?:INFO|DEBUG|WARN|WARNING|NOTICE)\b"
)
_SPEAKS_SO = {"sshd", "sshd-session", "postgres", "postgresql", "git", "sudo", "gdm", "smartd", "logrotate", "fc-cache", "cloud-init"}
"""Those to whom `fatal` means the end of one connection, or who have rules of their own."""
_MASKS = (
    (re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{12,64}\b", re.IGNORECASE), "#"),
    (re.compile(r"\d+"), "#"),
)


@log_parser(FatalLine, "fatal", "critical", "[crit]", "[emerg]", "[alert]", "panic:", "severe:")
def fatal_lines(event: Event) -> Iterator[FatalLine]:
    """Lines whose level is fatal or critical, near their beginning; not the kernel's, which has rules of its own."""
    text = event.text[:MAX]
    # a level that the text does not say comes from the journal, or from a field of its own
    graded = event.severity is not None and event.severity < ERROR and not _LEVEL_WORD.search(text)
    loud = graded or _FATAL.search(text[:80])
    if event.is_kernel or not loud or event.facility in _SPEAKS_SO or _HARMLESS.search(text) or "/postgresql" in event.origin.path:
        return
    form = text
    for mask, put in _MASKS:
        form = mask.sub(put, form)
    named = re.match(r"([A-Za-z][\w.-]{1,40})(?:\[\d+\])?: ", text)
    yield FatalLine(
        named[1] if named and not _FATAL.match(named[1]) else who(event),
        text.strip()[:300],
        form.strip()[:120],
        event.time,
        origin=event.origin,
    )
