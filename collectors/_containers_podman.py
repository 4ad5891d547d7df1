"""Podman: no daemon; each user has containers of his own. Its files first, then the command, as the user whose containers they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from diagbundle.collect.api import Command, File, Host, Row, Source

from ._containers_talk import CHEAP, Talk, batches, directory, installed, names, parsed, value_of

CONFIGURATION = """
/etc/containers/containers.conf /etc/containers/containers.conf.d/*.conf /etc/containers/storage.conf /etc/containers/storage.conf.d/*
/etc/containers/registries.conf /etc/containers/registries.conf.d/*.conf /etc/containers/policy.json /etc/containers/systemd/**
/etc/containers/networks/*.json /usr/share/containers/containers.conf /usr/share/containers/storage.conf /usr/share/containers/systemd/**
/run/libpod/events/events.log* /run/libpod/alive /run/crun/*/status /run/runc/*/state.json /run/containers/networks/**
""".split()  # noqa: SIM905 - one path after the other
STORAGE = "/var/lib/containers/storage"
STATE = """
*-containers/containers.json *-containers/*/userdata/config.json *-images/images.json networks/*.json
""".split()  # noqa: SIM905 - one path after the other
RUNNING = """
*-containers/*/userdata/hosts *-containers/*/userdata/hostname *-containers/*/userdata/resolv.conf *-containers/*/userdata/oci-log
*-containers/*/userdata/conmon.pid *-containers/*/userdata/pidfile
""".split()  # noqa: SIM905
"""What lies in memory, for running containers; `userdata/secrets` beside it is not asked for."""
LOGS = ("*-containers/*/userdata/ctr.log*",)
QUESTIONS = (
    ("ps",), ("ps", "-a"), ("pod", "ps"), ("pod", "ps", "--format", "json"), ("info",), ("info", "--format", "json"), ("images",),
    ("network", "ls"), ("volume", "ls"), ("events", "--stream=false", "--since", "24h"),
)  # fmt: skip
MAX_USERS = 20
"""Users without root rights whose podman is asked."""


@dataclass(frozen=True)
class Owner:
    """Whose containers: root (no words before the command), or another user."""

    name: str
    storage: str
    running: str
    """Where the state of running containers lies."""
    words: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Folder of the answers below `sos_commands/`."""
        return f"podman/{self.name}" if self.words else "podman"

    def command(self, *words: str, timeout: float = 20.0, limit: int = 256 << 20) -> Command:
        """A question to this user's podman; its answer bears the same name for every user."""
        at = f"sos_commands/{self.folder}/{_name(words)}" if self.words else ""
        return Command((*self.words, "podman", *words), timeout=timeout, limit=limit, folder="podman", at=at)


def _name(words: tuple[str, ...]) -> str:
    return "_".join(("podman", *(word.strip("{}./ ") for word in words))).replace("/", ".").replace(" ", "_")[:200]


def graph_root(host: Host, *configs: str, default: str) -> str:
    """Where containers are stored, by the first configuration that says so."""
    for config in configs:
        storage = value_of(parsed(host.text(config)), "storage")
        if found := directory(value_of(storage, "graphroot")) or directory(value_of(storage, "rootless_storage_path")):
            return found
    return default


def root(host: Host) -> Owner:
    """Root's containers."""
    storage = graph_root(host, "/etc/containers/storage.conf", "/usr/share/containers/storage.conf", default=STORAGE)
    return Owner("root", storage, "/run/containers/storage")


def users(host: Host) -> Iterator[Owner]:
    """Other users who run podman now. Homes of all others are left alone: they may lie on a server that does not answer."""
    known = {fields[2]: fields for line in host.lines("/etc/passwd") if len(fields := line.split(":")) >= 7}
    for uid in [uid for uid in host.listdir("/run/user") if uid in known and uid != "0"][:MAX_USERS]:
        runtime = f"/run/user/{uid}"
        name, home = known[uid][0], directory(known[uid][5])
        if home and name.replace("-", "").replace("_", "").replace(".", "").isalnum() and any(
            host.exists(f"{runtime}/{folder}") for folder in ("containers", "libpod")
        ):  # fmt: skip
            storage = graph_root(host, f"{home}/.config/containers/storage.conf", default=f"{home}/.local/share/containers/storage")
            yield Owner(
                name, storage, f"{runtime}/containers", ("runuser", "-u", name, "--", "env", f"HOME={home}", f"XDG_RUNTIME_DIR={runtime}")
            )


def holds(host: Host, owner: Owner) -> str:
    """Why podman is not to be asked, or ''. In an empty storage its mere listing makes lock files, a database and mounts."""
    if not installed(host, "podman"):
        return ""
    if any(host.text(path).strip() not in ("", "[]", "null") for path in host.glob(f"{owner.storage}/*-containers/containers.json")):
        return ""
    return f"its storage holds no container, and asking would set it up: {owner.storage}"


def files(owner: Owner) -> Iterator[Source]:
    """Each container's small files."""
    if not owner.words:
        yield from (File(path) for path in CONFIGURATION)
    yield from (File(f"{owner.storage}/{path}") for path in STATE)
    yield from (File(f"{owner.running}/{path}") for path in RUNNING)


def log_files(owner: Owner) -> Iterator[Source]:
    """Logs of the drivers k8s-file and json-file, whole."""
    yield from (File(f"{owner.storage}/{path}") for path in LOGS)


def opened(host: Host, owner: Owner, closed: str = "") -> Talk:
    """The first call to this user's podman."""
    talk = Talk(host, closed or holds(host, owner))
    talk.open(owner.command("version", timeout=CHEAP), sign="ersion")
    return talk


def ids(owner: Owner) -> Command:
    """Lists all containers, one identifier a line."""
    return owner.command("ps", "-a", "-q", "--no-trunc")


def questions(talk: Talk, owner: Owner) -> Iterator[Source]:
    """What podman knows: itself, images, networks, volumes, pods, late events, and each container."""
    yield from talk.ask(owner.command("version", timeout=CHEAP))
    found = names(talk.look(ids(owner)))
    networks = names(talk.look(owner.command("network", "ls", "-q")))
    yield from talk.ask(ids(owner), owner.command("network", "ls", "-q"))
    for what, all_of_them in (("inspect", found), ("network_inspect", networks)):
        for number, some in batches(all_of_them):
            argv = (*owner.words, "podman", *what.split("_"), *some)
            yield from talk.ask(Command(argv, at=f"sos_commands/{owner.folder}/podman_{what}_{number}"))
    yield from talk.ask(*(owner.command(*words) for words in QUESTIONS))


def logs(talk: Talk, owner: Owner) -> Iterator[Source]:
    """The logs that no file holds: mostly those in the journal."""
    for ident in names(talk.look(ids(owner))):
        if not _log_paths(talk.host, owner, ident):
            yield from talk.ask(replace(owner.command("logs", "--timestamps", ident, timeout=600, limit=0), both=True))


def _log_paths(host: Host, owner: Owner, ident: str) -> list[str]:
    return [path for pattern in LOGS for path in host.glob(f"{owner.storage}/{pattern.replace('/*/', f'/{ident}/')}")]


def log_rows(host: Host, talk: Talk, owner: Owner) -> Iterator[Row]:
    """Of each container: by which way its log was kept."""
    for folder in host.glob(f"{owner.storage}/*-containers/*/userdata"):
        ident = folder.split("/")[-2]
        paths = _log_paths(host, owner, ident)
        closed = "its files are kept whole" if paths else talk.closed
        through = f"no: {closed}" if closed else f"podman logs --timestamps {ident}"
        yield {"engine": "podman", "owner": owner.name, "id": ident, "files": paths, "through_engine": through}


def samples(host: Host) -> Iterator[Source]:
    """Root's containers with their restarts, twice."""
    owner = root(host)
    listing = owner.command("ps", "-a", "--format", "json", timeout=10)
    talk = Talk(host, holds(host, owner))
    talk.open(listing)
    yield from talk.ask(listing)
