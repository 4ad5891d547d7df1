"""A vendor's package or drop-in that misbehaves before it is even asked costs only itself, in `collect` and in `plan`."""

import os
import re
import resource
import sys

import pytest
from beside import Bench, slowly
from confined import confined

from diagbundle.cli import main
from diagbundle.collect.engine import Engine, Request, who_is
from diagbundle.collect.output import FileOutput
from diagbundle.collect.plan import plan as plan_of
from diagbundle.collect.registry import find, trusted_file
from diagbundle.errors import UsageError
from diagbundle.host import Host
from diagbundle.testing import Silent

HONEST = "from diagbundle.collect.api import *\n@collector(title='Honest')\ndef honest(host):\n    yield Table('t', lambda host: iter(['row']))\n"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"))


# -- what a package does while it is imported

IMPORTS = {
    "raises": ("raise ValueError('broken at import')", "ValueError: broken at import"),
    "raises_escapes": (r"raise ValueError('\x1b]0;owned\x07\u202e')", "ValueError"),
    "raises_at_length": ("raise ValueError('long ' * 20_000_000)", "ValueError: long long"),
    "is_no_python": ("def :", "SyntaxError"),
    "exits": ("raise SystemExit(0)", ""),
    "interrupts": ("raise KeyboardInterrupt", ""),
    "exits_at_once": ("import os; os._exit(0)", ""),
    "is_killed": ("import os; os.kill(os.getpid(), 9)", ""),
    "never_ends": ("import time\nwhile True:\n    try: time.sleep(1)\n    except BaseException: pass", ""),
    "stops": ("import os; os.kill(os.getpid(), 19)", ""),
    "recurses": ("def deep(): deep()\ndeep()", "RecursionError"),
    "forks": ("import os, time\nif not os.fork():\n    os.setsid()\n    time.sleep(1000)\nraise ValueError('forked')", "forked"),
    "closes_all": (f"{HONEST}import os\nos.closerange(0, 4096)", ""),
    "offers_nothing": ("", "it gives no collector"),
}


@pytest.mark.parametrize("name", slowly(IMPORTS, "stops", "recurses", "interrupts", "raises_escapes"))
def test_a_package_that_fails_at_import_is_one_row(bench, tmp_path, name):
    code, reason = IMPORTS[name]
    bench.put(f"site/acme_{name}.py", code)
    bench.put("site/acme_honest.py", HONEST)
    offers = {"bad": f"acme_{name}", "honest": "acme_honest"}
    seen = bench.run(tmp_path, offers, "-q", asked=["honest"], seconds=30)
    (row,) = [row for row in seen.own if row["kind"] == "collector"]
    assert row["source"] == f"entry point bad = acme_{name}"
    assert row["outcome"] == "failed"
    assert re.search(reason, row["reason"])
    assert seen.outcomes == {"table collected": 1}


QUIET_HARM = {
    "speaks": r"import sys; print('\x1b]0;owned\x07'); sys.stderr.write('\x1b]0;owned\x07')",
    "moves_away": "import os; os.chdir('/proc'); os.umask(0)",
    "ignores_signals": "import signal\nfor one in (10, 14, 15, 17): signal.signal(one, signal.SIG_IGN)",
    "starts_a_thread": "import threading, time; threading.Thread(target=time.sleep, args=(1e6,)).start()",
    "takes_memory": "kept = [b'x' * (1 << 20) for _ in range(200)]",
}


@pytest.mark.parametrize("name", QUIET_HARM)
def test_what_a_package_does_at_import_stays_its_own(bench, tmp_path, name):
    bench.put(f"site/acme_{name}.py", f"{QUIET_HARM[name]}\n{HONEST}")
    seen = bench.run(tmp_path, {"honest": f"acme_{name}"}, "-q", seconds=30)
    assert seen.bundle.stat().st_mode & 0o777 == 0o600
    assert seen.outcomes in ({"table collected": 1}, {"collector failed": 1})


NAMES = ("../up", "", "x" * 10_000, r"\x1b[2J", r"a\nb", "UPPER", "a b")


def test_names_that_no_collector_may_bear_are_refused(bench, tmp_path):
    code = "".join(f"c{number} = Collector('{name}', 'title', lambda host: ())\n" for number, name in enumerate(NAMES))
    bench.put("site/acme_named.py", f"from diagbundle.collect.api import *\n{code}")
    bench.put("site/acme_honest.py", HONEST)
    offers = {f"c{number}": f"acme_named:c{number}" for number in range(len(NAMES))} | {"honest": "acme_honest"}
    seen = bench.run(tmp_path, offers, "-q", asked=["honest"])
    reasons = [row["reason"] for row in seen.own if row["kind"] == "collector"]
    assert len(reasons) == len(NAMES)
    assert all("name" in reason for reason in reasons)
    assert seen.outcomes == {"table collected": 1}


# -- the plan asks, too: what is asked first of all must not end `collect`

ASKED = ("raises_at_once", "system_exit", "exits_0", "spins", "swallows", "stops_itself", "forks", "forks_a_session", "scribbles_deep",
         "scribbles_text", "scribbles_lists", "million_files", "endless_sources", "million_nothing", "yields_nothing_known", "raises_at_length",
         "raises_unprintable")  # fmt: skip


@pytest.mark.parametrize("name", slowly(ASKED, "swallows", "stops_itself", "endless_sources", "million_nothing", "forks", "scribbles_text"))
def test_a_plan_names_whom_it_could_not_ask(bench, tmp_path, name):
    (bench.vendor / "entry_points.txt").write_text(f"[diagbundle.collectors]\nx = misbehaving:{name}\n")

    def plan():
        sys.path.insert(0, str(bench.top / "site"))
        plan_of.__kwdefaults__["seconds"] = 1.5
        return main.run(["plan", "--only", name, "--only", "aa_good", "--collector", str(bench.top / "aa_good.toml")])

    ended = confined(tmp_path / "run", plan, 60)
    assert ended.code == 0, ended.said
    assert ended.left == []
    assert ended.growth <= 64 << 20
    assert f"reads              {bench.top}/small".encode() in ended.printed
    assert len(ended.printed) < 4 << 20
    assert re.search(rb"[^\n\x20-\x7e]", ended.printed + ended.said) is None


def test_collect_asks_for_the_plan_in_a_child_that_may_die(bench, tmp_path):
    """Not quiet: what would be probed is told before it begins."""
    seen = bench.run(tmp_path, {name: f"misbehaving:{name}" for name in ("exits_0", "scribbles_deep", "forks_a_session")}, seconds=30)
    assert b"Ended, partial" in seen.ended.said


# -- drop-ins

DEEP = "x = " + "[" * 100_000 + "]" * 100_000
FILES = {
    "many_files": ("".join(f'[[file]]\npaths = ["/nothing/{n}"]\n' for n in range(100_000)), "256 KiB at most"),
    "hundred_megabytes": ("#" * (100 << 20), "256 KiB at most"),
    "deep_lists": (DEEP, "not TOML"),
    "deep_tables": ("[" + ".".join("a" * 20_000) + "]\n", "not TOML|unknown key"),
    "long_number": (f"title = {'9' * 200_000}", "not TOML|must be|4300 digits"),
    "latin_1": (b'title = "caf\xe9"\n', "not TOML"),
    "utf_16": ('title = "x"'.encode("utf-16"), "not TOML"),
    "nul_bytes": (bytes(1000), "not TOML"),
    "no_title": ('[[file]]\npaths = ["/etc/hosts"]\n', "'title' is missing"),
    "title_of_lists": ("title = [[]]\n", "must be"),
    "title_with_escapes": ('title = "\\u001b[2J"\n', "must be one line of text"),
    "file_is_no_table": ('title = "x"\nfile = 5\n', "must be"),
    "path_is_a_number": ('title = "x"\n[[file]]\npaths = [5]\n', "must be"),
    "path_leads_up": ('title = "x"\n[[file]]\npaths = ["/a/../../b"]\n', "without '..'"),
    "argv_is_a_line": ('title = "x"\n[[command]]\nargv = "ls -l"\n', "must be a list of words"),
    "timeout_nan": ('title = "x"\n[[command]]\nargv = ["ls"]\ntimeout = nan\n', "must be a number of seconds"),
    "timeout_inf": ('title = "x"\n[[command]]\nargv = ["ls"]\ntimeout = inf\n', "must be a number of seconds"),
    "timeout_negative": ('title = "x"\n[[command]]\nargv = ["ls"]\ntimeout = -1\n', "must be a number of seconds"),
    "timeout_text": ('title = "x"\n[[command]]\nargv = ["ls"]\ntimeout = "5"\n', "must be a number of seconds"),
    "place_of_ours": ('title = "x"\n[[file]]\npaths = ["/etc/hosts"]\nat = "diagbundle/manifest.jsonl"\n', "must be a relative path"),
    "at_is_a_date": ('title = "x"\n[[file]]\npaths = ["/etc/hosts"]\nat = 2026-11-21\n', "must be a relative path"),
}  # fmt: skip
UNSAFE = {
    "a_fifo": lambda path: (path.unlink(), os.mkfifo(path, 0o600)),
    "a_link": lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
    "a_link_to_nothing": lambda path: (path.unlink(), path.symlink_to("nothing")),
    "a_folder": lambda path: (path.unlink(), path.mkdir()),
    "open_to_all": lambda path: path.chmod(0o666),
}


def test_bad_drop_ins_are_a_row_each_and_the_good_one_is_asked(tmp_path):
    """All at once, as they may lie in one folder."""
    folder = tmp_path / "collectors.d"
    folder.mkdir(mode=0o755)
    honest = f'title = "x"\n[[file]]\npaths = ["{tmp_path}/evidence"]\n'
    texts = {name: text for name, (text, _) in FILES.items()} | dict.fromkeys((*UNSAFE, "zz_good"), honest)
    (tmp_path / "evidence").write_text("evidence\n")
    for name, text in texts.items():
        (folder / f"{name}.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        (folder / f"{name}.toml").chmod(0o600)
    for name, spoil in UNSAFE.items():
        spoil(folder / f"{name}.toml")
    refused = collected_with(tmp_path, folder)
    for name in (*FILES, *UNSAFE):
        with pytest.raises(UsageError):  # named by hand, it is an error of the user's
            trusted_file(str(folder / f"{name}.toml"))
    assert set(refused) == {str(folder / f"{name}.toml") for name in (*FILES, *UNSAFE)}
    for name, (_, reason) in FILES.items():
        assert re.search(reason, refused[str(folder / f"{name}.toml")]), name


def collected_with(tmp_path, folder):
    """Collects with the good drop-in in a folder. Gives what was refused, from the manifest."""

    def collect():
        found = find(drop_in_folder=str(folder))
        request = Request([found.collectors["zz_good"]], Host(live=True), sample_interval=0.0, refused=found.refused)
        result = Engine(request, FileOutput(str(tmp_path / "b.tar.zst")), Silent(), who_is(request.host)).run()
        return 3 if result.sealed.path.endswith(".partial.tar.zst") else 0

    ended = confined(tmp_path / "run", collect, 30, {resource.RLIMIT_AS: 2 << 30})
    assert (ended.code, ended.left) == (3, [])
    assert ended.growth <= 64 << 20
    return rows_of(tmp_path)


def rows_of(tmp_path):
    from diagbundle.bundle.reader import Bundle

    with Bundle.open(str(tmp_path / "b.partial.tar.zst")) as bundle:
        assert bundle.verify().damages == []
        rows = list(bundle.rows())
    assert [row["outcome"] for row in rows if row["collector"] == "zz_good"] == ["collected"]
    assert all(len(row["reason"]) < 4096 for row in rows if row["outcome"] == "failed")
    return {row["source"]: row["reason"] for row in rows if row["kind"] == "collector"}


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_a_folder_of_drop_ins_that_others_can_write_to_is_refused_as_a_whole(tmp_path, mode):
    folder = tmp_path / "collectors.d"
    folder.mkdir()
    (folder / "acme_x.toml").write_text('title = "x"\n[[file]]\npaths = ["/etc/hosts"]\n')
    (folder / "acme_x.toml").chmod(0o600)
    folder.chmod(mode)
    found = find(drop_in_folder=str(folder))
    assert "acme_x" not in found.collectors
    assert "others than root can write to it" in found.refused[0][1]
