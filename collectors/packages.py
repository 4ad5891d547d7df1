"""Packages: what is installed, from where, since when, what is held back; every package manager that is there."""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Row, Source, Table, collector

from ._look import globbed, spelled, status

RPM_DATABASES = "/var/lib/rpm/{Packages,rpmdb.sqlite,Packages.db} /usr/lib/sysimage/rpm/{Packages,rpmdb.sqlite,Packages.db}"
"""`rpm -qa` on a host without one of these would make a new, empty one."""
DATABASES = (
    RPM_DATABASES
    + """
/var/lib/{rpm,dpkg/status,dpkg/lock*,dpkg/updates,apt/lists,apt/lists/lock,pacman/local,snapd/snaps/*,flatpak/.changed}
/var/cache/{dnf,apt,yum}
/var/lib/rpm/{__db.*,.rpm.lock,rpmdb.sqlite-*} /usr/lib/sysimage/rpm/{__db.*,rpmdb.sqlite-*} /lib/apk/db/{installed,lock} /ostree/deploy/*
"""
)
"""Their times tell the last change; a Berkeley lock (`__db.001`) older than the boot blocks rpm for ever."""
FILES = """
/etc/{yum.conf,yum.repos.d/*,yum/**,dnf/**,rpm/**,apt/**,zypp/**,apk/**,tdnf/**,pacman.conf,portage/**,snap/**,rhsm/rhsm.conf}
/etc/{dpkg/dpkg.cfg,dpkg/dpkg.cfg.d/*,sysconfig/rhn/up2date,debian_version,pip.conf,needrestart/**}
/var/lib/dpkg/{status,diversions,statoverride,arch,triggers/File,triggers/Unincorp} /var/lib/apt/extended_states
/var/lib/apt/periodic/* /var/lib/apt/listchanges.db /usr/lib/python3*/EXTERNALLY-MANAGED
/lib/apk/db/{installed,triggers} /usr/lib/apk/db/installed /var/lib/rpm/.rpm.lock /usr/lib/sysimage/rpm/.rpm.lock
/var/lib/dnf/{modulefailsafe/*,repos/*/countme} /usr/lib/sysimage/libdnf5/{packages.toml,groups.toml,modules.toml,system.toml}
/var/lib/flatpak/repo/config /ostree/repo/config /ostree/deploy/*/deploy/*.origin
/var/run/{yum.pid,zypp.pid} /run/{zypp.pid,dnf.pid} /run/reboot-required.pkgs /.snapshots/*/info.xml /var/lib/pacman/local/*/desc
"""
_NVRA = "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}"
INSTALLED = "%-59{NVRA} %{INSTALLTIME:date}\\n"
PACKAGE_DATA = _NVRA + "\\t%{INSTALLTIME:date}\\t%{INSTALLTIME}\\t%{VENDOR}\\t%{BUILDHOST}\\t%{SIGPGP:pgpsig}\\n"
"""Tab-separated; tools read the name in field 1, seconds in field 3, the vendor in field 4."""


@collector(title="Packages: what is installed, from where, since when, and what is held back")
def packages(host: Host) -> Iterator[Source]:
    """The databases that are text first; then what each package manager that is there says."""
    yield Table("package_databases", databases, timeout=10)
    yield from map(File, spelled(FILES))
    yield from _rpm(host)
    yield from _dpkg()
    yield from _others(host)
    yield from _images(host)


@collector(title="Files of packages that differ from what was installed (minutes)", default=False)
def packages_verify(host: Host) -> Iterator[Source]:
    """Reads every file of every package. Without scripts: those of a package could do anything."""
    yield Command(("rpm", "-Va", "--noscripts"), folder="rpm", skip=_no_rpm(host), timeout=1800)
    yield Command(("dpkg", "-V"), folder="dpkg", only_if="/var/lib/dpkg/status", timeout=1800)
    yield Command(("debsums", "-c"), folder="dpkg", only_if="/var/lib/dpkg/status", timeout=1800)
    yield Command(("apk", "audit"), folder="apk", only_if="/lib/apk/db/installed", timeout=600)


def _no_rpm(host: Host) -> str:
    """Why rpm is not to be asked."""
    return "" if any(globbed(host, RPM_DATABASES)) else "there is no rpm database, and asking would make one"


def _rpm(host: Host) -> Iterator[Source]:
    absent = _no_rpm(host)
    quick = ("--nodigest", "--nosignature", "--qf")
    yield Command(
        ("rpm", "-qa", *quick, INSTALLED), skip=absent, at="sos_commands/rpm/installed-rpms", also=("installed-rpms",), timeout=30
    )
    yield Command(("rpm", "-qa", *quick, PACKAGE_DATA), skip=absent, at="sos_commands/rpm/package-data", timeout=30)
    yield Command(("rpm", "--showrc"), folder="rpm", skip=absent, timeout=10)
    # -C: from the cache, nothing is downloaded; plugins would write repository files anew
    tool = "dnf" if host.exists("/usr/bin/dnf") else "yum"
    for words in (("repolist",), ("history", "list"), ("module", "list", "--enabled")):
        yield Command(
            (tool, "-C", "--noplugins", *words), folder=tool, skip=absent, at=f"sos_commands/{tool}/{tool}_-C_{'_'.join(words)}", timeout=30
        )
    yield Command((tool, "-C", "versionlock", "list"), folder=tool, skip=absent, only_if="/etc/dnf/plugins/versionlock.list", timeout=30)


def _dpkg() -> Iterator[Source]:
    database = "/var/lib/dpkg/status"
    yield Command(("dpkg", "-l"), folder="dpkg", only_if=database, also=("installed-debs",), timeout=30)
    yield Command(("dpkg", "--audit"), folder="dpkg", only_if=database, timeout=30)
    yield Command(("dpkg", "--get-selections"), folder="dpkg", only_if=database, timeout=30)  # names what is on hold
    yield Command(("apt-config", "dump"), folder="apt", only_if=database, timeout=10)


def _others(host: Host) -> Iterator[Source]:
    yield Command(("apk", "info", "-vv"), folder="apk", only_if="/etc/apk", timeout=20)
    yield Command(("pacman", "-Q"), folder="pacman", only_if="/var/lib/pacman/local", timeout=20)
    for words in (("locks",), ("repos", "--details"), ("services",)):
        yield Command(("zypper", "--non-interactive", "--no-refresh", *words), folder="zypper", only_if="/etc/zypp", timeout=20)
    stopped = "" if host.running("snapd") else "snapd is stopped; asking would start it"
    for words in (("list", "--all"), ("changes", "--abs-time"), ("services",), ("refresh", "--time")):
        yield Command(("snap", *words), folder="snap", skip=stopped, timeout=15)
    yield Command(("flatpak", "list", "--system"), folder="flatpak", only_if="/var/lib/flatpak/repo", timeout=15)


def _images(host: Host) -> Iterator[Source]:
    """Hosts that are updated as a whole."""
    stopped = "" if host.running("rpm-ostree", "rpm-ostreed") else "rpm-ostreed is stopped; asking would start it"
    yield Command(("rpm-ostree", "status", "--json"), folder="rpm-ostree", only_if="/ostree", skip=stopped)
    yield Command(("ostree", "admin", "status"), folder="rpm-ostree", only_if="/ostree")
    yield Command(("bootc", "status", "--format", "json"), folder="bootc", only_if="/ostree")
    yield Command(("snapper", "--no-dbus", "list"), folder="snapper", only_if="/etc/snapper")


def databases(host: Host) -> Iterator[Row]:
    """Which databases there are, when they last changed, and whether one is damaged or locked. The databases stay: 100 MB."""
    for path in globbed(host, DATABASES):
        found = status(host, path)
        if found is not None:
            yield {"path": path, "size": found.st_size, "mtime": found.st_mtime, "ctime": found.st_ctime}
    if host.exists("/var/lib/dpkg/status"):
        counts: dict[str, list[str]] = {}
        name = ""
        for line in host.text("/var/lib/dpkg/status").split("\n"):
            if line.startswith("Package: "):
                name = line[9:]
            elif line.startswith("Status: "):
                counts.setdefault(line[8:].strip() or "none", []).append(name)
        yield {"database": "dpkg", "states": {state: len(names) for state, names in counts.items()}, "unfinished": _unfinished(counts)}


def _unfinished(counts: dict[str, list[str]]) -> list[str]:
    """Packages that are neither whole nor gone: `name: half-configured`."""
    sound = ("installed", "not-installed", "config-files")
    return [f"{name}: {state.split()[-1]}" for state, names in counts.items() if state.split()[-1] not in sound for name in names][:200]
