"""The logs of a bundle in lnav: unpacked for it, dated as they were, and gone afterwards."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from test_lines import row
from test_reader import make

from diagbundle.bundle.pack import Packer
from diagbundle.bundle.writer import BundleWriter
from diagbundle.cli import viewers
from diagbundle.errors import UsageError

EXPORT = "sos_commands/logs/journalctl_--no-pager_--merge_-o_export"
RECORD = b"__REALTIME_TIMESTAMP=1700000050000000\n_HOSTNAME=db1\nSYSLOG_IDENTIFIER=kernel\nPRIORITY=3\nMESSAGE=I/O error\n\n"
LOGS = {
    "var/log/syslog": b"Nov 14 22:14:00 db1 sshd[7]: session opened\nNov 14 22:14:20 db1 sshd[7]: session closed\n",
    EXPORT: RECORD,
    "etc/hosts": b"127.0.0.1 localhost\n",
}


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    os.mkdir(tmp_path / "tmp")
    path = tmp_path / "b.tar.zst"
    with open(path, "wb") as out:
        writer = BundleWriter(out.write, "b")
        packer = Packer("b", writer.add)
        for name, data in LOGS.items():
            packer.small(name, data, row(name) | {"mtime": 1_700_000_060})
        packer.flush()
        writer.seal({"complete": True, "reason": None, "created": "2023-11-14T22:15:00Z", "zone": "UTC"})
    return str(path)


def stand_in(folder, script, monkeypatch):
    """A program called lnav."""
    os.mkdir(folder / "bin")
    (folder / "bin/lnav").write_text(f"#!/bin/sh\n{script}\n")
    os.chmod(folder / "bin/lnav", 0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")


def test_it_gets_the_logs_alone_and_they_go_away(bundle, tmp_path, monkeypatch):
    stand_in(
        tmp_path, f'shift; cd "$1"; (stat -c %a . ; find . -type f -printf "%P %T@ %m\\n" | sort; echo $TZ) > {tmp_path}/seen', monkeypatch
    )
    assert viewers.in_lnav(bundle) == 0
    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen == [
        "700", "sos_commands/logs/journal.json 1700000060.0000000000 600", "var/log/syslog 1700000060.0000000000 600", "UTC",
    ]  # fmt: skip
    assert os.listdir(tmp_path / "tmp") == []


def test_its_failure_is_told(bundle, tmp_path, monkeypatch):
    stand_in(tmp_path, "exit 7", monkeypatch)
    assert viewers.in_lnav(bundle) == 1
    assert os.listdir(tmp_path / "tmp") == []


def test_an_error_that_it_ends_well_with_is_told_too(bundle, tmp_path, monkeypatch, capsys):
    """lnav 0.11, where TERM is one that it does not know."""
    stand_in(tmp_path, "echo 'error: unable to open TUI: \033[31m' >&2; exit 0", monkeypatch)
    assert viewers.in_lnav(bundle) == 1
    assert capsys.readouterr().err == "error: unable to open TUI: \\x1b[31m\n"


@pytest.mark.skipif(not shutil.which("lnav"), reason="lnav is not installed")
def test_a_terminal_that_lnav_does_not_know_is_a_failure(bundle, tmp_path):
    terminal, ours = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "diagbundle", "open", bundle, "--in", "lnav"], stdin=ours, stdout=ours, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "HOME": str(tmp_path), "TERM": "nosuch"}, timeout=60, check=False,
    )  # fmt: skip
    os.close(terminal)
    os.close(ours)
    assert done.returncode == 1
    assert "TERM" in done.stderr


def test_without_a_terminal_nothing_is_done(bundle, tmp_path, monkeypatch):
    stand_in(tmp_path, f"touch {tmp_path}/shown", monkeypatch)
    done = subprocess.run(
        [sys.executable, "-m", "diagbundle", "open", bundle, "--in", "lnav"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "lnav needs a terminal, and standard output is none\nhint: `diagbundle timeline BUNDLE`" in done.stderr
    assert not (tmp_path / "shown").exists()


def test_where_it_is_not_installed_it_says_how(bundle, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="not installed") as caught:
        viewers.in_lnav(bundle)
    assert "apt install lnav" in caught.value.hint


@pytest.mark.skipif(not shutil.which("lnav"), reason="lnav is not installed")
def test_lnav_shows_syslog_and_journal_in_one_list_by_time(bundle, tmp_path):
    code = f"from diagbundle.cli.viewers import in_lnav; raise SystemExit(in_lnav({bundle!r}, ['-n']))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)}, check=True
    )
    places = [done.stdout.index(text) for text in ("session opened", "I/O error", "session closed")]
    assert places == sorted(places)
    assert "localhost" not in done.stdout
    assert os.listdir(tmp_path / "tmp") == []


def test_no_name_leads_out_of_the_folder(tmp_path, monkeypatch):
    """A row that only points to a member has no tar header that would be asked for its name."""
    stand_in(tmp_path, "exit 0", monkeypatch)
    outside = tmp_path / "home/.profile"
    row = {"collector": "logs", "kind": "file", "source": "/x", "outcome": "collected", "link": "etc/evil", "size": 5}
    rows = [row | {"path": f"var/log/{'../' * 20}{str(outside).lstrip('/')}"}]
    path = tmp_path / "evil.tar.zst"
    path.write_bytes(make.Composer([make.Member("etc/evil", b"echo\n")], rows=rows).build())
    viewers.in_lnav(str(path))
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_they_go_away_where_the_terminal_is_closed(bundle, tmp_path, monkeypatch, number):
    stand_in(tmp_path, f"touch {tmp_path}/shown; exec sleep 60", monkeypatch)
    terminal, ours = pty.openpty()
    running = subprocess.Popen([sys.executable, "-m", "diagbundle", "open", bundle, "--in", "lnav"], stdout=ours, start_new_session=True)
    deadline = time.monotonic() + 30
    while not (tmp_path / "shown").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert os.listdir(tmp_path / "tmp") != []
    os.kill(running.pid, number)
    assert running.wait(20) == 128 + number
    os.close(terminal)
    os.close(ours)
    assert os.listdir(tmp_path / "tmp") == []
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
