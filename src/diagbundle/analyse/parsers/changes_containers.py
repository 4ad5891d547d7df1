"""Containers that were made anew or started again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from diagbundle.analyse.api import Clock, Document, parser
from diagbundle.analyse.facts.change import CONTAINER, Change

_LATER = 60.0
"""Seconds after it was made at which the start of a container is a change of its own."""


@parser(
    Change, "sos_commands/docker/**docker_inspect_*", "sos_commands/podman/**podman_inspect_*", "sos_commands/nerdctl/**nerdctl_inspect_*"
)
def inspected(doc: Document) -> Iterator[Change]:
    """`Created` and `State.StartedAt` of each container; an image or a network, inspected alike, has no state."""
    if not doc.text.lstrip().startswith(("[", "{")):
        return  # asked with a template
    found = doc.json()
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, dict) and isinstance(each.get("State"), dict):
            yield from _told(doc, each)


def _told(doc: Document, container: dict[str, Any]) -> Iterator[Change]:
    name = str(container.get("Name") or container.get("Id") or "").lstrip("/")[:80]
    made, started = _moment(container.get("Created")), _moment(container["State"].get("StartedAt"))
    config = container.get("Config")
    image = str(config.get("Image") or "") if isinstance(config, dict) else ""
    line = _line(doc, str(container.get("Id") or ""))
    if made:
        yield Change(
            made,
            CONTAINER,
            f"container {name}",
            "created",
            "",
            f"from {image}" if image else "",
            origin=doc.origin(line, f'"Created": "{container.get("Created")}"'),
        )
    if started > made + _LATER:
        yield Change(
            started,
            CONTAINER,
            f"container {name}",
            "started again",
            origin=doc.origin(line, f'"StartedAt": "{container["State"].get("StartedAt")}"'),
        )


def _line(doc: Document, identity: str) -> int:
    at = doc.text.find(identity) if identity else 0
    return doc.text.count("\n", 0, max(0, at)) + 1


def _moment(text: object) -> float:
    """A time of Docker or Podman, with its zone; 0 where it is none, or that of something that never was."""
    time, certainty, _ = Clock().read(str(text or ""))
    return time if certainty == "certain" and time > 0 else 0.0


@parser(Change, "sos_commands/podman/podman_events*", "sos_commands/docker/docker_events*")
def events(doc: Document) -> Iterator[Change]:
    """What the engine remembers: images pulled, containers removed and killed."""
    for line in doc.lines:
        time, certainty, end = doc.clock.read(line)
        words = line[end:].split()
        if time and words[:2] in (
            ["image", "pull"],
            ["container", "destroy"],
            ["container", "remove"],
            ["container", "update"],
            ["container", "rename"],
        ):
            name = next(
                (word.strip("(),").partition("=")[2] for word in words if word.strip("(),").startswith("name=")),
                words[2][:64] if len(words) > 2 else "",
            )
            done = {"pull": "pulled", "destroy": "removed", "remove": "removed", "update": "changed", "rename": "renamed"}[words[1]]
            yield Change(time, CONTAINER, f"{words[0]} {name}".strip(), done, certainty=certainty, origin=line.origin)
