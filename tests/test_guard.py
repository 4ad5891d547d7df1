"""Whoever listens while another one writes: a dead disk, a killed writer, a killed listener."""

import os
import signal
import subprocess
import time

import pytest
from killing import Run

SLOW = 'title = "Slow"\nstage = "logs"\n[[command]]\nargv = ["seq", "-f", "%020g", "1", "5000000"]\n[[command]]\nargv = ["sleep", "40"]\ntimeout = 45\n'


@pytest.fixture
def begin(tmp_path):
    """A function: a collection into this folder that takes a while, and the number of the process that writes."""
    (tmp_path / "slow.toml").write_text(SLOW)
    (tmp_path / "slow.toml").chmod(0o600)
    begun = []

    def start(folder):
        run = Run(folder, "--only", "slow", "--collector", str(tmp_path / "slow.toml"))
        begun.append(run)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not any(name.endswith(".part") for name in os.listdir(folder)):
            time.sleep(0.05)
        time.sleep(1)
        return run, children(run.process.pid)[0]

    yield start
    for run in begun:
        run.remove()


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def is_there(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone(pid, seconds=10):
    deadline = time.monotonic() + seconds
    while is_there(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_there(pid)


def test_a_writer_that_is_killed_is_not_killed_in_silence(begin, tmp_path):
    run, writer = begin(tmp_path / "out")
    os.kill(writer, signal.SIGKILL)
    run.process.wait(20)
    said = run.said
    assert run.process.returncode == 128 + signal.SIGKILL
    assert "killed (signal 9)" in said
    assert "salvage" in said


def test_a_listener_that_is_killed_takes_the_writer_with_it(begin, tmp_path):
    run, writer = begin(tmp_path / "out")
    run.process.kill()
    assert gone(writer)


def test_its_exit_code_is_the_run_s(begin, tmp_path):
    run, _ = begin(tmp_path / "out")
    run.process.terminate()
    run.process.wait(20)
    assert run.process.returncode == 3


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make and freeze a file system")
def test_a_disk_that_no_longer_answers_is_named_and_not_waited_for(begin, tmp_path):
    image, disk = tmp_path / "image", tmp_path / "disk"
    disk.mkdir()
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    made = subprocess.run(f"mkfs.ext4 -q {image} && mount -o loop {image} {disk}", shell=True, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no file system can be made here: {made.stderr.strip()}")
    try:
        run, writer = begin(disk)
        if subprocess.run(["fsfreeze", "-f", disk], check=False).returncode:
            pytest.skip("file systems cannot be frozen here")
        began = time.monotonic()
        run.process.terminate()  # it wants to seal, and cannot
        run.process.wait(60)
        said = run.said
        took = time.monotonic() - began
        subprocess.run(["fsfreeze", "-u", disk], check=False)
        assert run.process.returncode == 1
        assert "has not answered for" in said
        assert str(disk) in said
        assert took < 30
        assert gone(writer)
        assert not [name for name in os.listdir(disk) if name.endswith(".tar.zst")]
    finally:
        subprocess.run(["fsfreeze", "-u", disk], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["umount", "--lazy", disk], check=False)
