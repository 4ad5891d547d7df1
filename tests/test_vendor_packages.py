"""Collectors of installed packages: their code runs in children only, and whatever it does there, the main process hears a reason."""

import errno
import os
import re
import signal
import sys
import threading
import time

import pytest

from diagbundle.collect import packages
from diagbundle.collect.plan import plan
from diagbundle.collect.registry import find
from diagbundle.errors import UsageError
from diagbundle.host import Host
from diagbundle.model import Collector, File, Stage, nothing
from diagbundle.testing import questions

HEAD = "from diagbundle.collect.api import *\nimport os, signal, sys, threading, time\n"
LIVE = "@collector(title='Acme live')\ndef acme_live(host):\n    yield File('/acme')\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function: a stand-in for an installed package, its code and what its metadata says."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    modules = set(sys.modules)

    def installed(entry_points, project="acme", folder=site, **code):
        for module, text in code.items():
            (folder / f"{module}.py").write_text(HEAD + text)
        info = folder / f"{project}-1.0.dist-info"
        info.mkdir(parents=True)
        text = entry_points if isinstance(entry_points, bytes) else f"[diagbundle.collectors]\n{entry_points}".encode()
        (info / "entry_points.txt").write_bytes(text)
        return site

    yield installed
    for name in set(sys.modules) - modules:
        if name.startswith("acme_"):
            del sys.modules[name]


def found():
    return find(drop_in_folder="")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("acme_pkg:acme_live", LIVE),
        ("acme_pkg : acme_live [extra]", LIVE),
        ("acme_pkg:Inside.acme_live", LIVE + "class Inside:\n    acme_live = acme_live\n"),
        ("acme_pkg", LIVE),
        ("acme_pkg:give", LIVE + "def give():\n    return [acme_live]\n"),
        ("acme_pkg:give", LIVE + "def give():\n    return acme_live\n"),
    ],
    ids=["a collector", "one with an extra", "one in a class", "a module", "a function giving a list", "a function giving one"],
)
def test_an_entry_point_gives_collectors(package, value, code):
    package(f"acme = {value}\n", acme_pkg=code)
    registry = found()
    assert registry.refused == []
    assert registry.collectors["acme_live"].title == "Acme live"
    assert registry.collectors["acme_live"].origin == f"entry point acme = {value}"
    assert questions(registry.collectors["acme_live"], Host()) == [File("/acme")]


def test_one_entry_point_may_give_several(package):
    package("acme = acme_pkg\n", acme_pkg=LIVE + LIVE.replace("acme_live", "acme_more").replace("/acme", "/more"))
    collectors = found().collectors
    assert [questions(collectors[name], Host()) for name in ("acme_live", "acme_more")] == [[File("/acme")], [File("/more")]]


def test_all_that_a_collector_says_of_itself_arrives(package):
    package("a = acme_pkg:ALL\nb = acme_pkg:LEAST\n", acme_pkg="""
def sources(host):
    yield File('/once')
def samples(host):
    yield File('/twice')
ALL = Collector('acme_all', 'All of it: größer', sources, stage=Stage.LOGS, samples=samples, folder='acme', needs='anyone', default=False, waits=True)
LEAST = Collector('acme_least', 'Least', sources)
""")  # fmt: skip
    every, least = found().collectors["acme_all"], found().collectors["acme_least"]
    assert (every.title, every.stage, every.folder, every.needs) == ("All of it: größer", Stage.LOGS, "acme", "anyone")
    assert (every.default, every.waits) == (False, True)
    assert (list(every.samples(Host())), list(every.sources(Host()))) == ([File("/twice")], [File("/once")])
    plain = Collector("acme_least", "Least", least.sources, origin="entry point b = acme_pkg:LEAST")
    assert least == plain
    assert least.samples is nothing


def test_the_main_process_runs_none_of_its_code(package, collect, tmp_path):
    """It is loaded to be asked what it is, to be planned, and for each of its jobs: each time in a child."""
    code = f"def ran():\n    with open({str(tmp_path / 'ran')!r}, 'a') as file:\n        print(os.getpid(), file=file)\nran()\n"
    package("acme = acme_pkg\n", acme_pkg=code + "@collector(title='x', samples=lambda host: ran() or ())\n"
            "def acme_ran(host):\n    ran()\n    yield Table('acme', lambda host: iter([{'pid': os.getpid()}]))\n")  # fmt: skip

    def loaded():
        return (tmp_path / "ran").read_text().split()

    acme = found().collectors["acme_ran"]
    assert len(loaded()) == 1
    (planned,) = plan([acme], Host(root=str(tmp_path)), probes=True)
    assert [item["what"] for item in planned.items] == ["acme"]
    assert len(loaded()) == 4  # the module, the samples, the sources
    got = collect(Host(root=str(tmp_path)), acme)
    assert got.rows["acme"]["outcome"] == "collected"
    assert len(loaded()) == 10  # the module three times, two readings of samples, the sources
    assert str(os.getpid()) not in loaded()
    assert "acme_pkg" not in sys.modules


def state_of_us():
    mask = os.umask(0o22)
    os.umask(mask)
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)]
    descriptors = {number: os.readlink(f"/proc/self/fd/{number}") for number in (0, 1, 2)}
    return mask, handlers, descriptors, os.getcwd(), threading.active_count(), sorted(os.environ), list(sys.path)


DISTURBING = """
print('\\x1b[2J to the terminal', file=sys.__stdout__, flush=True)
print('\\x1b[2J to the terminal', file=sys.__stderr__, flush=True)
os.write(1, b'raw')
os.umask(0)
os.chdir('/proc')
os.environ['ACME'] = 'here'
sys.path.insert(0, '/acme')
signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Thread(target=time.sleep, args=(1000,)).start()
os.nice(1)
"""


def test_what_it_does_while_it_is_loaded_stays_its_own(package, capfd):
    package("acme = acme_pkg\n", acme_pkg=DISTURBING + LIVE)
    before = state_of_us()
    registry = found()
    assert (registry.refused, "acme_live" in registry.collectors) == ([], True)
    assert state_of_us() == before
    assert capfd.readouterr() == ("", "")


ENDED = "it did not load: its code ended or disturbed the process"
FAILING = {
    "is missing": (None, "ModuleNotFoundError: No module named 'acme_pkg'"),
    "is no Python": ("def (", "SyntaxError: .*"),
    "lacks what is named": ("", "AttributeError: .*'it'.*"),
    "gives nothing": ("it = ()", "it gives no collector"),
    "gives nonsense": ("it = 5", "TypeError: .*"),
    "fails when called": ("def it():\n    raise ZeroDivisionError('by hand')", "ZeroDivisionError: by hand"),
    "gives itself for ever": ("def it():\n    return it", "RecursionError: .*"),
    "raises without words": ("class Mute(Exception):\n    def __str__(self):\n        raise self\nraise Mute", "Mute: .*cannot be put into words.*"),
    "raises many words": ("raise ValueError('long ' * 10_000_000)", r"(?s)ValueError: (long ){800,}.{0,60}"),
    "calls for the end": ("raise SystemExit('no licence')", ENDED),
    "interrupts": ("raise KeyboardInterrupt", ENDED),
    "ends the process": ("os._exit(0)", ENDED),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", ENDED),
    "closes everything": ("os.closerange(0, 4096)", ENDED),
    "writes into everything": ("for number in map(int, os.listdir('/proc/self/fd')):\n    try:\n        number > 2 and os.write(number, b'[[')\n    except OSError:\n        pass\nit = ()", ENDED),
    "answers in our place": ("for number in map(int, os.listdir('/proc/self/fd')):\n    try:\n        number > 2 and os.write(number, b'[1]')\n    except OSError:\n        pass\nos._exit(0)", ENDED),
    "answers half": ("for number in map(int, os.listdir('/proc/self/fd')):\n    try:\n        number > 2 and os.write(number, b'{\"fault\": 5}')\n    except OSError:\n        pass\nos._exit(0)", ".*'fault' must be text: 5"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "reason"), FAILING.values(), ids=FAILING)
def test_a_package_that_fails_is_refused_with_the_reason_and_the_rest_goes_on(package, code, reason):
    site = package("a = acme_pkg:it\n", **({} if code is None else {"acme_pkg": code}))
    package("b = acme_good\n", project="good", folder=site, acme_good=LIVE)
    registry = found()
    assert "acme_live" in registry.collectors
    ((origin, said),) = registry.refused
    assert origin == "entry point a = acme_pkg:it"
    assert re.fullmatch(reason, said), said
    assert len(said) < 5000


def test_where_no_process_can_be_had_it_is_not_loaded_at_all(package, monkeypatch, tmp_path):
    package("acme = acme_pkg\n", acme_pkg=f"open({str(tmp_path / 'ran')!r}, 'w')\n" + LIVE)

    def fork():
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    reason = "it was not loaded: no process could be started for that: Resource temporarily unavailable"
    assert found().refused == [("entry point acme = acme_pkg", reason)]
    assert not (tmp_path / "ran").exists()


def test_packages_that_hang_cost_half_of_what_is_left_each(package, monkeypatch):
    monkeypatch.setattr(packages, "SECONDS", 4.0)
    package("a = acme_hung\nb = acme_hung:too\nc = acme_pkg\n", acme_pkg=LIVE, acme_hung="""
for number in range(1, 32):
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_IGN)
while True:
    try:
        input()
    except BaseException:
        time.sleep(0.1)
""")  # fmt: skip
    began = time.monotonic()
    registry = found()
    assert time.monotonic() - began < 12  # it is 3 s; a busy machine may take its time with ours
    assert "acme_live" in registry.collectors
    reasons = [reason for _origin, reason in registry.refused]
    assert [re.sub(r"\d\.\d", "N", reason) for reason in reasons] == ["it did not load within N s"] * 2
    assert reasons[0] == "it did not load within 2.0 s"


NONSENSE = {
    "name='../x'": "'name' must be a word of small letters, digits and _, at most 64: '../x'",
    "name='x\\n\\x1b[2J'": r"'name' must be a word of small letters, digits and _, at most 64: 'x\n\x1b[2J'",
    "name='x' * 65": "'name' must be",
    "name=5": "'name' must be a word of small letters, digits and _, at most 64: ['int']",
    "title='two\\nlines'": r"'title' must be one line of printable text: 'two\nlines'",
    "title='\\x1b[2J'": "'title' must be one line of printable text",
    "title='\\x9b2J'": "'title' must be one line of printable text",
    "title='\\u202elive'": "'title' must be one line of printable text",
    "title='\\ud800'": "'title' must be one line of printable text",
    "title=' '": "'title' must be one line of printable text: ' '",
    "title=b'bytes'": "'title' must be one line of printable text: ['bytes']",
    "title='x' * 1_000_000": "it says too much of itself: 976 KiB",
    "stage='soon'": "'stage' must be one of volatile, state, logs: 'soon'",
    "stage=None": "'stage' must be one of volatile, state, logs: ['NoneType']",
    "folder='../up'": "'folder' must be the name of a folder: letters, digits, _ - .: '../up'",
    "folder=None": "'folder' must be the name of a folder",
    "needs='nobody'": "'needs' must be one of anyone, root: 'nobody'",
    "default='yes'": "'default' must be true or false: 'yes'",
    "default=object()": "'default' must be true or false: ['object']",
    "waits=1": "'waits' must be true or false: ['int']",
}


@pytest.mark.parametrize(("field", "reason"), NONSENSE.items(), ids=range(len(NONSENSE)))
def test_what_it_says_of_itself_is_checked_as_the_keys_of_a_file_are(package, field, reason):
    package("acme = acme_pkg:it\n", acme_pkg=f"it = Collector(**dict(name='acme_x', title='x', sources=lambda host: ()) | dict({field}))")
    registry = found()
    assert [name for name in registry.collectors if "acme" in name] == []
    ((origin, said),) = registry.refused
    assert origin == "entry point acme = acme_pkg:it"
    assert reason in said


def test_words_that_mean_a_stage_are_one(package):
    package("acme = acme_pkg:it\n", acme_pkg="it = Collector('acme_x', 'x', lambda host: (), stage='logs')")
    assert found().collectors["acme_x"].stage is Stage.LOGS


def test_two_of_one_name_are_an_error_that_names_both_places(package, tmp_path):
    package("a = acme_pkg\nb = acme_pkg:acme_live\n", acme_pkg=LIVE)
    with pytest.raises(UsageError) as caught:
        found()
    assert str(caught.value) == "two collectors are called 'acme_live': entry point a = acme_pkg and entry point b = acme_pkg:acme_live"


def test_one_named_like_a_file_is_an_error_that_names_both_places(package, tmp_path):
    package("a = acme_pkg\n", acme_pkg=LIVE)
    path = tmp_path / "acme_live.toml"
    path.write_text('title = "Acme"\n[[file]]\npaths = ["/etc/acme.conf"]\n')
    path.chmod(0o600)
    with pytest.raises(UsageError) as caught:
        find([str(path)], drop_in_folder="")
    assert str(caught.value) == f"two collectors are called 'acme_live': entry point a = acme_pkg and {path}"


# -- what is installed

OTHERS = {
    "other groups": b"[console_scripts]\nacme_live = acme_pkg:nobody\n[diagbundle.collectors.more]\nx = acme_nobody\n",
    "no lines of the form": b"[console_scripts]\ngarbage\n[\n]\n=\n",
    "no text": b"\xff\xfe\0[console_scripts]\n",
    "nothing": b"",
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_metadata_of_other_packages_is_no_matter(package, other):
    site = package(other, project="aaa")
    package("# a comment\n; another\n\nacme = acme_pkg\n\n[console_scripts]\nx = y\n", folder=site, acme_pkg=LIVE)
    registry = found()
    assert (registry.refused, "acme_live" in registry.collectors) == ([], True)


def test_an_entry_point_that_is_none_is_refused(package):
    package("garbage\n=\nacme = \nd = .relative\ne = acme pkg:x y\n")
    assert [origin for origin, reason in found().refused if reason] == [
        "entry point  = ",
        "entry point acme = ",
        "entry point d = .relative",
        "entry point e = acme pkg:x y",
        "entry point garbage = ",
    ]


def test_of_two_installations_the_first_on_the_path_counts(package, tmp_path, monkeypatch):
    package("acme = acme_pkg\n", project="acme_live", acme_pkg=LIVE)
    package("old = acme_pkg:old\n", project="Acme.Live", folder=tmp_path / "later")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "later")])
    registry = found()
    assert (registry.refused, registry.collectors["acme_live"].origin) == ([], "entry point acme = acme_pkg")
