"""What is never read: by path and by content."""

import pytest

from diagbundle.sources.never import NEVER, why_never, why_not_content

REFUSED = {
    "/etc/shadow": "password",
    "/etc/shadow-": "password",
    "/var/backups/shadow.bak": "password",
    "/etc/ssh/ssh_host_rsa_key": "private key",
    "/srv/app/tls/server.key": "private key",
    "/etc/letsencrypt/live/x/privkey.pem": "private key",
    "/home/u/.ssh/id_ed25519": "credentials",
    "/root/.bash_history": "credentials",
    "/proc/1/mem": "memory",
    "/proc/kcore": "memory",
    "/proc/kmsg": "acts",
    "/proc/net/rpc/auth.unix.ip/channel": "acts",
    "/proc/self/net/rpc/nfsd.fh/flush": "acts",
    "/proc/1/task/1/net/rpc/use-gss-proxy": "acts",
    "/sys/kernel/debug/x/y": "acts",
    "/sys/bus/pci/devices/0000:00:01.0/config": "acts",
    "/proc/sys/net/ipv6/conf/eth0/stable_secret": "secret of the kernel",
    "/var/lib/postgresql/15/main/pg_wal/0001": "data",
    "/var/lib/kubelet/pods/a/volumes/kubernetes.io~secret/x/token": "credentials",
    "/sys/firmware/efi/efivars/Boot0000-1": "acts",
    "/etc/NetworkManager/system-connections/wifi.nmconnection": "credentials",
    "/var/crash/202601010000/vmcore": "memory",
    "/etc/kubernetes/admin.conf": "credentials",
    "/etc/nginx/sites/.htpasswd-app": "password database",
    "/etc/apache2/auth/users.passwd": "password database",
    "/etc/squid/passwd": "password database",
    "/etc/redis/users.acl": "password database",
    "/etc/corosync/authkey": "credentials",
    "/etc/pacemaker/authkey": "credentials",
    "/etc/ceph/ceph.client.admin.keyring": "credentials",
    "/var/lib/rabbitmq/.erlang.cookie": "credentials",
}
READ = (
    "/etc/passwd",
    "/etc/hosts",
    "/var/log/messages",
    "/var/log/auth.log.1",
    "/etc/ssh/sshd_config",
    "/etc/ssl/certs/ca.pem",
    "/proc/1/status",
    "/proc/meminfo",
    "/sys/class/net/eth0/speed",
    "/etc/keyboard",
    "/etc/corosync/corosync.conf",
    "/etc/ceph/ceph.conf",
    "/var/log/keystone/keystone.log",
    "/etc/default/keyboard",
    "/var/log/shadow.log",
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61",
    "/etc/monkey",
    "/etc/nginx/nginx.conf",
    "/etc/squid/squid.conf",
    "/etc/apache2/conf-available/security.conf",
    "/var/log/.history.d/x",
    "/var/crash/202601010000/vmcore-dmesg.txt",
)


@pytest.mark.parametrize("path", REFUSED)
def test_refused(path):
    assert REFUSED[path] in why_never(path)


@pytest.mark.parametrize("path", READ)
def test_read(path):
    assert why_never(path) == ""


def test_a_path_with_a_newline_is_judged_whole():
    assert why_never("/var/log/a\n/x.key")
    assert not why_never("/etc/shadow.d\nx/readme") or why_never("/etc/shadow")


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "DSA "])
def test_private_keys_are_known_by_content(kind):
    head = f"some text\n-----BEGIN {kind}PRIVATE".encode() + b" KEY-----\n"
    assert why_not_content(head)


def test_public_things_are_kept():
    for head in (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN PUBLIC KEY-----", b"PRIVATE KEY in prose", b"ssh-rsa AAAA"):
        assert not why_not_content(head)


def test_every_reason_has_patterns_and_every_pattern_is_absolute():
    for reason, patterns in NEVER.items():
        assert reason
        assert patterns
        assert all(pattern.startswith(("/", "**/")) for pattern in patterns)
