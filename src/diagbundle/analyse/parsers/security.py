"""SELinux, AppArmor and audit: their state and what they refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Event, Row, log_parser, parser
from diagbundle.analyse.facts.security import AuditState, Denial, ModeChange, NoLogin, SelinuxState

_UNSET = "4294967295"
"""The login id of what nobody logged in to do."""


@parser(SelinuxState, "diagbundle/tables/security")
def guards(doc: Document) -> Iterator[SelinuxState]:
    """Our table: of each guard a row."""
    asked = False
    for row in doc.rows:
        if row["guard"] == "lsm" and isinstance(row["cmdline"], list):
            asked = bool({"selinux=1", "security=selinux"} & {str(word) for word in row["cmdline"]})
        elif row["guard"] == "selinux":
            yield _selinux(row, asked=asked)


def _selinux(row: Row, *, asked: bool) -> SelinuxState:
    pending = row["booleans_pending"] if isinstance(row["booleans_pending"], list) else []
    return SelinuxState(
        row.text("mode"), row.text("configured"), row.number("config_mtime"), tuple(map(str, pending)),
        relabel=row["relabel_at_boot"] is True,
        asked_for=asked, origin=row.origin,
    )  # fmt: skip


@parser(SelinuxState, "sos_commands/selinux/sestatus_-b", "sos_commands/selinux/sestatus")
def sestatus(doc: Document) -> Iterator[SelinuxState]:
    """`Current mode: …`, `Mode from config file: …`."""
    found = dict(re.findall(r"(?m)^(SELinux status|Current mode|Mode from config file): +(\S+)", doc.text))
    if found:
        mode = found.get("Current mode") or ("disabled" if found.get("SELinux status") == "disabled" else "")
        line = next((line for line in doc.lines if line.startswith(("Current mode", "SELinux status"))), doc.lines[0])
        yield SelinuxState(mode, found.get("Mode from config file", ""), origin=line.origin)


_FIELD = re.compile(r"(\w+)=(\"[^\"]*\"|\S+)")
_AVC = re.compile(r"avc: +denied +\{ ([^}]*) \} for +(.*)")


def _fields(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _FIELD.findall(text)}


def _type(context: str) -> str:
    words = context.split(":")
    return words[2] if len(words) > 2 else context  # user:role:type:level


@log_parser(Denial, "avc:  denied", "avc: denied", "apparmor=")
def denials(event: Event) -> Iterator[Denial]:
    """Of the audit log, the kernel's log where there is no auditd, and the journal."""
    if event.acknowledged:
        return
    if found := _AVC.search(event.text):
        said = _fields(found[2].rstrip("'"))
        if "scontext" in said and "tclass" in said:
            yield Denial(
                "selinux", event.time, said.get("comm") or said.get("exe", "").rpartition("/")[2], _type(said["scontext"]),
                _type(said.get("tcontext", "")), said["tclass"], found[1].strip(), said.get("path") or said.get("name") or _port(said),
                permissive=said.get("permissive") == "1", origin=event.origin,
            )  # fmt: skip
    elif 'apparmor="' in event.text:
        said = _fields(event.text)
        yield Denial(
            "apparmor", event.time, said.get("comm", ""), said.get("profile", ""), said.get("class", ""), said.get("operation", ""),
            said.get("requested_mask") or said.get("capname", ""), said.get("name", ""), permissive=said.get("apparmor") != "DENIED",
            origin=event.origin,
        )  # fmt: skip


def _port(said: dict[str, str]) -> str:
    port = said.get("dest") or said.get("src")
    return f"port {port}" if port else ""


_PREVENTS = re.compile(
    r"SELinux is preventing (?:access from )?(?P<who>\S+)(?: \((?P<source>\w+)\))? (?:from )?(?:using the )?"
    r"[\"']?(?P<wanted>\w+(?:, \w+)*)[\"']? (?:accesses |access )?(?:on (?:the |a )?|to )?(?P<rest>[^.\n]{0,300}(?:\.\w[^.\n]{0,100})*)",
    re.IGNORECASE,
)
_COMM = 15
"""Characters of a program's name that the kernel, and so the audit log, keeps."""


@log_parser(Denial, "selinux is preventing")
def prevented(event: Event) -> Iterator[Denial]:
    """setroubleshoot: `SELinux is preventing /usr/sbin/logrotate from read access on the directory /srv/x. For complete …`.

    Its long form, with the advice of its plugins, repeats the short one.
    """
    found = None if event.acknowledged or "*****" in event.text else _PREVENTS.search(event.text)
    if found:
        what, _, name = found["rest"].partition(" ")
        if what.startswith("/"):  # as version 2 said it: `"read" to /srv/x (var_t)`
            what, name = f"file {what}", f"labeled {name.strip('() ')}"
        label = name.removeprefix("labeled ").strip() if name.startswith("labeled ") else ""
        yield Denial(
            "selinux", event.time, found["who"].rpartition("/")[2][:_COMM], found["source"] or "", label, what, found["wanted"],
            "" if label else name.strip(), is_retold=True, origin=event.origin,
        )  # fmt: skip


_MODE = re.compile(r"(?:type=MAC_STATUS|type=1404).*?enforcing=([01]) old_enforcing=([01]) auid=(\d+)")


@log_parser(ModeChange, "old_enforcing=")
def mode_changes(event: Event) -> Iterator[ModeChange]:
    """Only real changes; a start of the host is one too, by nobody."""
    found = _MODE.search(event.text)
    if found and found[1] != found[2]:
        yield ModeChange(event.time, enforcing=found[1] == "1", by_user=found[3] != _UNSET, origin=event.origin)


@parser(AuditState, "sos_commands/auditd/auditctl_-s")
def audit_state(doc: Document) -> Iterator[AuditState]:
    """`lost 0`, or all in one line as `lost=0`."""
    found = re.findall(r"\b(enabled|failure|pid|backlog_limit|lost|backlog|backlog_wait_time)[ =](\d{1,18})", doc.text[:10_000])
    if found:
        line = next((line for line in doc.lines if "lost" in line), doc.lines[0])
        yield AuditState({name: int(value) for name, value in found}, origin=line.origin)


@parser(NoLogin, "etc/nologin", "run/nologin")
def no_login(doc: Document) -> Iterator[NoLogin]:
    """Its being there says it."""
    yield NoLogin("/" + doc.path, doc.text.strip()[:200], origin=doc.origin(1, doc.text.strip()[:200]))
