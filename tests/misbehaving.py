"""A vendor's package of collectors, none of which behaves. Asked for by an entry point: `misbehaving:NAME`."""

import os
import re
import signal
import sys
import threading
import time

from diagbundle.collect.api import Collector, Command, File, Host, Source, Table

HERE = "/etc/hostname"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\u202e\r\nrows: all fine"
BINARY = bytes(range(256)) * 16 + ESCAPES.encode()


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no words")

    __repr__ = __str__


class Opaque:
    def __repr__(self):
        raise ValueError("no words")


def raising(error):
    def ask(_host):
        raise error

    return ask


def after_three(error):
    def ask(_host):
        for number in range(3):
            yield Table(f"t{number}", lambda _host: iter(["row"]))
        raise error

    return ask


def doing(act):
    """Does something when it is asked, and yields one honest source after it."""

    def ask(_host):
        act()
        yield Table("honest", lambda _host: iter(["row"]))

    return ask


def giving(*things):
    return lambda _host: iter(things)


def computing(rows, **more):
    return giving(Table("table", rows, **more), Table("honest", lambda _host: iter(["row"])))


def kill_self(number):
    return lambda: os.kill(os.getpid(), number)


def deep():
    return deep() + 1


def at_length():
    raise ValueError("long " * 20_000_000)


def huge():
    yield "x" * (64 << 20)


def recursive():
    here = []
    here.append(here)
    return here


# -- never returning


def spin():
    while True:
        pass


def swallow():
    while True:
        try:
            time.sleep(0.01)
        except BaseException:  # noqa: BLE001  # as nobody should
            continue


def block_signals():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM})
    time.sleep(1e6)


def replace_handlers():
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)
    time.sleep(1e6)


def backtrack():
    re.match(r"(a+)+$", "a" * 64 + "b")


def convert():
    sys.set_int_max_str_digits(0)
    int("9" * 10**7)


def threads_forever():
    for _ in range(20):
        threading.Thread(target=time.sleep, args=(1e6,)).start()


def threads_and_wait():
    threads_forever()
    threading.Event().wait()


# -- descriptors


def open_descriptors():
    return sorted(int(fd) for fd in os.listdir("/proc/self/fd"))


def close_all():
    os.closerange(0, 1 << 12)


def close_standard():
    for number in (0, 1, 2):
        os.close(number)


def speak():
    for number in (1, 2):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        try:
            os.write(number, BINARY)
        except OSError:
            continue


def speak_much():
    print("x" * 10_000_000, flush=True)  # noqa: T201


def scribble(garbage):
    """Garbage into everything that is open, also what leads to the supervisor."""

    def act():
        for number in open_descriptors():
            try:
                os.set_blocking(number, False)
                os.write(number, garbage)
            except OSError:
                continue

    return act


def open_many():
    kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(100_000)]
    return len(kept)


# -- the world


def move_away():
    os.umask(0)
    os.chdir("/proc")
    if os.geteuid() == 0:
        os.chroot("/proc")


def allocate():
    kept = []
    while True:
        kept.append(bytearray(64 << 20))


# -- children of its own


def fork_plain():
    """A copy of us goes on with the rest of our work."""
    os.fork()


def fork_and_stay(*, session, execute=False):
    def act():
        if os.fork():
            return
        if session:
            os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        if execute:
            os.execv("/bin/sleep", ["sleep", "1000"])
        time.sleep(1000)
        os._exit(0)

    return act


def fork_and_hang():
    fork_and_stay(session=False)()
    time.sleep(1e6)


def fork_bomb():
    """As many as it can, but at most 2^7."""
    for _ in range(7):
        os.fork()
    time.sleep(1e6)


def spawn_and_stay():
    os.posix_spawn("/bin/sleep", ["sleep", "1000"], dict(os.environ), setsid=True)


def daemon(words="exec sleep 1000"):
    return Command(("setsid", "--fork", "sh", "-c", words), timeout=5)


def million(make):
    return lambda _host: (make(number) for number in range(1_000_000))


def endless(_host):
    number = 0
    while True:
        yield f"line {number}"
        number += 1


def python(code, **more):
    return Command((sys.executable, "-c", code), **more)


ENDING = {
    "raises_at_once": raising(ValueError("broken at once")),
    "raises_after_three": after_three(ValueError("broken after three")),
    "raises_unprintable": raising(Unprintable()),
    "raises_at_length": doing(at_length),
    "raises_escapes": raising(ValueError(ESCAPES)),
    "raises_no_text": raising(ValueError("\ud800\udc80")),
    "system_exit": raising(SystemExit(0)),
    "system_exit_after_three": after_three(SystemExit(0)),
    "keyboard_interrupt": after_three(KeyboardInterrupt()),
    "generator_exit": after_three(GeneratorExit()),
    "memory_error": after_three(MemoryError()),
    "base_exception": after_three(BaseException("base")),
    "recursion": doing(deep),
    "exits_0": doing(lambda: os._exit(0)),
    "exits_0_after_three": lambda _host: (yield from (*giving(Table("t0", lambda _h: iter(["x"])))(_host), os._exit(0))),
    "exits_3": doing(lambda: os._exit(3)),
    "aborts": doing(os.abort),
    "killed": doing(kill_self(signal.SIGKILL)),
    "segfault": doing(kill_self(signal.SIGSEGV)),
    "terminated": doing(kill_self(signal.SIGTERM)),
    "closes_all": doing(close_all),
    "closes_standard": doing(close_standard),
    "speaks_binary": doing(speak),
    "speaks_much": doing(speak_much),
    "scribbles_zeros": doing(scribble(bytes(4096))),
    "scribbles_ones": doing(scribble(b"\xff" * 4096)),
    "scribbles_text": doing(scribble(ESCAPES.encode())),
    "scribbles_frames": doing(scribble(b"\x01\x02\x00\x00\x00\x03\x00\x00\x00\x03\x00\x00\x00{}abc")),
    "scribbles_short": doing(scribble(b"\x01")),
    "scribbles_lists": lambda _host: [scribble(b"[]")(), os._exit(0)],
    "scribbles_deep": doing(scribble(b"\x02" + (100_000).to_bytes(4, "little") + bytes(8) + b"[" * 100_000)),
    "opens_many": doing(open_many),
    "moves_away": doing(move_away),
    "forks": doing(fork_plain),
    "forks_and_stays": doing(fork_and_stay(session=False)),
    "forks_a_session": doing(fork_and_stay(session=True)),
    "forks_a_program": doing(fork_and_stay(session=True, execute=True)),
    "spawns_a_session": doing(spawn_and_stay),
    "starts_threads": doing(threads_forever),
    "yields_nothing_known": giving(5, None, "text", object(), Opaque(), File, ["ip", "link"]),
    "not_iterable": lambda _host: 5,
    "none": lambda _host: None,
    "takes_nothing": lambda: (),
    "paths": giving(*(File(path) for path in ("relative", "../up", "/etc/../../etc/hostname", "/etc/\0nul", "/new\nline", "/" + "n" * 10_000, "", "/", 5, None, b"/bytes"))),
    "places": giving(*(File(HERE, at=at) for at in ("/absolute", "../up", "a\0b", "n" * 10_000, "diagbundle/manifest.jsonl", "x\ny", 5))),
    "copies": giving(*(Command(("echo", "x"), also=also) for also in ("text", ("../up",), (5,), 5, ("diagbundle/SHA256SUMS",)))),
    "timeouts": giving(*(Command(("echo", str(number)), timeout=timeout) for number, timeout in enumerate((0, -1, float("nan"), float("inf"), "5", None)))),
    "timeouts_of_files": giving(*(File(HERE, timeout=timeout) for timeout in (0, -1, float("nan"), float("inf"), "5", None))),
    "words": giving(*(Command(argv) for argv in ((), ("",), "ls -l", ("echo", 5), ("echo", "\0"), (None,), ["echo", "x"], ("no-such-program",), ("/etc",), ("echo", *["x"] * 100_000), ("echo", "x" * 10_000_000)))),
    "same_names": giving(*(Table("same", lambda _host, n=number: iter([str(n)])) for number in range(3)), *(File(HERE) for _ in range(3))),
    "tables": giving(*(Table(name, lambda _host, r=rows: r) for name, rows in {
        "set": [{1, 2}], "nan": [{"x": float("nan")}], "bytes": [b"\xff"], "keys": [{(1, 2): 3}], "opaque": [Opaque()], "recursive": [recursive()],
        "none": None, "number": 5, "surrogates": ["\ud800"], "huge": huge(), "escapes": [ESCAPES]}.items())),
    "table_names": giving(*(Table(name, lambda _host: iter(["x"])) for name in ("../up", "/abs", "n" * 10_000, "a\0b", "", 5, None))),
    "binary_output": giving(python("import os; os.write(1, bytes(range(256))); os.write(2, b'\\x1b]0;owned\\x07\\xff')")),
    "a_daemon": giving(daemon()),
    "a_daemon_without_mark": giving(daemon("exec env -i sleep 1000")),
}  # fmt: skip

NEVER_ENDING = {
    "spins": doing(spin),
    "sleeps": doing(lambda: time.sleep(1e6)),
    "swallows": doing(swallow),
    "blocks_signals": doing(block_signals),
    "replaces_handlers": doing(replace_handlers),
    "backtracks": doing(backtrack),
    "converts": doing(convert),
    "stops_itself": doing(kill_self(signal.SIGSTOP)),
    "waits_for_threads": doing(threads_and_wait),
    "forks_and_hangs": doing(fork_and_hang),
    "forks_a_bomb": doing(fork_bomb),
    "never_yields": computing(lambda _host: time.sleep(1e6), timeout=1),
}

HEAVY = {
    "million_files": million(lambda number: File(f"/nothing/{number}")),
    "million_tables": million(lambda number: Table(f"t{number}", lambda _host: iter(["x"]))),
    "million_nothing": million(lambda number: number),
    "million_matches": giving(File("/many/*")),
    "endless_sources": lambda _host: (File("/nothing") for _ in iter(int, 1)),
    "endless_table": giving(Table("table", endless, timeout=3)),
    "endless_line": giving(Command(("cat", "/dev/zero"), timeout=3)),
    "gigabyte": giving(python("import os\nfor _ in range(1024): os.write(1, os.urandom(1 << 10) * 1024)", timeout=30)),
    "allocates": doing(allocate),
}

ASKS = ENDING | NEVER_ENDING | HEAVY


def sampled(host: Host) -> list[Source]:
    time.sleep(1e6)
    return []


def __getattr__(name: str) -> Collector:
    if name == "samples_hang":
        return Collector(name, "Its samples never come", giving(File(HERE)), samples=sampled)
    if name not in ASKS:
        raise AttributeError(name)
    return Collector(name, f"It {name}", ASKS[name])
