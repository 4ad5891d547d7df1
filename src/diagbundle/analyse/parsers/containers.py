"""Containers as engines list and inspect them, as their files lie on the disk, and as the kernel sees them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from diagbundle.analyse.api import Document, Event, Origin, log_parser, parser
from diagbundle.analyse.facts.containers import Container, ContainerKills, Engine, EngineEnd, EngineFile

_AGE = re.compile(r"(?:(\d+)|about an?|less than a) (second|minute|hour|day|week|month|year)s?", re.IGNORECASE)
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000}
_STATUS = re.compile(r"(Up|Exited|Restarting|Created|Dead|Paused|Removal|Initialized|Stopping)\b(?: \((\d+)\))?(.*)")
_STATES = {"Up": "running", "Exited": "exited", "Restarting": "restarting", "Created": "created", "Dead": "dead", "Paused": "paused"}


def told(status: str, asked: float) -> dict[str, Any]:
    """What `Exited (137) 2 days ago` and its like say."""
    found = _STATUS.search(status)
    if not found:
        return {}
    age = _AGE.search(found[3])
    when = asked - _SECONDS[age[2].lower()] * int((age[1] or "1")[:6]) if age and asked else 0.0
    state = _STATES.get(found[1], found[1].lower())
    health = next((word for word in ("unhealthy", "healthy") if f"({word})" in status), "")
    known: dict[str, Any] = {"state": "paused" if "(Paused)" in status else state, "health": health}
    known |= {"exit": int(found[2])} if found[2] and len(found[2]) < 5 else {}  # no status is longer
    return known | ({"started": when} if state == "running" else {"finished": when} if state == "exited" else {})


@parser(Container, "sos_commands/*/*ps_-a_--no-trunc_--format*", "sos_commands/*/nerdctl*ps*json*")
def listed(doc: Document) -> Iterator[Container]:
    """`docker ps --format '{{json .}}'`, nerdctl's too: one object in a line."""
    for row in doc.rows:
        known = told(row.text("Status"), doc.entry.started)
        if row.text("ID") and known:
            engine = "nerdctl" if "nerdctl" in doc.path else "docker"
            yield Container(
                engine=engine, ident=row.text("ID"), name=row.text("Names"), image=row.text("Image"), origin=row.origin, **known
            )


@parser(Container, "sos_commands/*/docker_ps*", "sos_commands/*/podman_ps*", "docker_ps")
def columns(doc: Document) -> Iterator[Container]:
    """The table for people: the status stands before the ports, the name is the last word."""
    if doc.text.lstrip()[:1] in {"{", "["}:
        return
    for line in doc.lines:
        words = line.split()
        if len(words) > 4 and re.fullmatch(r"[0-9a-f]{12,64}", words[0]) and (known := told(line, doc.entry.started)):
            yield Container(
                engine="podman" if "podman" in doc.path else "docker",
                ident=words[0],
                name=words[-1],
                image=words[1],
                origin=line.origin,
                **known,
            )


@parser(Container, "sos_commands/podman/**podman_ps_-a_--format_json")
def podman(doc: Document) -> Iterator[Container]:
    """A list of objects."""
    for each in _objects(doc.text):
        names = each.get("Names")
        ended = _number(each.get("ExitedAt"))
        yield Container(
            engine="podman",
            ident=str(each.get("Id") or ""),
            name=str(names[0]) if isinstance(names, list) and names else "",
            image=str(each.get("Image") or ""),
            state=str(each.get("State") or ""),
            exit=_whole(each.get("ExitCode")),
            restarts=_whole(each.get("Restarts")),
            started=_number(each.get("StartedAt")),
            finished=max(0.0, ended),
            origin=_where(doc, str(each.get("Id"))),
            health="unhealthy" if "(unhealthy)" in str(each.get("Status")) else "",
        )


@parser(
    Container,
    "sos_commands/docker/docker_inspect_*",
    "sos_commands/podman/**podman_inspect_*",
    "sos_commands/docker/containers/docker_inspect_*",
    "sos_commands/podman/containers/podman_inspect_*",
    "sos_commands/*/nerdctl*inspect_*",
)
def inspected(doc: Document) -> Iterator[Container]:
    """`docker inspect`, podman's and nerdctl's too; and the line of its state that is read twice."""
    engine = next((name for name in ("nerdctl", "podman") if name in doc.path), "docker")
    if doc.path.rpartition("/")[2].startswith("docker_inspect_state"):
        for line in doc.lines:
            words = line.split(" ", 3)
            if len(words) == 4 and words[2].isdigit():  # id, name, restarts, state
                yield _inspected(
                    engine, {"Id": words[0], "Name": words[1], "RestartCount": int(words[2][:9]), "State": _object(words[3])}, line.origin
                )
        return
    for each in _objects(doc.text):
        if isinstance(each.get("State"), Mapping):
            yield _inspected(engine, each, _where(doc, str(each.get("Id") or each.get("ID"))))


@parser(Container, "var/lib/docker/containers/*/config.v2.json", "**/containers/*/config.v2.json")
def on_disk(doc: Document) -> Iterator[Container]:
    """What the daemon wrote down: it is there while the daemon hangs."""
    each = _object(doc.text)
    if isinstance(each.get("State"), Mapping):
        yield _inspected("docker", {**each, "Id": each.get("ID")}, doc.origin(1, "config.v2.json"))


@parser(Container, "diagbundle/tables/docker_api")
def answered(doc: Document) -> Iterator[Container]:
    """Answers of the daemon over its socket."""
    for row in doc.rows:
        body = row["body"]
        if isinstance(body, Mapping) and isinstance(body.get("State"), Mapping):
            yield _inspected("docker", body, row.origin)


def _inspected(engine: str, each: Mapping[str, Any], origin: Origin) -> Container:
    state = _map(each.get("State"))
    health = _map(state.get("Health") or state.get("Healthcheck"))
    log = health.get("Log")
    output = str(_map(log[-1]).get("Output") or "") if isinstance(log, list) and log else ""
    words = str(
        state.get("Status") or next((word.lower() for word in ("Restarting", "Paused", "Running", "Dead") if state.get(word)), "exited")
    )
    return Container(
        engine=engine,
        ident=str(each.get("Id") or ""),
        name=str(each.get("Name") or "").lstrip("/"),
        image=_image(each),
        state=words,
        exit=_whole(state.get("ExitCode")),
        restarts=_whole(each.get("RestartCount")),
        oom=_truth(state.get("OOMKilled")),
        limit=_whole(_map(each.get("HostConfig")).get("Memory")) or None,
        health=str(health.get("Status") or ""),
        said=(str(state.get("Error") or "") or output).strip()[:1000],
        stopped_by_hand=_truth(each.get("HasBeenManuallyStopped")),
        started=moment(state.get("StartedAt")),
        finished=moment(state.get("FinishedAt")),
        origin=origin,
    )


def _image(each: Mapping[str, Any]) -> str:
    named = _map(each.get("Config")).get("Image") or each.get("ImageName") or each.get("Image")
    return str(named or "")


_CRI = {"CONTAINER_RUNNING": "running", "CONTAINER_EXITED": "exited", "CONTAINER_CREATED": "created"}


@parser(Container, "sos_commands/*/**crictl_ps*json", "sos_commands/*/**crictl_ps_-a_-o_json")
def cri(doc: Document) -> Iterator[Container]:
    """`crictl ps -a -o json`."""
    for each in _objects(doc.text):
        listed = each.get("containers")
        for one in listed if isinstance(listed, list) else []:
            if isinstance(one, Mapping):
                yield _cri(one, _where(doc, str(one.get("id"))))


@parser(Container, "sos_commands/*/**crictl_ps_-a", "sos_commands/*/**crictl_ps")
def cri_columns(doc: Document) -> Iterator[Container]:
    """The table for people: identifier, image, age, state, name, attempt, pod; two blanks or more between them."""
    for line in doc.lines:
        columns = re.split(r"\s{2,}|\t", line.strip())
        if len(columns) >= 6 and columns[3] in {"Running", "Exited", "Created"} and columns[5].isdigit():  # up to the attempt
            age = _AGE.search(columns[2])
            asked = doc.entry.started or doc.clock.newest  # of a foreign folder the file's own time
            yield Container(
                engine="kubernetes",
                ident=columns[0],
                name="/".join([*columns[7:8], columns[4]]),
                image=columns[1],
                state=columns[3].lower(),
                attempt=int(columns[5][:9]),
                restarts=int(columns[5][:9]),
                started=asked - _SECONDS[age[2].lower()] * int((age[1] or "1")[:6]) if age and asked else 0.0,
                origin=line.origin,
            )


@parser(Container, "sos_commands/*/**crictl_inspect_*")
def cri_inspected(doc: Document) -> Iterator[Container]:
    """`crictl inspect`: one object for each, one after the other."""
    for each in _objects(doc.text):
        status = _map(each.get("status"))
        if status.get("id"):
            yield _cri(status, _where(doc, str(status["id"])))


def _cri(one: Mapping[str, Any], origin: Origin) -> Container:
    labels, meta = _map(one.get("labels")), _map(one.get("metadata"))
    names = [labels.get("io.kubernetes.pod.namespace"), labels.get("io.kubernetes.pod.name"), meta.get("name")]
    return Container(
        engine="kubernetes",
        ident=str(one.get("id") or ""),
        name="/".join(str(name) for name in names if name),
        image=str(_map(one.get("image")).get("image") or ""),
        state=_CRI.get(str(one.get("state")), ""),
        attempt=_whole(meta.get("attempt")),
        restarts=_whole(meta.get("attempt")),
        exit=_whole(one.get("exitCode")) if "exitCode" in one else None,
        oom=True if one.get("reason") == "OOMKilled" else None,
        said=str(one.get("message") or "")[:1000],
        started=moment(one.get("startedAt") or one.get("createdAt")),
        finished=moment(one.get("finishedAt")),
        origin=origin,
    )


@parser(ContainerKills, "diagbundle/tables/containers")
def kills(doc: Document) -> Iterator[ContainerKills]:
    """Events of each running container's control group, of either version."""
    for row in doc.rows:
        memory = _map(row["memory"])
        counts = [_whole(_map(memory.get(name)).get("oom_kill")) for name in ("memory.events", "memory.oom_control")]
        if row.text("id"):
            yield ContainerKills(
                row.text("engine"), row.text("id"), next((each for each in counts if each is not None), 0), origin=row.origin
            )


@parser(Engine, "diagbundle/tables/container_daemons")
def engines(doc: Document) -> Iterator[Engine]:
    """Rows of daemons; those of sockets and folders have no states."""
    for row in doc.rows:
        states = row["states"]
        if isinstance(states, list):
            yield Engine(row.text("name"), tuple(map(str, states)), origin=row.origin)


@parser(
    EngineFile,
    "etc/docker/daemon.json",
    "var/snap/docker/current/config/daemon.json",
    "etc/containerd/config.toml",
    "etc/containers/*.conf",
    "etc/crio/crio.conf",
    "etc/crio/crio.conf.d/*.conf",
)
def configured(doc: Document) -> Iterator[EngineFile]:
    """Whether it is JSON or TOML at all; an empty file is fine for every engine."""
    engine = {"docker": "docker", "containerd": "containerd", "containers": "podman", "crio": "CRI-O"}.get(doc.path.split("/")[1], "docker")
    fault, line = "", 0
    try:
        if doc.text.strip() and not doc.is_cut:
            json.loads(doc.text.removeprefix("\ufeff")) if doc.path.endswith(".json") else tomllib.loads(doc.text)
    except json.JSONDecodeError as error:
        fault, line = f"{error.msg} in line {error.lineno}, column {error.colno}", error.lineno
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        fault = str(error)[:200]
        line = int(found[1]) if (found := re.search(r"line (\d{1,6})", fault)) else 0
    text = doc.lines[line - 1] if 0 < line <= len(doc.lines) else ""
    yield EngineFile(engine, "/" + doc.path, fault, origin=doc.origin(line, text))


_ENDS = re.compile(
    r"(?i)unable to configure the docker daemon.*|failed to start daemon.*|error starting daemon.*|failed to load listeners.*"
    r"|error initializing graphdriver.*|"
    r"(?<=containerd: )failed to .*|failed to load TOML.*|failed to create CRI service.*"
    r"|"
    r"failed to load kubelet config file.*|failed to run kubelet.*|running with swap on is not supported.*|failed to validate kubelet.*|"
    r"kubelet cgroup driver: .{0,80} is different from docker.*|error: failed to run kubelet.*"
    r"|failed to create NAT chain DOCKER.*"
)


_BEGAN = re.compile(r"(?i)daemon has completed initialization|containerd successfully booted|successfully registered node")


@log_parser(
    EngineEnd,
    "configure the docker daemon",
    "failed to start daemon",
    "error starting daemon",
    "failed to load listeners",
    "error initializing graphdriver",
    "failed to load toml",
    "failed to create cri service",
    "failed to run kubelet",
    "failed to load kubelet config",
    "swap on is not supported",
    "is different from docker cgroup driver",
    "failed to create nat chain docker",
    "failed to validate kubelet",
    "daemon has completed initialization",
    "containerd successfully booted",
    "successfully registered node",
)
def ends(event: Event) -> Iterator[EngineEnd]:
    """Last words of daemons, and the first ones of those that live."""
    if began := _BEGAN.search(event.text[:2000]):
        yield EngineEnd(
            {"d": "docker", "c": "containerd"}.get(began[0][0].lower(), "kubelet"), began[0], event.time, began=True, origin=event.origin
        )
        return
    if found := _ENDS.search(event.text[:2000]):
        low = event.text.lower()
        engine = "kubelet" if "kubelet" in low or "swap on" in low else "containerd" if "cri service" in low or "toml" in low else "docker"
        yield EngineEnd(engine, found[0][:300].rstrip('"'), event.time, origin=event.origin)


# -- values of strangers


def moment(value: object) -> float:
    """`2026-11-22T14:12:25.485220375Z`, or nanoseconds since 1970, as seconds; 0 for the year 1 and for what is no time."""
    text = str(value or "")
    if re.fullmatch(r"\d{19}", text):
        return int(text) / 1e9
    found = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)? ?(Z|[+-]\d\d:?\d\d)?", text)
    if not found or found[1] < "1971":
        return 0.0
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}{(found[3] or 'Z').replace('Z', '+00:00')}").timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """All objects of a list, or one after the other; nothing where it is no JSON."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        start = re.compile(r"[\[{]").search(text, at)
        if not start:
            return
        try:
            value, at = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            return
        yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, Mapping))


def _object(text: str) -> Mapping[str, Any]:
    return next(_objects(text), {})


def _where(doc: Document, ident: str) -> Origin:
    """The first line in which an identifier stands."""
    line = next((line for line in doc.lines if ident in line), None) if ident else None
    return line.origin if line is not None else doc.origin()


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62 else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1 << 62 else 0.0


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
