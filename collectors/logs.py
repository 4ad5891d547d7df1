"""Every log, whole, rotated ones too: /var/log, the journal, logs configured elsewhere, and what programs are writing right now."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Row, Source, Stage, Table, collector

from ._look import globbed, spelled, status
from ._mounts import mounts, split

WHOLE = 600.0
"""Seconds for the journal as text."""
EXPORTED = 8 << 30
"""Bytes of its export: the oldest comes first, and a full journal of 4 GiB grows."""
VENDORS = """
/opt/*/{log,logs,var/log,var/logs}/** /srv/*/{log,logs}/** /usr/local/*/{log,logs}/** /usr/local/{log,logs}/** /var/opt/*/{log,logs}/**
/var/opt/*/*/{log,logs}/** /var/lib/{*/log,*/logs}/** /usr/share/tomcat*/logs/* /usr/share/{elasticsearch,kibana,logstash}/logs/*
/opt/*/standalone/log/* /opt/*/*/standalone/log/* /opt/*/domain/{log/*,servers/*/log/*} /u01/app/*/diag/**/trace/alert*.log
/opt/oracle/diag/**/trace/alert*.log /var/opt/mssql/log/errorlog* /usr/sap/*/*/work/dev_* /var/lib/mysql/*.err
/var/lib/pgsql/{*/data,data}/{log,pg_log}/* /var/lib/pgsql/*/*.log /var/lib/postgresql/*/*/{log,pg_log}/*
/var/lib/{pacemaker/pengine,pacemaker/blackbox,pacemaker/cores,corosync}/** /var/lib/{wtmpdb,lastlog}/* /run/{utmp,faillock/*}
/var/run/faillock/*
/var/adm/{messages,syslog}* /var/spool/rsyslog/*.qi /run/systemd/journal/{flushed,kernel-seqnum} /root/{install.log,install.log.syslog}
/run/{initramfs/*.log,initramfs/rdsosreport.txt,log/**} /tmp/{hs_err_pid*.log,*install*.log} /boot/*.log
/var/cache/apt/archives/partial/*.log
"""
"""Logs outside /var/log, where vendors and databases keep them."""
DATA = (
    "/pg_wal/",
    "/pg_xlog/",
    "/binlog",
    "-bin.",
    "/redo",
    "/ib_logfile",
    "/journal/WiredTiger",
    "/commitlog/",
    "/translog/",
    "/undo",
    "/wal/",
    "/raft",
)
"""Names with `log` in them that are data of a database: never read."""
CONFIGS = """
/etc/{rsyslog.conf,rsyslog.d/*,syslog.conf,syslog-ng/*.conf,syslog-ng/conf.d/*,audit/auditd.conf,logrotate.conf,logrotate.d/*,nginx/**}
/etc/{httpd/conf/*,httpd/conf.d/*,apache2/**,haproxy/*.cfg,my.cnf,my.cnf.d/*,mysql/**,mongod.conf,redis.conf,redis/*.conf,php.ini,php-fpm.d/*,php/**}
/etc/{elasticsearch/*.yml,postgresql/*/*/postgresql.conf,squid/*.conf,samba/smb.conf,chrony.conf,cloud/cloud.cfg.d/*,supervisor/**,supervisord.d/*}
/etc/{tomcat*/logging.properties,tomcat*/server.xml,systemd/system/**,systemd/journald.conf,systemd/journald.conf.d/*}
/run/systemd/transient/*
/usr/lib/systemd/system/*.service /var/lib/pgsql/{*/data,data}/postgresql*.conf
"""
"""Configurations that say where logs go."""
ROTATED = "/var/lib/{logrotate/status,logrotate/logrotate.status,logrotate.status,misc/logrotate.status}"
"""Where logrotate notes what it rotated when, on different distributions."""
JOURNALS = "/{var,run}/log/journal/*"
_WORDS = re.compile(
    r"""(?:log_file|logfile|log-file|log_error|log-error|slow_query_log_file|slow-query-log-file|general_log_file|error_log|access_log|slowlog
    |ErrorLog|CustomLog|TransferLog
    |cache_log|cache_access_log|log\ file|logdir|log_directory|path\.logs|file\s*[=(]|path\s*[:=]|output\s*[:=]
    |stdout_logfile|stderr_logfile|StandardOutput=\w+|StandardError=\w+|Standard(?:Output|Error)=file|systemLog.*path|php_admin_value\[error_log\]
    )["']?\s*[:=(]?\s*["'|]?(/[^\s"',;(){}]+)""",
    re.VERBOSE,
)
_SYSLOG = re.compile(r"^\s*[\w*.;,=!-]+\.[\w*!=;.,-]+\s+-?(/[^\s;]+)")
"""`mail.*  -/data/mail.log` of rsyslog."""
_ROTATED = re.compile(r"^\s*\"?(/[^\s{}\"]+)\"?\s*(?:\{|$|\s/)")
"""`/data/app/*.log {` of logrotate."""
_LOOKS = re.compile(r"(\.log(\.\d+)?|/(log|logs)/[^/]+|catalina\.out|nohup\.out|\.err|_log)$")
"""What a file open for writing must be called to be taken for a log."""
_SEGMENT = re.compile(r"/\d{20}\.(log|index|timeindex|snapshot|txnindex)$|/version-2/(log|snapshot)\.")
"""Segments of Kafka's topics and of ZooKeeper's data."""
_SOUNDS = re.compile(r"(?<![a-z])log|(?<!cata)(?<!/b)logs?(/|$)|\.(err|out)$", re.IGNORECASE)
"""What a configured path must sound like: `/data/catalog` and `/srv/blog` hold none."""
_JVM = re.compile(
    r"-(?:Dcatalina\.base=|Djboss\.server\.log\.dir=|Xloggc:|Xlog:[^:\0]*:file=|XX:ErrorFile=|XX:LogFile=|Des\.path\.logs=)(/[^\0,:]+)"
)
_DATA_DIRECTORY = re.compile(r"(?:^|\0)(?:-D|--pgdata=?|--datadir=?|--log-error=|--logpath=?|--log_error=)\0?(/[^\0]+)")
MAX_OPEN = 500
MAX_TABLE = 50_000


def samples(_host: Host) -> Iterator[Source]:
    """Sizes at both ends: a log that stands still while its service works, or that floods the disk."""
    yield Table("log_files", sizes, timeout=20)


@collector(title="Every log, whole, rotated ones too", stage=Stage.LOGS, samples=samples)
def logs(host: Host) -> Iterator[Source]:
    """What a reboot would lose first, then /var/log, then what lies elsewhere."""
    yield File("/run/log/journal/**")
    yield File("/var/log/**", follow=True)
    yield from _journal(host)
    yield from _accounting(host)
    yield Command(
        ("logread",),
        skip="" if host.running("syslogd") and not host.exists("/var/log/messages") else "the system log is a file",
        timeout=20,
    )
    yield from map(File, spelled(ROTATED))
    yield Command(("logrotate", "--debug", "/etc/logrotate.conf"), folder="logrotate", only_if="/etc/logrotate.conf", timeout=30)
    yield Table("logs_named", named, timeout=30)
    done: set[str] = set()
    for path in (*elsewhere(host), *_vendors(host)):
        if path not in done:
            done.add(path)
            yield File(path)


# -- the journal


def _journal(host: Host) -> Iterator[Source]:
    """As text, and all of it as export: its files are binary, and the desk's journalctl may be too old for them."""
    folders = list(globbed(host, JOURNALS))
    reason = "" if folders else "there is no journal"
    plain = ("journalctl", "--no-pager")
    for words in (("--list-boots",), ("--disk-usage",), ("--header",)):
        yield Command((*plain, *words), skip=reason, timeout=60)
    yield Command((*plain, "--boot", "-p", "err", "-o", "short-iso-precise"), skip=reason, timeout=120)
    spaces = sorted({name for folder in folders if (name := os.path.basename(folder).partition(".")[2])})
    exports = (("--merge", "-o", "export"), *((f"--namespace={name}", "-o", "export") for name in spaces))
    for choice in (("--boot",), *exports, ()):
        yield Command((*plain, *choice), skip=reason, timeout=WHOLE, limit=EXPORTED if "export" in choice else 2 << 30)


def _accounting(host: Host) -> Iterator[Source]:
    """Activity data and process accounting as text: they can be read only by the version of the program that belongs to them."""
    for path in globbed(host, "/var/log/{sa,sysstat}/sa[0-9]*"):
        name = os.path.basename(path)
        if name.rpartition(".")[2] not in ("gz", "xz", "bz2", "zst"):
            yield Command(("sadf", "-x", "--", "-A", path), folder="sar", at=f"sos_commands/sar/{name}.xml", timeout=60)
            text = name.replace("sa", "sar", 1)
            written = host.exists(f"{os.path.dirname(path)}/{text}")
            yield Command(
                ("sar", "-A", "-f", path),
                at=f"sos_commands/sar/{text}",
                skip="the host wrote this text itself" if written else "",
                timeout=60,
            )
    for path in globbed(host, "/var/{account,log/account}/{pacct,pacct.0,pacct.1}"):
        yield Command(("lastcomm", "--file", path), timeout=60)


# -- logs elsewhere


def _remote(host: Host) -> tuple[str, ...]:
    """Directories in which a look may never end."""
    return tuple(mount.point.rstrip("/") + "/" for mount in split(mounts(host))[1])


def _vendors(host: Host) -> Iterator[str]:
    """Logs in the usual places of vendors, without what is data. Where something remote is mounted, the engine is to look, not we."""
    remote = _remote(host)
    for pattern in spelled(VENDORS):
        fixed = pattern[: min((pattern.find(character) for character in "*[" if character in pattern), default=len(pattern))]
        if any(point.startswith(fixed) or fixed.startswith(point) for point in remote):
            yield pattern
        else:
            yield from (path for path in host.glob(pattern) if not is_data(path) and not path.startswith("/var/log/"))


def is_data(path: str) -> bool:
    """Whether this is data of a database or a queue that only has `log` in its name."""
    return any(word in path for word in DATA) or bool(_SEGMENT.search(path))


def elsewhere(host: Host) -> Iterator[str]:
    """Paths outside /var/log that configurations or running programs write to."""
    for row in named(host):
        path = str(row["path"])
        if not path.startswith(("/var/log/", "/run/log/journal/", "/dev/", "/proc/", "/sys/")) and "error" not in row:
            yield path


def named(host: Host) -> Iterator[Row]:
    """Who names or writes which log: configuration line, command line, or open file."""
    seen: set[str] = set()
    remote = _remote(host)
    for path, where in (*_open(host), *_from_processes(host), *_from_configurations(host)):
        for found in _existing(host, path, remote):
            if not is_data(found) and found not in seen and len(seen) < MAX_TABLE:
                seen.add(found)
                yield {"path": found, "by": where}


def _existing(host: Host, path: str, remote: tuple[str, ...]) -> Iterator[str]:
    """The files that a name means: itself with its rotated ones, those of a folder, or those of a pattern."""
    if path.startswith(remote):
        yield path
        return
    if host.listdir(path):
        patterns = [f"{path.rstrip('/')}/*"]
    elif any(character in path for character in "*?["):
        patterns = [path]
    else:
        patterns = [path, f"{path}.*", f"{path}-[0-9]*"]
    for pattern in patterns:
        for found in host.glob(pattern):
            about = status(host, found)
            if about is not None and stat.S_ISREG(about.st_mode):
                yield found


def _from_configurations(host: Host) -> Iterator[tuple[str, str]]:
    for config in globbed(host, CONFIGS):
        about = status(host, config)
        if about is None or about.st_size > 1 << 20:
            continue
        for number, line in enumerate(host.text(config).split("\n"), 1):
            if not line.lstrip().startswith(("#", ";", "//")):
                yield from ((path, f"{config}:{number}") for path in named_in(line[:2000], config))


def named_in(line: str, config: str) -> list[str]:
    """Log files that a line of a configuration names."""
    found = [match[1] for match in _WORDS.finditer(line)]
    if "syslog" in config and (match := _SYSLOG.match(line)):
        found.append(match[1])
    if "logrotate" in config and _ROTATED.match(line):
        found += [word.strip('"') for word in line.replace("{", " ").split() if word.strip('"').startswith("/")]
    # a directive such as path= may name anything: only what looks like a log is one
    return [path for path in found if _SOUNDS.search(path)]


def _from_processes(host: Host) -> Iterator[tuple[str, str]]:
    """Logs of Java programs and databases, from their command lines. Processes in state D are left alone: reading would wait for them."""
    for pid in host.pids():
        state = host.text(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1]
        if state in (["D"], ["Z"], []):
            continue
        words = host.text(f"/proc/{pid}/cmdline")
        where = f"command line of {host.text(f'/proc/{pid}/comm').strip()}"
        for match in _JVM.finditer(words):
            yield (f"{match[1]}/logs" if "catalina" in match[0] else match[1]), where
        if "java" in words.partition("\0")[0] and (folder := host.readlink(f"/proc/{pid}/cwd")) not in ("", "/"):
            yield f"{folder}/hs_err_pid*.log", where
        for match in _DATA_DIRECTORY.finditer(words):
            for name in ("log", "pg_log", "*.err") if "log" not in match[0].lower() else ("",):
                yield f"{match[1]}/{name}".rstrip("/"), where


def _open(host: Host) -> Iterator[tuple[str, str]]:
    """Files that a process other than ourselves has open and that are called like logs."""
    found = 0
    ourselves = host.text("/proc/self/cmdline")  # what this very run says on its way is no log of the host
    for pid in host.pids():
        if ourselves and host.text(f"/proc/{pid}/cmdline") == ourselves:
            continue
        for descriptor in host.listdir(f"/proc/{pid}/fd"):
            path = host.readlink(f"/proc/{pid}/fd/{descriptor}")
            if path.startswith("/") and not path.startswith(("/proc/", "/sys/", "/dev/", "/var/log/")) and _LOOKS.search(path):
                found += 1
                if found > MAX_OPEN:
                    return
                yield path, f"open in {host.text(f'/proc/{pid}/comm').strip()}"


# -- sizes


def sizes(host: Host) -> Iterator[Row]:
    """Size, room on disk, inode and time of every log below /var/log, and of those that programs have open elsewhere."""
    count = 0
    remote = _remote(host)
    opened = (path for path, _ in _open(host) if not is_data(path) and not path.startswith(remote))
    for path in (*host.glob("/var/log/**"), *sorted(set(opened))):
        target = host.readlink(path)
        if target and os.path.normpath(f"{os.path.dirname(path)}/{target}" if target[0] != "/" else target).startswith(remote):
            continue
        about = status(host, path)
        if about is None or not stat.S_ISREG(about.st_mode):
            continue
        count += 1
        if count > MAX_TABLE:
            return
        yield {
            "path": path, "size": about.st_size, "allocated": about.st_blocks * 512, "inode": about.st_ino, "device": about.st_dev,
            "mtime": about.st_mtime, "ctime": about.st_ctime, "mode": f"{stat.S_IMODE(about.st_mode):04o}", "uid": about.st_uid,
        }  # fmt: skip
