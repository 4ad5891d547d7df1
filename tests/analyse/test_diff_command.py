"""`diagbundle diff` as a reader sees it: what it prints, what it ends with, and that no stranger's bundle brings it down."""

import json
import pathlib
import re
import time

import pytest

from diagbundle.cli.main import run

CASES = pathlib.Path(__file__).parent.parent / "cases"
UPDATE = CASES / "diff" / "after_an_update"
HOSTS = CASES / "diff" / "works_here_not_there"
PARTLY = CASES / "diff" / "not_all_was_had"
SAME = CASES / "diff" / "only_noise"


@pytest.fixture
def diff(capsys):
    """Runs the command; returns its exit code, what it printed and what it said."""

    def ask(a, b, *flags):
        code = run(["diff", str(a), str(b), *flags])
        told = capsys.readouterr()
        return code, told.out, told.err

    return ask


def tree(folder, **files):
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def test_the_case_the_counts_and_both_places_are_told(diff):
    code, out, _ = diff(UPDATE / "a", UPDATE / "b", "--quick")
    assert code == 0
    assert "Taken for one host, before and after: both have the same boot id" in out
    assert re.search(r"different: kernel 2, packages 3, sysctl 1, configuration 1,\s+services 1", out)
    assert "~ package libssl3:amd64\n      version: 3.0.15-1 -> 3.0.17-1\n      sos_commands/dpkg/dpkg_-l  A:5  B:5\n" in out
    assert "A:3     -PermitRootLogin no\n      B:4     +PermitRootLogin yes\n" in out
    assert "1 file differs in comments and blanks only" in out
    order = [out.index(title) for title in ("KERNEL AND", "PACKAGES ", "KERNEL SETTINGS", "CONFIGURATION FILES", "SERVICES ", "USERS ")]
    assert order == sorted(order)


def test_what_belongs_to_each_of_two_hosts_is_told_once(diff):
    _, out, _ = diff(HOSTS / "a", HOSTS / "b", "--quick")
    assert "Taken for two hosts: their machine ids differ." in out
    assert "  name: web1 -> web2\n" in out
    assert "nameserver 10.0.7.53" in out
    assert "app.conf" not in out


def test_who_knows_better_is_believed(diff):
    _, out, _ = diff(HOSTS / "a", HOSTS / "b", "--quick", "--same-host", "--only", "configuration")
    assert "Taken for one host, before and after: you said so." in out
    assert "+name=web2" in out


def test_what_one_side_lacks_is_said_with_the_reason(diff):
    _, out, _ = diff(PARTLY / "a", PARTLY / "b", "--quick")
    assert "NOT COMPARED" in out
    assert "kernel: module: B: /proc/modules: denied: Permission denied" in out
    assert "users: files: B: /etc/sudoers: denied: Permission denied" in out


def test_sections_can_be_chosen(diff):
    _, out, _ = diff(UPDATE / "a", UPDATE / "b", "--only", "packages", "--only", "users")
    assert "different: packages 3, users 1\n" in out
    code, _, err = diff(UPDATE / "a", UPDATE / "b", "--only", "pakages")
    assert code == 2
    assert "packages" in err


def test_the_exit_says_it_where_that_was_asked_for(diff):
    assert diff(UPDATE / "a", UPDATE / "b", "--quick", "--exit-code")[0] == 5
    assert diff(SAME / "a", SAME / "b", "--quick", "--exit-code")[0] == 0
    assert diff(SAME / "a", SAME / "no", "--quick")[0] == 2


def test_programs_get_all_of_it(diff):
    _, out, _ = diff(UPDATE / "a", UPDATE / "b", "--quick", "--format", "json")
    told = json.loads(out)
    assert (told["one_host"], told["same_boot"]) == (True, True)
    packages = next(each for each in told["sections"] if each["name"] == "packages")
    assert (packages["different"], packages["same"]) == (3, 1)
    first = packages["differences"][0]
    assert first["values"] == [{"name": "version", "a": "3.0.15-1", "b": "3.0.17-1"}]
    assert (first["a"]["path"], first["a"]["line"]) == ("sos_commands/dpkg/dpkg_-l", 5)
    assert told["different"] == sum(each["different"] for each in told["sections"])


def test_verdicts_are_compared_unless_it_must_be_quick(diff):
    full = next(path.parent for path in sorted(CASES.glob("FSY001/*/expect.json")) if '"found"' in path.read_text())
    _, out, _ = diff(full, SAME / "b", "--only", "verdicts")
    assert re.search(r"- (CRITICAL|WARNING) FSY001 ", out)
    assert "VERDICTS" not in diff(full, SAME / "b", "--quick")[1]


def test_many_differences_are_shortened_and_all_shows_them(diff, tmp_path):
    a = tree(tmp_path / "a", **{"sos_commands/kernel/sysctl_-a": b"".join(b"x%d = 1\n" % number for number in range(50))})
    b = tree(tmp_path / "b", **{"sos_commands/kernel/sysctl_-a": b"".join(b"x%d = 2\n" % number for number in range(50))})
    assert "  and 38 more: --only sysctl --all\n" in diff(a, b, "--quick")[1]
    assert diff(a, b, "--quick", "--all")[1].count("~ setting") == 50


def test_nothing_that_both_tell_is_not_nothing_different(diff, tmp_path):
    a, b = tree(tmp_path / "a", **{"etc/motd.x": b"1"}), tree(tmp_path / "b", **{"var/log/x": b"1"})
    assert "different: not known" in diff(a, b, "--quick", "--only", "kernel")[1]


def test_escapes_of_strangers_stay_text(diff, tmp_path):
    evil = "\x1b]0;x\x07\u202e"
    a = tree(tmp_path / "a", **{"etc/x.conf": f"a={evil}\n".encode(), "proc/modules": b"", "sos_commands/host/hostname": evil.encode()})
    b = tree(tmp_path / "b", **{"etc/x.conf": b"a=1\n", f"etc/{evil}.conf": b"1", "sos_commands/host/hostname": b"h\x1b[2J"})
    _, out, _ = diff(a, b, "--quick")
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\\x1b" in out


ODD = [
    b"null",
    b"[]",
    b"{}",
    b'{"path": {}, "mode": [1], "uid": 1e400}',
    b'{"path": 7, "mount": null, "bytes": "x"}',
    b"1" * 5000,
    b"{" * 9000,
    b"\xff\xfe",
]
PLACES = ["filesystems", "changed_files", "places", "security", "certificates", "listen_queues", "kernels", "containers", "proxies"]


@pytest.mark.parametrize("content", ODD, ids=range(len(ODD)))
def test_tables_of_any_type_bring_nothing_down(diff, tmp_path, content):
    a = tree(tmp_path / "a", **{f"diagbundle/tables/{name}": content for name in PLACES}, **{"diagbundle/config.json": content})
    b = tree(tmp_path / "b", **{"diagbundle/tables/places": b'{"path": "/tmp", "type": "folder", "mode": "0755"}\n'})
    for sides in ((a, b), (b, a), (a, a)):
        code, out, _ = diff(*sides, "--quick")
        assert code == 0
        assert out


def test_huge_files_and_lists_cost_little(diff, tmp_path):
    text = b"".join(b"line %d\n" % (number * 7919 % 90_000) for number in range(90_000))
    turned = b"\n".join(reversed(text.split(b"\n")))
    one_line = b"ii " + b"a-" * 2_000_000
    rows = b"-\n" * 500_000
    shared = {f"etc/{number}.conf": b"\n".join(b"%d" % (x % 40) for x in range(900)) for number in range(30)}
    other = {f"etc/{number}.conf": b"\n".join(b"%d" % (x * 7 % 40) for x in range(900)) for number in range(30)}
    a = tree(
        tmp_path / "a",
        **{"etc/x.conf": text, "installed-debs": one_line, "sos_commands/block/lsblk": rows, "installed-rpms": one_line},
        **shared,
    )
    b = tree(
        tmp_path / "b",
        **{"etc/x.conf": turned, "installed-debs": b"", "sos_commands/block/lsblk": rows + b"x", "installed-rpms": b""},
        **other,
    )
    begin = time.process_time()
    assert diff(a, b, "--quick")[0] == 0
    assert time.process_time() - begin < 30
