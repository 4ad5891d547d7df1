"""Errors in the words of any program: by their level, the exceptions of many languages, and what systemd tells of the end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Event, log_parser
from diagbundle.analyse.facts.complaints import CAUSE, END, ERROR, FATAL, Complaint
from diagbundle.analyse.facts.speaker import who

MAX = 2000
"""Characters of a line that are looked at."""
_GRADE = 3
"""The severity of an error, as syslog counts; what is below is worse."""
_ENDED = re.compile(
    r"([\w.@\\:-]{1,200})\.service: Main process exited, code=(?:exited, status=(?!0/|143/|130/)|dumped|killed, status=(?:6|11)/)"
)
_CAUSE = re.compile(
    r"^\W{0,8}Caused by: |^(?:[A-Za-z_][\w$]*[.:]{1,2}){0,12}[A-Z]\w*(?:Error|Exception)(?:: |$)|^(?:[a-z_]\w*\.){1,6}[A-Z]\w+: "
)
_GEM = re.compile(r"\((?:[A-Z]\w*::)*[A-Z]\w*(?:Error|NotFound|Exception)\)")
"""How Ruby ends."""
_TECHNICAL = re.compile(
    r"(?i)can ?not|can't|could ?n[o']t|unable|fail(?:ed|ure|s)?\b|time[d ]?-?out|refused|denied|no such|missing"
    r"|unavailable|unreachable|\bno (?:answer|response|reply"
    r"|route|space|memory|connection)|exceed|exhaust|lost|corrupt|broken|mismatch|invalid|expired|aborted|overflow|locked"
    r"|deadlock|disconnect|not (?:running|respond"
    r"|available|ready|connected|installed|allowed|supported|initialized|valid for)|\bfull\b|stopp?ed|crash|out of|panic"
    r"|exception|unexpected|unknown|undefined|unresolved|too (?:many|large|long|small|low)"
)
_PEOPLE = re.compile(
    r"(?i)\b(?:40[0134]|validation\w*|user(?:name)?|password|e-?mail|login|logon|credentials?|card|payment|captcha|csrf"
    r"|cookie|session|bot|crawler|referr?er|form|field|customer"
    r"|client|browser|request (?:body|header)|remote host|visitor|robots|favicon|not ?found\w*|forbidden\w*|unauthori[sz]ed\w*|jwt|tokens?"
    r"|authenticat\w*|broken pipe|clientabort\w*|connection reset|eof"
    r"|server closed|no such container|cancell?ed|interrupted|sigterm|shutting down|test\w*|retry(?:ing)? in|will retry"
    r"|ignor\w+|deprecat\w+|suppressed|0 errors?|errors?[=:] ?0|no errors?)\b"
)
"""What people or strangers cause, or what goes by itself."""
_START = re.compile(
    r"(?i)\b(?:start(?:up|ing|ed)?|boot(?:strap)?|initiali[sz]\w*|launch\w*)\b.{0,60}\b(?:fail\w*|abort\w*|error)"
    r"|\b(?:fail\w*|cannot|can't|could not|unable) (?:to )?.{0,30}\b(?:start|boot|launch|initiali[sz]e|listen|run)\b"
    r"|\b(?:exiting|giving up|terminat(?:ing|ed)|aborting|shutting down|will (?:exit|stop))\b|\bserver stops\b"
)
_JOB = re.compile(
    r"(?i)\b(?:job|task|import\w*|export\w*|sync\w*|batch|report|transfer|replication|run)\b.{0,40}\b(?:failed|aborted)"
    r"|\b(?:failed|aborted)\b.{0,30}\b(?:job|task|import|export|sync|batch|transfer)\b"
)
"""Work that ended: what stands below says why."""
_LASTING = re.compile(
    r"(?i)certificate (?:verify failed|is valid for|signed by unknown)|pkix path|codec can't (?:de|en)code"
    r"|undefined (?:function|method|symbol)|no module named|classnotfound|noclassdef|nosuch(?:method|field)error"
    r"|abstractmethoderror|incompatibleclasschange|cannot unmarshal|unknown (?:or incorrect )?time ?zone|keystore"
    r"|unsupported ?(?:class|version)|version mismatch|no suitable driver|licen[cs]e"
)
"""What does not go by itself, so that once is enough."""
_LEVEL = re.compile(
    r"^.{0,120}?(?<![\w/.-])(?:FATAL|CRITICAL|CRIT|PANIC|EMERG|ERROR|SEVERE|ERR)\b[\]|:>]*\s*|^.{0,80}?\b(?:level|lvl"
    r"|severity)\"?[=:] ?\"?\w+\"?,? ?|^.{0,60}?\[(?:fatal|critical|crit|error|err|panic|emerg|alert)\]:? *",
)
_MESSAGE = re.compile(
    r"\b(?:msg|message)\"?[=:] ?\"((?:[^\"\\]|\\.){1,300})\"(?:.{0,300}?\b(?:err|error|exception|reason"
    r"|exception\.message)\"?[=:] ?\"((?:[^\"\\]|\\.){1,300})\")?|\b(?:err|error"
    r"|exception\.message)\"?[=:] ?\"((?:[^\"\\]|\\.){1,300})\""
)
_MASK = re.compile(r"(?i)\b0x[0-9a-f]+\b|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{12,64}\b|\d+|\"[^\"]{0,80}\"|'[^']{0,80}'")
_OTHERS = re.compile(
    r"(?i)(?:kernel|audit\w*|sshd\S*|sudo|su|login|cron\w*|gdm\S*|gnome\S*|gsd-\S*|xdg-\S*|at-spi\S*|evolution\S*"
    r"|tracker\S*|goa-\S*|gvfs\S*|dbus\S*|pulseaudio|pipewire\S*|wireplumber|xorg\S*|x|kde\S*|kwin\S*|plasma\S*|polkit\S*"
    r"|bluetooth\S*|wpa_supplicant|modemmanager|networkmanager|nm-\S*|packagekit\S*|fwupd\S*|snapd?\S*|systemd\S*"
    r"|udevd?\S*|init|smartd|rsyslogd?|named|unbound|dnsmasq|chronyd|ntpd|postfix\S*|smtpd?|dovecot|exim\S*|amavis\S*"
    r"|clamd?\S*|freshclam"
    r"|openvpn\S*|charon\S*|pluto|vsftpd|proftpd|fail2ban\S*|nrpe|snmpd|zabbix_agentd|node_exporter|postgres\S*|mysqld?|mariadb\S*|cloud-init\S*|cloudinit"
    r"|waagent\S*|google\S*|amazon-ssm\S*|ec2\S*|apt\S*|dnf\S*|yum\S*|dpkg\S*|rpm|rhsm\S*|subscription-manager\S*"
    r"|insights\S*|anaconda\S*|installer"
    r"|subiquity\S*|curtin|dracut\S*|kdump\S*|abrt\S*|setroubleshoot|sedispatch|kubelet|dockerd|containerd|crio|podman"
    r"|kube-\S*|etcd|libvirtd|qemu\S*|cups\S*|avahi\S*|colord|upowerd|spice\S*|rtkit\S*|accounts-daemon|iscsid|multipathd"
    r"|lvm\S*|irqbalance|tuned|firewalld)"
)
"""Daemons of every host, to whom an error line is daily bread, or who have rules of their own."""
_PATHS = re.compile(
    r"(?i)access|audit|/(?:installer|anaconda|apt|dnf|yum|journal|sa|nginx|apache2|httpd|cups|mysql|postgresql|libvirt"
    r"|sssd|samba|gdm|chrony|unattended-upgrades|insights-client|rhsm|tuned|pods)/|(?:build|test|ci|deploy|install\w*"
    r"|upgrade\w*)\.log|/jobs/|/builds?/|Xorg|cloud-init|dnf|yum|dpkg|gc\S*\.log|/lastlog"
)


@log_parser(
    Complaint,
    "error",
    "exception",
    "caused by: ",
    "fatal",
    "critical",
    "panic",
    "severe",
    "main process exited, code=",
    "notfound)",
    " [err]",
    "|err|",
)
def complaints(event: Event) -> Iterator[Complaint]:
    """Errors by their level; exceptions, which have none; and the end of services."""
    text = event.text[:MAX]
    if found := _ENDED.search(text):
        yield Complaint(found[1], END, text, "", time=event.time, origin=event.origin)
        return
    if event.is_calm or _OTHERS.fullmatch(event.facility) or _PATHS.search(event.origin.path):
        return
    kind = _kind(event, text)
    if not kind:
        return
    said = _said(text, kind)
    yield Complaint(
        who(event).removesuffix(".json"), kind, said, _MASK.sub("#", said)[:160],
        is_technical=bool(_TECHNICAL.search(said)) and not _PEOPLE.search(text), is_start=bool(_START.search(said)),
        is_job=bool(_JOB.search(said)), is_lasting=bool(_LASTING.search(said)), time=event.time, origin=event.origin,
    )  # fmt: skip


def _kind(event: Event, text: str) -> str:
    severity = event.severity
    bare = text.lstrip()
    if _CAUSE.search(bare) or _GEM.search(text):
        return CAUSE
    if severity is None or severity > _GRADE or bare.startswith(("at ", "... ", "File ")):
        return ""
    return FATAL if severity < _GRADE else ERROR


def _said(text: str, kind: str) -> str:
    """The sentence in a line: without its level, or what its fields hold."""
    if kind == CAUSE:
        return re.sub(r"^\W*Caused by: ", "", text).strip()[:240]
    if found := _MESSAGE.search(text):
        return ": ".join(part for part in found.groups() if part)[:240]
    return (_LEVEL.sub("", text, count=1).strip() or text.strip())[:240]
