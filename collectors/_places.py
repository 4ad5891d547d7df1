"""Modes, owners and flags of the folders, nodes and files that every host needs: what the rest of the system takes for granted."""

from __future__ import annotations

import array
import errno
import os
import stat
from collections.abc import Iterator
from fcntl import ioctl

from diagbundle.collect.api import Host, Outcome, Row, SourceError, why_never

from ._look import spelled
from ._mounts import mounts, split

PLACES = """
/ /{bin,boot,dev,etc,home,lib,lib64,media,mnt,opt,proc,root,run,sbin,srv,sys,tmp,usr,var}
/usr/{bin,sbin,lib,lib64,libexec,local,share} /var/{cache,empty,empty/sshd,lib,lock,log,run,spool,tmp} /run/{lock,sshd,user,systemd}
/var/spool/{cron,cron/crontabs,mail} /var/log/{audit,journal,messages,syslog,secure,auth.log,wtmp,lastlog}
/dev/{shm,pts,null,zero,full,random,urandom,tty,ptmx,console,fuse}
/usr/bin/{sudo,su,passwd,mount,umount,newgrp,crontab,at,pkexec,newuidmap,newgidmap,fusermount,fusermount3}
/usr/sbin/unix_chkpwd /sbin/unix_chkpwd
/etc/{passwd,group,shadow,gshadow,sudoers,sudoers.d,sudo.conf,hosts,resolv.conf,nsswitch.conf,host.conf,gai.conf,localtime,services}
/etc/{protocols,fstab,profile,environment,login.defs,crontab,cron.d,ld.so.cache,ld.so.conf,ld.so.conf.d,ld.so.preload,sysctl.conf,sysctl.d}
/etc/{hostname,machine-id,modprobe.d,network,sysconfig,default,pam.d,security,security/limits.conf,selinux/config,init.d,logrotate.d}
/etc/{systemd,systemd/system,ssh,ssh/sshd_config,ssl/certs,ssl/openssl.cnf,pki/tls/openssl.cnf,krb5.conf,yum.repos.d,apt,apt/sources.list}
/etc/ssh/ssh_host_{rsa,ecdsa,ed25519}_key /etc/ssl/certs/ca-certificates.crt /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem
"""
ALWAYS = ("/tmp", "/dev/null", "/dev/zero", "/dev/urandom")  # noqa: S108  # not opened
"""Which of them are told of where they are not there, too."""
GET_FLAGS = 0x80086601 if array.array("l").itemsize == 8 else 0x80046601
"""FS_IOC_GETFLAGS of linux/fs.h; Alpha, MIPS, PowerPC and SPARC spell it otherwise."""
GET_FLAGS_ELSEWHERE = {"alpha", "mips", "mips64", "ppc", "ppc64", "ppc64le", "sparc64"}
IMMUTABLE, APPEND = 0x10, 0x20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFCHR: "character device", stat.S_IFBLK: "block device",
    stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
}  # fmt: skip


def places(host: Host) -> Iterator[Row]:
    """A row for each that is there; of a link what it leads to. What lies on servers or waits to be mounted is not touched."""
    away = tuple(each.point for each in [*split(mounts(host))[1], *(each for each in mounts(host, autofs=True) if each.type == "autofs")])
    for path in spelled(PLACES):
        link = host.readlink(path)
        try:
            real = host.path(path)
            seen = f"/{os.path.relpath(real, host.root)}" if host.root != "/" else real
            if any(seen == point or seen.startswith(point.rstrip("/") + "/") for point in away if point != "/"):
                yield {"path": path, "skipped": "on a server, or waiting to be mounted"}
                continue
            found = host.stat(path)
        except SourceError as error:
            if link or path in ALWAYS:
                row = {"path": path, "link": link} if link else {"path": path}
                yield row | ({"type": "nothing", "mode": "0000"} if error.outcome is Outcome.ABSENT else {"error": str(error)})
            continue
        yield _row(host, path, link, found)


def _row(host: Host, path: str, link: str, found: os.stat_result) -> Row:
    kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
    row: dict[str, object] = {
        "path": path, "type": kind, "mode": f"{stat.S_IMODE(found.st_mode):04o}", "uid": found.st_uid, "gid": found.st_gid,
        "ctime": found.st_ctime,
    }  # fmt: skip
    if link:
        row["link"] = link
    if kind == "file":
        row["size"] = found.st_size
    if kind.endswith("device"):
        row["device"] = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    if kind in ("file", "folder") and (flags := _flags(host, path, kind)):
        row["flags"] = flags
    return row


def _flags(host: Host, path: str, kind: str) -> str:
    """`i` immutable, `a` append-only; '' where neither is set or it cannot be known. Only files and folders are ever opened."""
    if why_never(path) or os.uname().machine in GET_FLAGS_ELSEWHERE:
        return ""
    try:
        descriptor = os.open(host.path(path), _DIRECTORY) if kind == "folder" else host.open(path)
    except (OSError, SourceError):
        return ""
    try:
        held = array.array("i", [0, 0])  # a long by its number, an int by what the kernel writes
        ioctl(descriptor, GET_FLAGS, held)
        return "i" * bool(held[0] & IMMUTABLE) + "a" * bool(held[0] & APPEND)
    except OSError as error:
        # what has no such flags: /proc, FAT, tmpfs of old kernels
        return "" if error.errno in (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EACCES) else "?"
    finally:
        os.close(descriptor)
