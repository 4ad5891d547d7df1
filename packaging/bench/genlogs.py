#!/usr/bin/env python3
"""Write realistic server logs, and small files like those of /etc, /proc and /sys: the same bytes for the same seed and size.

    genlogs.py --size 600M --small 5000 DIR

What makes them like the real thing: values come from pools in which few members make most lines (a power law); a line belongs to one of
some two dozen running sessions, whose addresses, traces and agents recur; time runs on, quietly or busily; and faults come as storms of
similar lines (a failing disk, a guessed password, a database that is gone). `xz -3` makes about 1/9 of them, `gzip -6` about 1/7.
"""
# ruff: noqa: PLR2004, S311, SIM905 - probabilities are numbers where they are used, nothing here is secret, and words read better as text

import argparse
import itertools
import math
import os
import random
import re
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import smallfiles

EPOCH = 1_760_000_000  # seconds: fixed, so that two runs can be compared
SESSIONS = 24
STORM_CHANCE, STORM_LINES = 0.0004, (20, 600)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "catalogue.toml"), "rb") as _catalogue:
    KINDS: dict[str, dict[str, Any]] = tomllib.load(_catalogue)
WORDS = """
    order cart price stock user group event index search cache token state media image theme login account invoice payment refund
    catalog offer region store worker batch queue report export import health metric config backup shard replica volume mount
""".split()
SERVICES = ("orders", "billing", "catalog", "search", "auth", "mailer", "gateway", "inventory", "pricing", "notify")
PEOPLE = """
    anna bilal chen dora emil farid greta hiro ines jonas kofi lucia mikko nadia olga pavel quentin rania stefan tove uma vera
""".split()
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{0}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_{1} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.{1} Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) v{1}",
    "Go-http-client/1.{1}",
    "curl/8.{1}.0",
)
CAUSES = (
    "java.net.SocketTimeoutException: Read timed out",
    "java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms.",
    "com.example.shop.NotFoundException: no such order",
    "java.lang.IllegalStateException: Timeout on blocking read for 5000 MILLISECONDS",
    "org.postgresql.util.PSQLException: ERROR: canceling statement due to lock timeout",
    'java.lang.NullPointerException: Cannot invoke "com.example.shop.Price.amount()" because "price" is null',
)
LIBRARY = (
    "org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1072)",
    "org.springframework.web.servlet.FrameworkServlet.processRequest(FrameworkServlet.java:1006)",
    "org.springframework.transaction.interceptor.TransactionAspectSupport.invokeWithinTransaction(TransactionAspectSupport.java:391)",
    "org.springframework.aop.framework.ReflectiveMethodInvocation.proceed(ReflectiveMethodInvocation.java:184)",
    "org.apache.catalina.core.ApplicationFilterChain.internalDoFilter(ApplicationFilterChain.java:205)",
    "org.apache.coyote.http11.Http11Processor.service(Http11Processor.java:391)",
    "org.apache.tomcat.util.net.SocketProcessorBase.run(SocketProcessorBase.java:52)",
    "org.hibernate.engine.jdbc.internal.ResultSetReturnImpl.extract(ResultSetReturnImpl.java:57)",
    "com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:181)",
    "org.postgresql.core.v3.QueryExecutorImpl.processResults(QueryExecutorImpl.java:2100)",
    "java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke(DirectMethodHandleAccessor.java:104)",
)
STAMPS = {
    "bsd": "%b %e %H:%M:%S",
    "clf": "%d/%b/%Y:%H:%M:%S +0000",
    "iso": "%Y-%m-%dT%H:%M:%S",
    "log4j": "%Y-%m-%d %H:%M:%S",
    "epoch": "%s",
}

Draw = Callable[[], str]
Session = dict[str, str]


class Clock:
    """Time of one log: lines come at random moments, in quiet and busy spells."""

    def __init__(self, rng: random.Random, rate: float, stamp: str) -> None:
        self.rng, self.rate, self.format = rng, rate, STAMPS[stamp]
        self.now, self.second, self.text, self.iso, self.spell = float(EPOCH), -1, "", "", 1.0

    def step(self) -> None:
        """On to the next line."""
        if self.rng.random() < 0.0005:
            self.spell = self.rng.choice((0.2, 0.5, 1.0, 1.0, 3.0, 8.0))
        self.now += self.rng.expovariate(self.rate * self.spell)
        if int(self.now) != self.second:
            self.second = int(self.now)
            when = time.gmtime(self.second)
            self.text = str(self.second) if self.format == "%s" else time.strftime(self.format, when)
            self.iso = time.strftime(STAMPS["iso"], when)


def skewed(rng: random.Random, pool: list[str], power: float = 3.0) -> Draw:
    """Draws from a pool in which the first members are drawn far more often than the last."""
    count, rnd = len(pool), rng.random
    return lambda: pool[int(count * rnd() ** power)]


def number(rng: random.Random, top: int, power: float = 1.0, low: int = 0) -> Draw:
    """Draws a number up to `top`; small ones are likelier where `power` is above 1."""
    rnd = rng.random
    return lambda: str(low + int(top * rnd() ** power))


def hexes(rng: random.Random, digits: int) -> Draw:
    """Draws that many random hexadecimal digits."""
    bits, form = rng.getrandbits, f"%0{digits}x"
    return lambda: form % bits(4 * digits)


Pools = dict[str, tuple[list[str], float]]


def pools(seed: str) -> Pools:
    """What recurs on this invented server (name of the field: members, power of its skew); the same for every log of one seed."""
    r = random.Random(f"pools {seed}")
    return _network(r) | _people_and_machines(r) | _programs(r)


def _many(count: int, make: Draw) -> list[str]:
    return [make() for _ in range(count)]


def _address(r: random.Random, head: str, *tops: int) -> str:
    return head + ".".join(str(r.randrange(1, top)) for top in tops)


def _network(r: random.Random) -> Pools:
    """Addresses, interfaces, browsers and what they ask for."""
    assets = [f"/static/{w}.{r.getrandbits(32):08x}.{e}" for w in WORDS[:12] for e in ("js", "css", "png", "svg")]
    return {
        "lan": (_many(150, lambda: _address(r, "10.", 24, 250, 250)), 2.5),
        "visitor": (_many(4000, lambda: _address(r, r.choice(("81.", "185.", "203.", "45.")), 250, 250, 250)), 2.0),
        "wan": (_many(2000, lambda: _address(r, "", 220, 250, 250, 250)), 2.0),
        "nic": (["eth0", "eth1", "bond0", *_many(12, lambda: f"cali{r.getrandbits(44):011x}")], 2.0),
        "mac": (_many(30, lambda: ":".join(f"{r.getrandbits(8):02x}" for _ in range(14))), 2.0),
        "agent": (_many(60, lambda: r.choice(AGENTS).format(r.randrange(98, 132), r.randrange(12))), 2.0),
        "asset": (assets, 2.0),
        "referer": (["-"] * 30 + [f"https://www.example.com/{w}" for w in WORDS] * 2, 1.3),
        "verb": (["GET"] * 12 + ["POST"] * 4 + ["PUT", "DELETE", "HEAD"], 1.2),
        "hv": (["2.0", "1.1"], 1.3),
    }


def _people_and_machines(r: random.Random) -> Pools:
    """Users, hosts, disks, units, and what auditd sees of them."""
    return {
        "user": ([f"{a}.{b}" for a, b in zip(PEOPLE, reversed(PEOPLE), strict=True)], 2.0),
        "login": (["-"] * 60 + PEOPLE[:6], 1.0),
        "host": ([f"{n}-{i:02}" for i in range(1, 8) for n in ("web", "db", "cache", "node")], 2.0),
        "disk": (["sda", "sdb", "sdc", "nvme0n1", "dm-0"], 2.0),
        "unit": ([f"{w}-{k}" for w in WORDS[:16] for k in ("refresh.service", "clean.timer", "agent.service")], 3.0),
        "title": ([f"{w.capitalize()} the {v} {x}" for w, v, x in zip(WORDS, WORDS[7:], WORDS[13:], strict=False)], 2.0),
        "daemon": (_many(14, lambda: str(r.randrange(600, 4000))), 2.0),
        "keyprint": (_many(30, lambda: f"{r.getrandbits(160):040x}"), 2.0),
        "syscall": (["257", "59", "87", "263", "90"], 2.0),
        "yes": (["yes"] * 12 + ["no"], 1.0),
        "comm": (["sudo", "cat", "vim", "systemctl", "docker", "bash", "cp"], 1.5),
        "file": ([f"/etc/{w}/{v}.conf" for w in WORDS[:12] for v in WORDS[:4]], 2.5),
        "context": ([f"system_u:system_r:{w}_t:s0" for w in ("sshd", "crond", "unconfined", "container", "httpd")], 2.0),
        "akey": (["access", "identity", "perm_mod", "exec"], 1.5),
        "avc": (["read", "write", "open", "getattr", "name_connect"], 1.5),
        "proctitle": (_many(40, lambda: " ".join(r.sample(WORDS, 3)).encode().hex().upper()), 2.0),
    }


def _programs(r: random.Random) -> Pools:
    """Pods, classes, stack traces, levels."""
    classes = [f"com.example.shop.{w}.{w.capitalize()}{k}" for w in WORDS[:14] for k in ("Service", "Controller", "Repository", "Client")]
    own = [
        f"{c}.{m}({c.rsplit('.', 1)[1]}.java:{r.randrange(20, 400)})"
        for c in classes
        for m in r.sample(("handle", "find", "save", "call"), 3)
    ]
    return {
        "pod": ([f"{s}-{r.getrandbits(36):09x}-{r.getrandbits(20):05x}" for s in SERVICES for _ in range(9)], 2.0),
        "ns": (["shop", "shop-staging", "kube-system", "monitoring"], 2.0),
        "svc": (list(SERVICES), 2.0),
        "cid": (_many(90, lambda: f"{r.getrandbits(256):064x}"), 2.0),
        "uuid": (
            _many(
                90,
                lambda: (
                    f"{r.getrandbits(32):08x}-{r.getrandbits(16):04x}-4{r.getrandbits(12):03x}-a{r.getrandbits(12):03x}-{r.getrandbits(48):012x}"
                ),
            ),
            2.0,
        ),
        "word": (WORDS, 1.5),
        "level": (["INFO ", "DEBUG", "INFO ", "WARN "], 1.5),
        "jlevel": (["info", "info", "debug", "warn"], 1.5),
        "class": (classes, 2.5),
        "cause": (list(CAUSES), 2.0),
        "frames": (
            _many(
                70, lambda: "\n".join("\tat " + f for f in [*r.choices(own, k=r.randrange(2, 9)), *r.sample(LIBRARY, r.randrange(4, 11))])
            ),
            2.0,
        ),
        "jerror": (["ECONNREFUSED", "ETIMEDOUT", "EPIPE", "ENOTFOUND"], 2.0),
        "jstack": (
            _many(
                12,
                lambda: "\\n".join(f"    at {w} (/srv/app/dist/{w}.js:{r.randrange(900)}:{r.randrange(60)})" for w in r.sample(WORDS, 5)),
            ),
            2.0,
        ),
        "wh": (["FRA1", "LEJ2", "WRO3"], 1.5),
        "bool": (["true", "true", "false"], 1.0),
    }


def fields(rng: random.Random, clock: Clock, seed: str) -> dict[str, Draw]:
    """Every field that a template may name, and how it is drawn."""
    drawn: dict[str, Draw] = {name: skewed(rng, pool, power) for name, (pool, power) in pools(seed).items()}
    rnd, count = rng.random, itertools.count(rng.randrange(10_000, 900_000))
    me = "srv-app-" + str(random.Random(seed).randrange(10, 90))
    urls = [f"/api/v{v}/{w}s" for v in (1, 2) for w in WORDS[:15]]

    def url() -> str:
        base = urls[int(len(urls) * rnd() ** 2)]
        return base if rnd() < 0.45 else f"{base}/{int(40_000 * rnd() ** 2.5)}"

    drawn |= {
        "t": lambda: clock.text,
        "iso": lambda: clock.iso,
        "self": lambda: me,
        "uptime": lambda: f"{clock.now - EPOCH + 81_000:.6f}",
        "klog": lambda: f"{clock.text[8:]}.{int(rnd() * 1e6):06}",
        "ms3": lambda: f"{int(clock.now % 1 * 1000):03}",
        "serial": lambda: str(next(count)),
        "order": lambda: str(70_000_000 + next(count)),
        "url": url,
        "rt": lambda: f"{rnd() ** 4 * 3:.3f}",
        "sec": lambda: f"{rnd() ** 3 * 20:.3f}",
        "cents": lambda: f"{int(90_000 * rnd() ** 3) / 100:.2f}",
        "thread": lambda: f"http-nio-8080-exec-{int(40 * rnd() ** 1.5)}",
        "queue": lambda: f"{rng.getrandbits(40):010X}",
        "nano": number(rng, 10**9),
        "pid": number(rng, 30_000, 1.0, 900),
        "uid": number(rng, 24, 2.0, 1000),
        "port": number(rng, 28_000, 1.0, 32_768),
        "dport": number(rng, 9000, 6.0, 22),
        "small": number(rng, 12, 1.6),
        "ms": number(rng, 900, 3.0),
        "kb": number(rng, 60_000, 2.5),
        "bytes": number(rng, 60_000, 3.0, 180),
        "assetsize": number(rng, 40, 1.5, 4096),
        "len": number(rng, 30, 2.0, 40),
        "ttl": number(rng, 70, 1.5, 40),
        "id16": number(rng, 65_536),
        "sector": number(rng, 40_000_000, 1.3),
        "customer": number(rng, 150_000, 2.2),
        "hex4": hexes(rng, 4),
        "hex7": hexes(rng, 7),
        "hex12": hexes(rng, 12),
        "hex16": hexes(rng, 16),
        "req": hexes(rng, 12),
        "trace": hexes(rng, 32),
    }
    return drawn


class Template:
    """A template of the catalogue, made ready: text with gaps and what fills them."""

    def __init__(self, text: str, drawn: dict[str, Draw]) -> None:
        gap = re.compile(r"(?<!\{)\{(=?)([a-z]\w*)\}")
        bare = gap.sub("\0", text.replace("%", "%%"))
        self.text = bare.replace("{{", "{").replace("}}", "}").replace("\0", "%s")
        self.gaps = [(name, bool(keep), drawn[name]) for keep, name in gap.findall(text)]

    def render(self, session: Session) -> str:
        """The lines, with values of this session where it has them."""
        values = []
        for name, keep, draw in self.gaps:
            value = session.get(name) if keep else None
            if value is None:
                value = session[name] = draw()
            values.append(value)
        return self.text % tuple(values)


def lines(name: str, seed: str) -> Iterator[str]:
    """The endless log of one kind, a message (one or more lines) at a time."""
    kind, rng = KINDS[name], random.Random(f"{name} {seed}")
    clock = Clock(rng, kind["rate"], kind["stamp"])
    drawn = fields(rng, clock, seed)
    normal = [Template(each["text"], drawn) for each in kind["normal"]]
    edges = list(itertools.accumulate(each["weight"] for each in kind["normal"]))
    storms = [[Template(text, drawn) for text in each["texts"]] for each in kind["storm"]]
    sessions: list[Session] = [{} for _ in range(SESSIONS)]
    rnd, left, storm, mood = rng.random, 0, storms[0], Session()
    while True:
        clock.step()
        if not left and rnd() < STORM_CHANCE:
            left, storm, mood = rng.randrange(*STORM_LINES), rng.choice(storms), {}
        if left and rnd() < 0.8:
            left -= 1
            yield storm[int(len(storm) * rnd() ** 1.5)].render(mood)
            continue
        place = int(SESSIONS * rnd() ** 1.5)
        if rnd() < 0.06:
            sessions[place] = {}
        yield rng.choices(normal, cum_weights=edges)[0].render(sessions[place])


def write_log(name: str, top: str, size: int, seed: str) -> int:
    """Writes one log of at least that many bytes; gives how many."""
    path = os.path.join(top, KINDS[name]["path"])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    written, messages = 0, lines(name, seed)
    with open(path, "wb") as out:
        while written < size:
            chunk = "".join(itertools.islice(messages, 4096)).encode("ascii")
            out.write(chunk[: size - written] if written + len(chunk) > size else chunk)
            written += len(chunk)
    return os.path.getsize(path)


def generate(top: str, size: int, small: int = 0, seed: str = "1", jobs: int = 0) -> int:
    """Fills the folder `top` with `size` bytes of logs and `small` small files; gives the bytes written."""
    total = sum(kind["share"] for kind in KINDS.values())
    with ProcessPoolExecutor(jobs or min(len(KINDS), os.cpu_count() or 1)) as pool:
        work = [pool.submit(write_log, name, top, math.ceil(size * kind["share"] / total), seed) for name, kind in KINDS.items()]
        work.append(pool.submit(smallfiles.write, top, small, seed))
        return sum(job.result() for job in work)


def amount(text: str) -> int:
    """Bytes of `600M`, `5G`, `20000`."""
    factor = {"K": 10**3, "M": 10**6, "G": 10**9}.get(text[-1:].upper(), 0)
    return int(float(text[:-1]) * factor) if factor else int(text)


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", help="folder to fill; it is made")
    parser.add_argument("--size", type=amount, default=amount("600M"), help="bytes of logs, such as 600M (the default)")
    parser.add_argument("--small", type=int, default=0, metavar="N", help="that many small files too")
    parser.add_argument("--seed", default="1", help="another seed gives another server")
    parser.add_argument("--jobs", type=int, default=0, help="processes (default: one for each core)")
    asked = parser.parse_args(words)
    written = generate(asked.dir, asked.size, asked.small, asked.seed, asked.jobs)
    print(f"{written:,} bytes in {asked.dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
