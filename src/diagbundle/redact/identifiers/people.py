"""Places where a user or a host stands, as data: the rewriter looks there also for names that nobody had learned."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """One kind of place. All texts are in lower case and compared without regard to case."""

    shape: str
    """`key` (head, separator, value; quotes may stand around each), `phrase` (head, value, one of `after`), `id` (head`=`digits`(`value`)`)
    or `back` (value, then `before`, then head)."""
    kind: str
    """`user` or `host`."""
    head: bytes
    """Begins at the beginning of a word. A `key` is a whole word."""
    before: bytes = b""
    """What stands before the head."""
    after: tuple[bytes, ...] = ()
    """What stands behind the value, one of them; the end of a line counts as a newline. Empty: anything."""


def _keys(kind: str, words: str) -> tuple[Place, ...]:
    return tuple(Place("key", kind, word.encode()) for word in words.split())


_END = (b"\n", b"\r", b"(", b" by ", b" on ", b" from ", b" at ", b" in ", b" with ", b"'", b'"', b"\\", b",", b";", b".", b":", b")", b"]")
_SSH = (b" from ", b" port ", b" service")


def _phrases(words: str, after: tuple[bytes, ...]) -> tuple[Place, ...]:
    return tuple(Place("phrase", "user", words.encode(), after=after) for words in words.split("|"))


PLACES = (
    *_keys(
        "user", "user username user_name usr acct ruser logname login loginname sudo_user db_user dbuser remote_user ssh_user sasl_username"
    ),
    *_keys("user", "pguser mysql_user run_as runas euser effective_user uname user-name login_name account_name samaccountname owner_name"),
    *_keys("host", "host hostname host_name node nodename node_name rhost fqdn _hostname db_host dbhost pghost mysql_host remote_host"),
    *_keys("host", "remotehost computername computer_name machine_name server_host ssh_host logsource syslog_host"),
    *(Place("id", "user", head) for head in (b"uid", b"euid", b"gid", b"egid", b"ruid")),
    *_phrases(
        "password for |publickey for |pam for |none for |hostbased for |gssapi-with-mic for |exceeded for |certificate for ", (b" from ",)
    ),
    *_phrases("invalid user |illegal user ", (*_SSH, b"\n", b"\r", b" ", b":", b"[")),
    *_phrases(
        "for user |of user |from user |authenticating user |as user |by user |to user |failed user ", (*_END, *_SSH, b" [", b" 1", b" 2")
    ),
    *_phrases("disconnected from user |disconnected from authenticating user |closed by authenticating user ", (b" ",)),
    *_phrases("user ", (b" not allowed", b" logged ", b" from ", b" authorized", b" authenticated", b" connected", b" not in sudoers")),
    *_phrases("user '|for '|username '", (b"'",)),
    *_phrases('user "|role "|username "', (b'"', b'\\"')),
    *_phrases("to root) |su root) ", (b" on ",)),
    *_phrases("sudo: ", (b" : ",)),
    *_phrases("slice of user |session of user ", ()),
    Place("phrase", "user", b"home/", before=b"/"),
    Place("phrase", "user", b"spool/mail/", before=b"/"),
    Place("phrase", "user", b"var/mail/", before=b"/"),
    Place("phrase", "user", b"spool/cron/", before=b"/"),
    Place("phrase", "user", b"crontabs/", before=b"/"),
    Place("back", "user", b"tty=", before=b" : "),
    Place("back", "user", b"cmd (", before=b") "),
    Place("back", "user", b"list (", before=b") "),
    Place("back", "user", b"reload (", before=b") "),
)

SYSTEM = frozenset(
    b"""root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody nfsnobody messagebus dbus syslog
    sshd ntp chrony _chrony adm shutdown halt operator ftp polkitd rpc rpcuser tss uuidd tcpdump landscape pollinate usbmux dnsmasq avahi
    colord cups-pk-helper geoclue gdm hplip kernoops pulse rtkit saned speech-dispatcher whoopsie lxd mysql postgres mongodb redis rabbitmq
    elasticsearch kibana logstash grafana prometheus nginx apache httpd haproxy varnish tomcat jenkins gitlab-runner docker containerd git
    puppet zabbix nagios icinga named bind postfix dovecot dovenull exim debian-exim cyrus squid memcached ceph etcd kube consul vault nomad
    influxdb telegraf qemu libvirt-qemu libvirtdbus sssd oprofile abrt clevis cockpit-ws setroubleshoot stapunpriv unbound radvd saslauth
    gluster nscd systemd systemd-network systemd-resolve systemd-timesync systemd-coredump systemd-oom systemd-bus-proxy _apt _rpc statd
    fwupd-refresh tftp sddm lightdm insights pcp wheel sudo staff users tty disk kmem dialout cdrom floppy audio video plugdev input
    render sgx crontab shadow utmp netdev kvm ssh_keys dip lpadmin sambashare sasl src system kernel""".split()
)
"""Accounts and groups that systems and packages make: they say nothing about people."""

NO_USERS = frozenset(
    b"""unknown none null nil undefined true false yes no anonymous user username name invalid illegal id password and or not is in of the
    a an to for with by from as login logged error failed uid gid self default any all everyone public other others
    authentication authenticated session service type agent data space mode group info list lookup manager input output
    account code does has was has had will can cannot could may must should exists found""".split()
)
"""What stands in a user's place and is none."""
