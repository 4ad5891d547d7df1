"""The product that nobody declared: what runs here without being part of the distribution, its configuration and its logs.

From listening sockets and executables to units, packages, configuration and open log files. What is found this way is a guess
that is made the same way each time; a vendor knows better and writes a collector of its own (packaging/collector-template.toml).
"""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from diagbundle.collect.api import File, Host, Row, Source, Stage, Table, collector

from ._look import status

FOREIGN = ("/opt/", "/srv/", "/usr/local/", "/home/", "/var/opt/")
"""Where distributions put nothing."""
INTERPRETERS = re.compile(r"(python|perl|ruby|node|nodejs|java|php|php-fpm|dotnet|mono|bash|dash|sh|beam\.smp|lua|deno|bun)[\d.]*")
TAKES_A_WORD = {"-cp", "-classpath", "--class-path", "-p", "--module-path", "-W", "-X", "-r", "--require", "-I", "-pa"}
"""Options of interpreters whose next word is not the script."""
CONFIGURATION = (".conf", ".cfg", ".cnf", ".ini", ".toml", ".yaml", ".yml", ".json", ".properties", ".xml", ".config")
MAX_PROCESSES = 20_000
MAX_DESCRIPTORS = 4096
MAX_FILES = 300
"""Configuration files of one product."""
MAX_SIZE = 8 << 20
"""Bytes of a file that is still configuration."""
MAX_SCRIPT = 256 << 10
"""Bytes of a script or unit in which names of files are looked for."""
MAX_LOGS = 200
MAX_MAIN = 3
"""Processes of one product whose limits are kept: the ones that listen, or the first."""
_CONTAINER = re.compile(r"docker[-/]|libpod|cri-containerd|crio-|kubepods|lxc\.payload|/ecs/|machine\.slice|nspawn")
UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_IN_A_SCRIPT = re.compile(
    r"(?<![\w.$}])(/(?:etc|opt|srv|usr/local/etc)/[\w./+-]{1,200}(?:" + "|".join(map(re.escape, CONFIGURATION)) + r"))(?![\w.])"
)
_IN_A_UNIT = re.compile(r"^EnvironmentFile=-?(/[\w./+@-]{1,200})$", re.MULTILINE)
_UNIT = re.compile(r"/([^/]+\.(?:service|scope))(?:/|$)", re.MULTILINE)
_LOG = re.compile(r"\.(log|out|err|trace)([._-][^/]*)?$|/logs?/|/catalina\.", re.IGNORECASE)
_DATA = re.compile(
    r"/(pg_wal|pg_xlog|pg_commit_ts|binlog|redo|wal)/|/\d+\.log$|[-.]bin(log)?\.\d+$|\.(sst|wal|ldb|sock|db|lock|pid)$|/ib_logfile"
)
"""Files called logs that hold a database's data."""
_SHARED = {"bin", "sbin", "lib", "lib64", "libexec", "share", "local", "venv", "etc", "games", "src", "include"}


@dataclass
class Process:
    """One process, as far as it tells which product it belongs to."""

    pid: int
    comm: str
    executable: str
    argv: list[str]
    unit: str = ""
    place: str = ""
    """The path that makes it foreign: an executable, a script, a working directory; '' where it is the distribution's."""
    listens: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    @property
    def product(self) -> str:
        """A name for the product: the first directory that is its own."""
        words = [word for word in self.place.split("/")[1:] if word]
        own = words[2:] if words[:1] in (["usr"], ["home"], ["var"]) else words[1:]
        return next((word for word in own if word not in _SHARED and not word.startswith(".")), self.comm)


@collector(
    title="Products that are not part of the distribution: what listens here, its configuration, its limits and its logs", stage=Stage.LOGS
)
def product(host: Host) -> Iterator[Source]:
    """The table first, then small files, logs last."""
    yield Table("product", rows=rows, timeout=120.0)
    products: dict[str, list[Process]] = {}
    for process in processes(host):
        if process.place:
            products.setdefault(process.product, []).append(process)
    for name, members in sorted(products.items()):
        yield from _files(host, name, members)
        for process in sorted(members, key=lambda process: not process.listens)[:MAX_MAIN]:
            for what in ("limits", "status"):
                yield File(f"/proc/{process.pid}/{what}", at=f"diagbundle/product/{name}/{process.pid}/{what}")
    for _, members in sorted(products.items()):
        yield from _logs(host, members)


def rows(host: Host) -> Iterator[Row]:
    """A row for every process that listens or is not the distribution's."""
    found = [process for process in processes(host) if process.listens or process.place]
    packages = packages_of(host, {path for process in found for path in (process.executable, process.place) if path})
    for process in found:
        yield {
            "pid": process.pid,
            "name": process.comm,
            "executable": process.executable,
            "product": process.product if process.place else None,
            "because_of": process.place or None,
            "unit": process.unit or None,
            "package": packages.get(process.executable) or packages.get(process.place),
            "listens": process.listens,
            "configuration": list(islice(named_files(host, process), 20)),
            "logs": process.logs[:50],
        }


def processes(host: Host) -> Iterator[Process]:
    """Processes of the host itself; those in containers are another collector's, and those of this very run are nobody's product."""
    sockets = listening(host)
    ourselves = host.text("/proc/self/cmdline")
    for pid in host.pids()[:MAX_PROCESSES]:
        executable = host.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        cgroup = host.text(f"/proc/{pid}/cgroup")
        if not executable or _CONTAINER.search(cgroup) or (ourselves and host.text(f"/proc/{pid}/cmdline") == ourselves):
            continue
        argv = [word for word in host.text(f"/proc/{pid}/cmdline").split("\0") if word]
        process = Process(pid, host.text(f"/proc/{pid}/comm").strip(), executable, argv, unit_of(cgroup))
        process.place = foreign_place(executable, argv, host.readlink(f"/proc/{pid}/cwd"))
        _descriptors(host, process, sockets)
        yield process


def unit_of(cgroup: str) -> str:
    """The systemd unit in /proc/PID/cgroup, '' where there is none."""
    found = _UNIT.findall(cgroup)
    return found[-1] if found else ""


def foreign_place(executable: str, argv: list[str], cwd: str) -> str:
    """The path that shows that a process is not the distribution's, or ''."""
    if executable.startswith(FOREIGN):
        return executable
    if not INTERPRETERS.fullmatch(os.path.basename(executable)):
        return ""
    before = ""
    for word in argv[1:200]:
        option = word.startswith("-")
        for part in (word.partition("=")[2] if option else word).split(":"):
            if part.startswith(FOREIGN):
                return part
        if not option and before not in TAKES_A_WORD:  # the script: what follows are its own arguments
            return f"{cwd}/{word}" if not word.startswith("/") and (cwd + "/").startswith(FOREIGN) else ""
        before = word
    return ""


def _descriptors(host: Host, process: Process, sockets: dict[str, str]) -> None:
    """What it listens on, and the logs it has open for writing."""
    logs = set()
    for number in host.listdir(f"/proc/{process.pid}/fd")[:MAX_DESCRIPTORS]:
        link = host.readlink(f"/proc/{process.pid}/fd/{number}")
        if link.startswith("socket:["):
            if link[8:-1] in sockets:
                process.listens.append(sockets[link[8:-1]])
        elif link.startswith("/") and is_log(link) and _writes(host, process.pid, number):
            logs.add(link)
    process.listens = sorted(set(process.listens))
    process.logs = sorted(logs)


def is_log(path: str) -> bool:
    """Whether a path looks like that of a log, and not like a database's."""
    return (
        bool(_LOG.search(path))
        and not _DATA.search(path)
        and not path.endswith(" (deleted)")
        and not path.startswith(("/proc/", "/dev/", "/sys/"))
    )


def _writes(host: Host, pid: int, number: str) -> bool:
    """Whether a descriptor is open for writing: the last octal digit of `flags` in fdinfo (O_WRONLY 1, O_RDWR 2)."""
    flags = re.search(r"^flags:\s*([0-7]{1,22})\b", host.text(f"/proc/{pid}/fdinfo/{number}"), re.MULTILINE)
    return bool(flags and int(flags[1], 8) & 3)


def listening(host: Host) -> dict[str, str]:
    """Listening TCP and bound UDP sockets by inode, from /proc/net: `tcp 0.0.0.0:8080`."""
    found = {}
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        state = "0A" if kind.startswith("tcp") else "07"
        for words in (line.split() for line in host.lines(f"/proc/net/{kind}")):
            if len(words) > 9 and words[3] == state and re.fullmatch(r"[0-9A-F]{8}(?:[0-9A-F]{24})?:[0-9A-F]{4}", words[1]):
                found[words[9]] = f"{kind[:3]} {_address(words[1])}"
    return found


def _address(text: str) -> str:
    """An address of /proc/net/tcp: words of 32 bits in the byte order of the machine, here taken as little-endian."""
    digits, _, port = text.partition(":")
    raw = b"".join(bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8))
    address = ipaddress.ip_address(raw)
    return f"[{address}]:{int(port, 16)}" if address.version == 6 else f"{address}:{int(port, 16)}"


def packages_of(host: Host, paths: set[str]) -> dict[str, str]:
    """The Debian package of each path, from the lists in /var/lib/dpkg/info. The rpm database is not opened: asking it may write."""
    wanted = {variant: path for path in paths for variant in {path, path.removeprefix("/usr")}}
    found: dict[str, str] = {}
    for listing in host.glob("/var/lib/dpkg/info/*.list") if wanted else ():
        package = os.path.basename(listing).removesuffix(".list")
        found.update((wanted[line], package) for line in host.text(listing).splitlines() if line in wanted)
    return found


def named_files(host: Host, process: Process) -> Iterator[str]:
    """Configuration files that the command line names, the script that runs, and the unit that started it."""
    if process.place and process.place != process.executable:
        yield from _named_in(host, process.place, _IN_A_SCRIPT)
    for folder in UNITS if process.unit else ():
        yield from _named_in(host, f"{folder}/{process.unit}", _IN_A_UNIT)
    for word in process.argv[:200]:
        path = word.partition("=")[2] if word.startswith("-") and "=" in word else word
        path = path.removeprefix("file:").removeprefix("@")
        if path.startswith("/") and path.endswith(CONFIGURATION) and host.exists(path):
            yield path


def _named_in(host: Host, file: str, named: re.Pattern[str]) -> Iterator[str]:
    about = status(host, file)
    if about and stat.S_ISREG(about.st_mode) and about.st_size <= MAX_SCRIPT:
        yield from (path for path in dict.fromkeys(named.findall(host.text(file))) if host.exists(path))


def _files(host: Host, name: str, members: list[Process]) -> Iterator[Source]:
    """Configuration: what command lines name, and the usual directories."""
    found: dict[str, None] = dict.fromkeys(path for process in members for path in named_files(host, process))
    vendor = re.split(r"[-_.]", name)[0]  # acme-orders, of Acme, may keep it in /etc/acme
    folders = {
        name,
        name.lower(),
        vendor,
        *(process.unit.removesuffix(".service") for process in members if process.unit.endswith(".service")),
    }
    tops = {top for process in members if (top := top_of(process.place, name))}
    patterns = [f"/etc/{folder}/**" for folder in sorted(folders)] + [f"/etc/{folder}.conf" for folder in sorted(folders)]
    patterns += [f"/etc/{where}/{folder}" for where in ("default", "sysconfig") for folder in sorted(folders)]
    patterns += [f"{top}/{part}/**" for top in sorted(tops) for part in ("etc", "conf", "config")]
    patterns += [f"{top}/{file}" for top in sorted(tops) for file in ("VERSION*", "version*", "RELEASE*", "release*")]
    for pattern in patterns:
        found.update(dict.fromkeys(islice(host.glob(pattern), MAX_FILES)))
    for number, path in enumerate(found):
        if number >= MAX_FILES:
            yield File(path, skip=f"more than {MAX_FILES} configuration files of {name}; from here on they were left out")
            return
        yield File(path, skip=_too_large(host, path))


def top_of(place: str, name: str) -> str:
    """The directory of a product: up to the component that bears its name, where the product owns it."""
    head, found, _ = place.partition(f"/{name}/")
    return f"{head}{found}".rstrip("/") if found and (head + "/").startswith(FOREIGN) else ""


def _too_large(host: Host, path: str) -> str:
    about = status(host, path)
    return f"{about.st_size:,} bytes are no configuration" if about and stat.S_ISREG(about.st_mode) and about.st_size > MAX_SIZE else ""


def _logs(host: Host, members: list[Process]) -> Iterator[Source]:
    """Logs that are open, and what lies rotated beside them; what is below /var/log comes with the logs of the system."""
    found: dict[str, None] = {}
    for process in members:
        for path in process.logs:
            if not path.startswith("/var/log/"):
                found[path] = None
                stem = re.split(r"[._-]?\d{4}|\.log|\.out|\.err", os.path.basename(path))[0]
                beside = (
                    f"{os.path.dirname(path)}/{other}" for other in host.listdir(os.path.dirname(path)) if stem and other.startswith(stem)
                )
                found.update(dict.fromkeys(other for other in islice(beside, MAX_LOGS) if is_log(other)))
    for top in {top for process in members if (top := top_of(process.place, process.product))}:
        for part in ("log", "logs", "var/log"):
            found.update(dict.fromkeys(path for path in islice(host.glob(f"{top}/{part}/**"), MAX_LOGS) if not _DATA.search(path)))
    for number, path in enumerate(found):
        skip = f"more than {MAX_LOGS} logs; from here on they were left out" if number >= MAX_LOGS else ""
        yield File(path, timeout=600.0, skip=skip)
        if skip:
            return
