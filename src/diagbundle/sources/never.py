"""What is never read, and why: the one list. It holds for every collector, ours, a vendor's and `--include`.

In patterns `*` stays within one component, `**` does not. A file is judged by the path it was asked by and by the path it
really has. Files that turn out to hold a private key are refused by content, wherever they lie.
"""

from __future__ import annotations

import re
from functools import lru_cache

NEVER: dict[str, tuple[str, ...]] = {
    "password database": (
        "/etc/shadow*", "/etc/gshadow*", "/etc/.pwd.lock", "/var/backups/shadow*", "/var/backups/gshadow*", "/etc/security/opasswd*",
        "/etc/tcb/**", "/etc/.git/**", "/root/anaconda-ks.cfg", "/root/original-ks.cfg", "/etc/samba/smbpasswd",
        "/var/lib/samba/private/**", "/etc/dovecot/*passwd*", "/etc/exim4/passwd*", "/etc/ppp/*-secrets", "/etc/postfix/sasl_passwd*",
        "/var/lib/sss/{db,secrets}/**", "/etc/**/*htpasswd*", "/etc/{apache2,httpd,nginx}/**/*.passwd", "/etc/{squid,mosquitto}/*passwd*",
        "/etc/dovecot/users*", "/etc/{redis,valkey}/*.acl", "/etc/snmp/snmpd.conf.d/*users*",
    ),
    "passwords typed as user names stand in it (tables/btmp* has its records without them)": ("/var/log/btmp*",),
    "private key": (
        "/etc/ssh/ssh_host_*_key", "**/*.key", "**/*.p12", "**/*.pfx", "**/*.jks", "**/*.keystore", "**/*.keytab", "**/*.kdbx",
        "**/privkey*.pem", "**/*-key.pem", "**/*_key.pem", "/etc/pki/**/private/**", "/etc/ssl/private/**", "/etc/pki/entitlement/**",
        "/etc/krb5.keytab", "/etc/ipsec.secrets", "/etc/ipsec.d/private/**", "/etc/swanctl/{private,rsa,ecdsa,pkcs8,pkcs12}/**",
        "/etc/wireguard/**", "/etc/rndc.key", "/etc/bind/*.key", "/etc/chrony.keys", "/etc/chrony/chrony.keys", "/etc/ntp/keys",
        "/etc/letsencrypt/{archive,keys,accounts}/**/*key*", "/var/lib/kubelet/pki/**", "/etc/kubernetes/pki/**",
        "/var/lib/rancher/**/tls/**", "/var/lib/NetworkManager/secret_key", "/var/lib/NetworkManager/*.key",
        "/var/lib/systemd/random-seed", "/var/lib/vault/**", "/var/lib/dhcpcd/secret",
    ),
    "credentials": (
        "**/.ssh/**", "**/.gnupg/**", "**/.aws/**", "**/.azure/**", "**/.config/gcloud/**", "**/.kube/**", "**/.pgpass", "**/.my.cnf",
        "**/.mylogin.cnf", "**/.netrc", "**/.*history", "**/.git-credentials", "**/.docker/config.json", "**/.vault-token", "**/.npmrc",
        "**/.pypirc", "/etc/libvirt/secrets/**", "/run/secrets/**", "/run/credentials/**", "/etc/credstore*/**",
        "/etc/systemd/**/*.creds", "/tmp/krb5cc_*", "/etc/kubernetes/*.conf", "/var/lib/kubelet/pods/**/volumes/kubernetes.io~*/**",
        "/var/lib/kubelet/kubeconfig", "/var/lib/etcd/**", "/var/lib/rancher/**/cred/**", "/var/lib/rancher/**/token",
        "/var/lib/rancher/**/node-token", "/etc/rancher/**/k3s.yaml", "/etc/rancher/**/rke2.yaml", "/etc/apt/auth.conf*",
        "/etc/apt/auth.conf.d/**", "/etc/zypp/credentials.d/**", "/etc/cloud/**/*user-data*", "/var/lib/cloud/**/user-data*",
        "/var/lib/cloud/**/*vendor-data*", "/run/cloud-init/instance-data-sensitive.json", "/var/lib/snapd/state.json",
        "/etc/NetworkManager/system-connections/**", "/run/NetworkManager/system-connections/**", "/var/lib/iscsi/nodes/**",
        "/etc/iscsi/iscsid.conf", "/etc/openvpn/**/*{auth,pass,secret,ta.key}*", "/etc/wpa_supplicant/*.conf",
        "/sys/class/iscsi_session/*/{password,password_in,username,username_in}", "/proc/keys", "/proc/key-users",
        "/etc/ecs/ecs.config.json", "/var/lib/ecs/data/**", "/etc/cups/passwd*", "/etc/pve/priv/**", "/etc/ansible/**/vault*",
        "/etc/{corosync,pacemaker}/authkey*", "/etc/booth/*{key,auth}*", "/etc/ceph/**/*.keyring", "/var/lib/ceph/**/keyring",
        "/var/lib/pcsd/{tokens,known-hosts,pcs_users.conf}", "**/.erlang.cookie",
        "/var/lib/docker/swarm/**", "/var/lib/containers/storage/secrets/**", "/var/lib/docker/containers/*/mounts/secrets/**",
    ),
    "memory of processes or of the kernel": (
        "/proc/kcore", "/proc/vmcore", "/dev/mem", "/dev/port", "/proc/kpage*", "/proc/*/{mem,pagemap,clear_refs,smaps,numa_maps}",
        "/proc/*/map_files/**", "/proc/*/task/*/{mem,pagemap,clear_refs,smaps}",
        "/var/crash/**/{vmcore,vmcore.*,vmcore-incomplete,dump.*}", "/var/lib/systemd/coredump/**",
        "/var/spool/abrt/**/{coredump,sosreport*,environ}", "/var/crash/*.crash",
    ),
    "reading it acts on the host": (
        "/proc/kmsg", "/proc/sysrq-trigger", "/sys/kernel/debug/**", "/sys/kernel/tracing/**", "/sys/kernel/slab/**", "/proc/acpi/event",
        "/proc/sys/net/ipv*/route/flush", "/proc/sys/vm/{drop_caches,compact_memory,stat_refresh}", "/proc/sys/fs/binfmt_misc/**",
        "/proc/xen/xenbus", "/proc/**/rpc/*/{channel,flush}", "/proc/**/rpc/use-gss-proxy", "/proc/fs/{nfsd,lustre,ldiskfs,panfs}/**",
        "/proc/fs/cifs/traceSMB", "/sys/fs/fuse/connections/*/abort", "/sys/bus/pci/devices/*/{rom,vpd,config,resource*,remove,reset}",
        "/sys/devices/pci*/**/{rom,vpd,config,resource*,remove,reset}", "/sys/firmware/efi/efivars/{[!S]*,S[!e]*}",
        "/sys/**/cpuinfo_cur_freq", "/proc/bus/usb/**",
    ),
    "secret of the kernel": (
        "/proc/sys/net/ipv6/conf/*/stable_secret", "/proc/sys/net/ipv4/tcp_fastopen_key", "/proc/sys/kernel/random/uuid",
    ),
    "data of a program, not a log": (
        "**/pg_wal/**", "**/pg_xlog/**", "**/*.ibd", "**/ib_logfile*", "**/ibdata*", "**/{mysql,mariadb}-bin.[0-9]*",
        "**/redo[0-9]*.log",
    ),
}  # fmt: skip

_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|^PuTTY-User-Key-File|AGE-SECRET-KEY-1", re.MULTILINE)
_KEY_WORDS = (b"PRIVATE KEY", b"PuTTY-User-Key-File", b"AGE-SECRET-KEY-")
"""Words without which the expression cannot match; much faster to look for."""
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\{[^}]*\}|\[[^]]*\]|[^*?{\[]+")


def _translate(pattern: str) -> str:
    """A pattern as a regular expression."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = []
    for token in _TOKEN.findall(pattern):
        if token.startswith("{"):
            pieces.append("(?:" + "|".join(_translate(choice) for choice in token[1:-1].split(",")) + ")")
        else:
            pieces.append(words.get(token) or (token.replace("[!", "[^") if token.startswith("[") else re.escape(token)))
    return "".join(pieces)


@lru_cache(maxsize=1)
def _compiled() -> tuple[re.Pattern[str], re.Pattern[str], dict[str, str]]:
    """Two expressions with a group for each reason: of whole paths, and of names alone (`**/NAME`), which is much faster."""
    reasons = {f"r{number}": reason for number, reason in enumerate(NEVER)}
    paths, names = [], []
    for group, reason in reasons.items():
        alone = [pattern.removeprefix("**/") for pattern in NEVER[reason] if pattern.startswith("**/") and "/" not in pattern[3:]]
        whole = [pattern for pattern in NEVER[reason] if pattern.removeprefix("**/") not in alone]
        paths += [f"(?P<{group}>{'|'.join(map(_translate, whole))})"] if whole else []
        names += [f"(?P<{group}>{'|'.join(map(_translate, alone))})"] if alone else []
    return re.compile("|".join(paths), re.DOTALL), re.compile("|".join(names), re.DOTALL), reasons


def why_never(path: str) -> str:
    """Why this path is never read, or ''."""
    paths, names, reasons = _compiled()
    found = names.fullmatch(path[path.rfind("/") + 1 :]) or paths.fullmatch(path)
    return f"never read: {reasons[found.lastgroup]}" if found and found.lastgroup else ""


def why_not_content(data: bytes) -> str:
    """Why a small file with this content is not kept, or ''."""
    if not any(word in data for word in _KEY_WORDS):
        return ""
    return "never kept: it holds a private key" if _KEY.search(data) else ""
