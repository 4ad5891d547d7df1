"""What the invented servers say: message templates by kind of log, as data.

A word in braces is a field, drawn anew (see `genlogs.fields`); `{=name}` is the value that this session or incident drew last, so that
its lines share it; doubled braces stand for themselves. The number before a template is its weight.
"""

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of log: where it lies, its part of all bytes, lines a second, stamp of its clock, what it says, what it says in a storm."""

    path: str
    share: int
    rate: float
    stamp: str
    normal: tuple[tuple[float, str], ...]
    storms: tuple[tuple[str, ...], ...]
    storm_chance: float = 0.0004
    storm_lines: tuple[int, int] = (20, 600)


_SYS = "{t} {self} "

SYSLOG = Kind(
    "var/log/syslog",
    28,
    2.0,
    "bsd",
    (
        (9, _SYS + "systemd[1]: Starting {unit} - {title}...\n{t} {=self} systemd[1]: {=unit}: Deactivated successfully.\n"
            "{t} {=self} systemd[1]: Finished {=unit} - {=title}.\n"),
        (6, _SYS + "systemd[1]: {unit}: Consumed {sec}s CPU time.\n"),
        (8, _SYS + "CRON[{pid}]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)\n"),
        (6, _SYS + "CRON[{pid}]: pam_unix(cron:session): session opened for user {user}(uid={uid}) by (uid=0)\n"
            "{t} {=self} CRON[{=pid}]: pam_unix(cron:session): session closed for user {=user}\n"),
        (9, _SYS + "sshd[{pid}]: Accepted publickey for {user} from {lan} port {port} ssh2: ED25519 SHA256:{keyprint}\n"
            "{t} {=self} sshd[{=pid}]: pam_unix(sshd:session): session opened for user {=user}(uid={uid}) by (uid=0)\n"),
        (7, _SYS + "sshd[{pid}]: Received disconnect from {lan} port {port}:11: disconnected by user\n"
            "{t} {=self} sshd[{=pid}]: Disconnected from user {user} {=lan} port {=port}\n"),
        (9, _SYS + "kubelet[{daemon}]: I{klog} {daemon} kubelet.go:2419] \"SyncLoop (PLEG): event for pod\" pod=\"{ns}/{pod}\" "
            "event={{ID:{uuid} Type:ContainerStarted Data:{cid}}}\n"),
        (6, _SYS + "kubelet[{daemon}]: E{klog} {daemon} pod_workers.go:965] \"Error syncing pod, skipping\" err=\"failed to \\\"StartContainer\\\" for "
            "\\\"{svc}\\\" with CrashLoopBackOff: back-off 5m0s restarting failed container={svc} pod={pod}_{ns}({uuid})\" pod=\"{ns}/{pod}\"\n"),
        (7, _SYS + "dockerd[{daemon}]: time=\"{iso}.{nano}Z\" level=info msg=\"ignoring event\" container={cid} module=libcontainerd "
            "namespace=moby topic=/tasks/delete type=\"*events.TaskDelete\"\n"),
        (8, _SYS + "containerd[{daemon}]: time=\"{iso}.{nano}Z\" level=info msg=\"shim disconnected\" id={cid} namespace=k8s.io\n"),
        (9, _SYS + "kernel: [{uptime}] [UFW BLOCK] IN={nic} OUT= MAC={mac} SRC={wan} DST={lan} LEN={len} TOS=0x00 PREC=0x00 TTL={ttl} "
            "ID={id16} DF PROTO=TCP SPT={port} DPT={dport} WINDOW={len} RES=0x00 SYN URGP=0\n"),
        (3, _SYS + "kernel: [{uptime}] {nic}: renamed from veth{hex7}\n"
            "{t} {=self} kernel: [{=uptime}] cni0: port {small}({=nic}) entered forwarding state\n"),
        (5, _SYS + "postfix/smtpd[{pid}]: connect from {host}.corp.example[{lan}]\n"
            "{t} {=self} postfix/qmgr[{daemon}]: {queue}: from=<{user}@corp.example>, size={bytes}, nrcpt=1 (queue active)\n"),
        (5, _SYS + "postfix/smtp[{pid}]: {queue}: to=<{user}@example.org>, relay=mx{small}.example.org[{wan}]:25, delay={sec}, "
            "delays=0.02/0.01/{sec}/0.4, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {queue})\n"),
        (6, _SYS + "dhclient[{daemon}]: DHCPREQUEST for {lan} on {nic} to {lan} port 67\n"
            "{t} {=self} dhclient[{=daemon}]: DHCPACK of {=lan} from {lan}\n"),
        (4, _SYS + "chronyd[{daemon}]: Selected source {wan} ({small}.pool.example)\n"),
        (6, _SYS + "named[{daemon}]: client @0x{hex12} {lan}#{port} ({host}.corp.example): query: {=host}.corp.example IN A +E(0)K ({lan})\n"),
        (6, _SYS + "haproxy[{daemon}]: {wan}:{port} [{t}.{ms3}] https~ be_{svc}/{host} 0/0/{ms}/{ms}/{ms} 200 {bytes} - - ---- "
            "{small}/{small}/0/0/0 0/0 \"GET {url} HTTP/1.1\"\n"),
        (3, _SYS + "sudo: {user} : TTY=pts/{small} ; PWD=/home/{=user} ; USER=root ; COMMAND=/usr/bin/systemctl status {unit}\n"),
    ),
    (
        (_SYS + "kernel: [{uptime}] blk_update_request: I/O error, dev {disk}, sector {sector} op 0x0:(READ) flags 0x80700 phys_seg {small} prio class 0\n",
         _SYS + "kernel: [{uptime}] sd 2:0:{small}:0: [{disk}] tag#{small} Sense Key : Medium Error [current]\n",
         _SYS + "kernel: [{uptime}] Buffer I/O error on dev {disk}1, logical block {sector}, async page read\n"),
        (_SYS + "sshd[{pid}]: Failed password for invalid user {user} from {=wan} port {port} ssh2\n",
         _SYS + "sshd[{pid}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={=wan}  user=root\n"),
        (_SYS + "kernel: [{uptime}] {=nic}: NIC Link is Down\n",
         _SYS + "kernel: [{uptime}] {=nic}: NIC Link is Up 10000 Mbps Full Duplex, Flow Control: rx/tx\n",
         _SYS + "kernel: [{uptime}] bond0: (slave {=nic}): link status definitely down, disabling slave\n"),
        (_SYS + "kernel: [{uptime}] [{pid}]  {uid} {pid}   {sector}    {kb}   {kb}        0           {small} {svc}\n",
         _SYS + "kernel: [{uptime}] [{pid}]     0 {pid}   {sector}    {kb}   {kb}        0             0 java\n"),
        (_SYS + "kernel: [{uptime}] nf_conntrack: nf_conntrack: table full, dropping packet\n",),
    ),
)

_NGINX = '{=visitor} - {=login} [{t}] "{verb} {url} HTTP/{hv}" '

NGINX = Kind(
    "var/log/nginx/access.log",
    24,
    6.0,
    "clf",
    (
        (40, _NGINX + '200 {bytes} "{referer}" "{=agent}" rt={rt} rid={hex16}\n'),
        (18, '{=visitor} - {=login} [{t}] "GET {asset} HTTP/2.0" 200 {assetsize} "{referer}" "{=agent}" rt=0.00{small}\n'),
        (12, '{=visitor} - {=login} [{t}] "GET {asset} HTTP/2.0" 304 0 "{referer}" "{=agent}" rt=0.000\n'),
        (9, '{lan} - - [{t}] "GET /healthz HTTP/1.1" 200 2 "-" "kube-probe/1.27" rt=0.000\n'),
        (5, _NGINX + '404 157 "-" "{=agent}" rt={rt} rid={hex16}\n'),
        (3, _NGINX + '302 0 "{referer}" "{=agent}" rt={rt} rid={hex16}\n'),
        (1, _NGINX + '499 0 "{referer}" "{=agent}" rt={rt} rid={hex16}\n'),
    ),
    (
        (_NGINX + '502 157 "{referer}" "{=agent}" rt={rt} rid={hex16}\n', _NGINX + '504 167 "-" "{=agent}" rt=60.00{small} rid={hex16}\n'),
        ('{=visitor} - - [{t}] "GET /{word}/{word}.php HTTP/1.1" 404 157 "-" "-" rt=0.000\n',),
        ('{=visitor} - - [{t}] "POST /login HTTP/1.1" 401 97 "https://www.example.com/login" "{=agent}" rt={rt} rid={hex16}\n',),
    ),
)

_JAVA = "{t},{ms3} {level} [{thread}] {class} [req={=req}] - "

JAVA = Kind(
    "opt/app/logs/orders.log",
    18,
    4.0,
    "log4j",
    (
        (14, _JAVA + "Order {order} accepted for customer {customer}, {small} positions, total {cents} EUR\n"
             "{t},{ms3} DEBUG [{=thread}] {class} [req={=req}] - Reserved stock for order {=order} in warehouse {wh} ({ms} ms)\n"),
        (10, _JAVA + "select o.id, o.state, o.total from orders o where o.customer_id = {customer} and o.state in ('OPEN', 'HELD') order by o.id desc ({ms} ms)\n"),
        (8, _JAVA + "Polled {small} records from topic orders.v{small} partition {small} offset {order} lag {ms}\n"),
        (7, _JAVA + "HTTP {verb} http://{svc}.{ns}.svc:8080{url} -> 200 in {ms} ms\n"),
        (5, _JAVA + "Cache region 'catalog': {kb} hits, {ms} misses, {small} evictions, {bytes} bytes\n"),
        (4, "{t},{ms3} INFO  [main] com.example.shop.GcLogger - Pause Young (Normal) (G1 Evacuation Pause) {ms}M->{small}M(4096M) {rt}ms\n"),
        (3, "{t},{ms3} WARN  [{thread}] {class} [req={=req}] - Slow call to {svc}: {ms} ms exceeds 500 ms, customer {customer}\n"),
        (0.7, "{t},{ms3} ERROR [{thread}] {class} [req={=req}] - Request {verb} {url} failed\n{cause}\n{frames}\n\tat java.base/java.lang.Thread.run(Thread.java:840)\n"
              "Caused by: {cause}\n{frames}\n\t... {ttl} more\n"),
    ),
    (
        ("{t},{ms3} ERROR [{thread}] {class} [req={=req}] - Request {verb} {url} failed\n{cause}\n{frames}\nCaused by: {=cause}\n{=frames}\n\t... {ttl} more\n",
         _JAVA + "Retrying call to {=svc} (attempt {small} of 5) after {ms} ms\n"),
        ("{t},{ms3} WARN  [{thread}] com.zaxxer.hikari.pool.HikariPool [req={=req}] - HikariPool-1 - Connection is not available, request timed out after 30{ms3}ms.\n"
         "{=frames}\n", _JAVA + "Falling back to read replica for customer {customer}\n"),
    ),
)

_JSON = '{{"time":"{t}.{ms3}Z","level":"{jlevel}","service":"{svc}","pod":"{=pod}","node":"{=host}","trace":"{=trace}","span":"{hex16}",'

JSON = Kind(
    "var/lib/docker/containers/api/api-json.log",
    20,
    5.0,
    "iso",
    (
        (20, _JSON + '"msg":"request done","http":{{"method":"{verb}","path":"{url}","status":200,"bytes":{bytes},"ms":{rt}}},"client":"{=visitor}","user":{customer}}}\n'),
        (9, _JSON + '"msg":"query","db":{{"pool":"orders","statement":"select_{word}_by_{word}","rows":{small},"ms":{rt}}},"user":{customer}}}\n'),
        (6, _JSON + '"msg":"message published","topic":"{svc}.events.v1","key":"{order}","partition":{small},"ms":{rt}}}\n'),
        (5, _JSON + '"msg":"cache","op":"get","key":"cart:{customer}","hit":{bool},"ms":{rt}}}\n'),
        (0.6, _JSON + '"msg":"request failed","http":{{"method":"{verb}","path":"{url}","status":500,"ms":{rt}}},"error":{{"kind":"{jerror}",'
               '"peer":"{lan}:5432","stack":"{jstack}"}},"user":{customer}}}\n'),
    ),
    (
        (_JSON + '"msg":"upstream failed","error":{{"kind":"{=jerror}","peer":"{=lan}:5432","retry":{small},"stack":"{=jstack}"}},"user":{customer}}}\n',),
        (_JSON + '"msg":"rate limited","client":"{=visitor}","limit":100,"window":"1m","path":"{url}"}}\n',),
    ),
)

_SYSCALL = (
    "type=SYSCALL msg=audit({t}.{ms3}:{serial}): arch=c000003e syscall={syscall} success={yes} exit={small} a0=ffffff9c a1={hex12} a2={hex4} a3=0 items=1 "
    'ppid={daemon} pid={pid} auid={uid} uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses={small} comm="{comm}" exe="/usr/bin/{=comm}" '
    'subj={context} key="{akey}"\n'
)

AUDIT = Kind(
    "var/log/audit/audit.log",
    10,
    1.5,
    "epoch",
    (
        (10, _SYSCALL + 'type=CWD msg=audit({t}.{=ms3}:{=serial}): cwd="/"\n'
             'type=PATH msg=audit({t}.{=ms3}:{=serial}): item=0 name="{file}" inode={sector} dev=fd:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 '
             "obj={context} nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\n"
             "type=PROCTITLE msg=audit({t}.{=ms3}:{=serial}): proctitle={proctitle}\n"),
        (5, "type=USER_LOGIN msg=audit({t}.{ms3}:{serial}): pid={pid} uid=0 auid={uid} ses={small} subj={context} msg='op=login id={uid} "
            'exe="/usr/sbin/sshd" hostname={host} addr={lan} terminal=/dev/pts/{small} res=success\'\n'),
        (6, "type=CRED_ACQ msg=audit({t}.{ms3}:{serial}): pid={pid} uid=0 auid=4294967295 ses=4294967295 subj={context} msg='op=PAM:setcred "
            'grantors=pam_env,pam_unix acct="{user}" exe="/usr/sbin/crond" hostname=? addr=? terminal=cron res=success\'\n'),
        (6, "type=SERVICE_START msg=audit({t}.{ms3}:{serial}): pid=1 uid=0 auid=4294967295 ses=4294967295 subj=system_u:system_r:init_t:s0 msg='unit={unit} "
            'comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success\'\n'),
        (2, 'type=AVC msg=audit({t}.{ms3}:{serial}): avc:  denied  {{ {avc} }} for  pid={pid} comm="{comm}" name="{word}" dev="dm-0" ino={sector} '
            "scontext={context} tcontext={context} tclass=file permissive=0\n"),
    ),
    (
        ('type=AVC msg=audit({t}.{ms3}:{serial}): avc:  denied  {{ {=avc} }} for  pid={=pid} comm="{=comm}" name="{word}" dev="dm-0" ino={sector} '
         "scontext={=context} tcontext={=context} tclass=file permissive=0\n",),
    ),
)

KINDS = {"syslog": SYSLOG, "nginx": NGINX, "java": JAVA, "json": JSON, "audit": AUDIT}
