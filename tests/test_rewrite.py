"""A bundle without what was struck out: whole, the rest unchanged, and nothing of the struck content left anywhere."""

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import tarfile

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_reader import BAD, GOOD, make, vector

from diagbundle.bundle.format import STRUCK
from diagbundle.bundle.reader import Bundle
from diagbundle.bundle.rewrite import NAMED, QUESTION, SAME, STDERR, rewrite, strike
from diagbundle.errors import BundleError, FormatError, UsageError

FROM, WHEN = "0" * 64, "2026-11-22T10:00:00Z"


def written(path, patterns, out):
    """The bundle at `out` without these, checked as `verify` does."""
    with Bundle.open(path) as bundle, open(out, "wb") as file:
        bundle.verify()
        struck = strike(bundle, patterns)
        rewrite(bundle, struck, file.write, FROM, WHEN)
    with Bundle.open(out) as bundle:
        bundle.verify()
        return struck, bundle.head, list(bundle.rows())


def stream(path):
    """All that zstd gives of a file."""
    with open(path, "rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()


def contents(path):
    """Each member's content, by tar's own reading."""
    with tarfile.open(fileobj=io.BytesIO(stream(path))) as archive:
        return {member.name.partition("/")[2]: archive.extractfile(member).read() for member in archive}


def bundle_of(path, members, rows=()):
    path.write_bytes(make.Composer(members, rows=list(rows)).build(zstandard.ZstdCompressor(write_checksum=True).compress))
    return str(path)


def answer(name, data, source=None, **row):
    return make.Member(name, data, {"source": source or f"/{name}", **row})


# -- any subset

SIZES = st.sampled_from([0, 1, 7, 8, 511, 512, 513, 40_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 700, (9 << 20) + 3])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(SIZES, st.booleans()), min_size=1, max_size=9))
def test_any_subset_can_go(tmp_path, parts):
    before, after = tmp_path / "a.tar.zst", tmp_path / "b.tar.zst"
    after.unlink(missing_ok=True)
    data = {
        f"var/log/{n}/log": hashlib.shake_128(b"%d" % n).digest(min(size, 4096)) * (size // 4096 + 1) for n, (size, _) in enumerate(parts)
    }
    data = {name: content[: parts[n][0]] for n, (name, content) in enumerate(data.items())}
    gone = [name for n, name in enumerate(data) if parts[n][1]]
    path = bundle_of(before, [make.Member(name, content) for name, content in data.items()])
    if not gone:
        return
    _, head, rows = written(path, gone, str(after))
    copies = {hashlib.sha256(data[name]).hexdigest() for name in gone if len(data[name]) >= 8}
    left = {name: content for name, content in data.items() if name not in gone and hashlib.sha256(content).hexdigest() not in copies}
    found = contents(after)
    assert {name: content for name, content in found.items() if not name.startswith("diagbundle/")} == left
    assert head["members"] == len(left)
    assert head["removed"] == {"count": len(data) - len(left), "at": WHEN, "from": FROM}
    assert {row["struck"] for row in rows if "struck" in row} == data.keys() - left.keys()
    whole = stream(after)
    assert not [name for name in gone if len(data[name]) >= 8 and data[name][:64] in whole]
    sums = found["diagbundle/SHA256SUMS"].decode().split("\n")
    assert sums == [f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in left.items()] + [""]


@pytest.mark.parametrize("name", GOOD)
def test_every_good_vector_can_be_emptied(name, tmp_path):
    with Bundle.open(vector(name)) as bundle:
        if not any("header" in row for row in bundle.rows()):
            return
    _, head, rows = written(vector(name), ["*"], str(tmp_path / "x.tar.zst"))
    assert (head["members"], head["bytes"], head["frames"]) == (0, 0, 0)
    assert not [row for row in rows if "sha256" in row or "size" in row or "stderr" in row]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_vector_is_refused(name, tmp_path):
    with pytest.raises(BundleError):
        written(vector(name), ["etc"], str(tmp_path / "x.tar.zst"))


@pytest.mark.skipif(not shutil.which("zstd") or not shutil.which("tar"), reason="needs tar and zstd")
def test_other_tools_accept_it(tmp_path):
    written(vector("good"), ["var/log/messages"], str(tmp_path / "x.tar.zst"))
    subprocess.run(["tar", "--zstd", "-xf", tmp_path / "x.tar.zst", "-C", tmp_path], check=True)
    folder = tmp_path / make.PREFIX
    subprocess.run(["sha256sum", "-c", "--strict", "diagbundle/SHA256SUMS"], cwd=folder, check=True, capture_output=True)
    assert not os.path.exists(folder / "var/log/messages")


# -- frames


def test_frames_without_struck_members_are_the_same_bytes(tmp_path):
    members = [make.Member(f"var/log/{n}", os.urandom(3 << 19)) for n in range(4)]
    path = bundle_of(tmp_path / "a.tar.zst", members)
    written(path, ["var/log/1"], str(tmp_path / "b.tar.zst"))
    with Bundle.open(path) as before, Bundle.open(str(tmp_path / "b.tar.zst")) as after:
        packed = [
            [each.frames.pread(each.frames.packed[n + 1] - each.frames.packed[n], each.frames.packed[n]) for n in range(len(each.frames))]
            for each in (before, after)
        ]
    assert packed[1][:3] == [packed[0][0], packed[0][2], packed[0][3]]


# -- every other copy

TOKEN = b"a token of this run: %032x\n" % int.from_bytes(os.urandom(16))


def test_all_places_of_the_same_content_go(tmp_path):
    said = {"collector": "net", "kind": "command", "source": ["ip", "-s", "link"]}
    members = [
        answer("diagbundle/start/proc/x", b"first" + TOKEN, "/proc/x", sample="start"),
        answer("etc/secret", TOKEN),
        answer("etc/copy", TOKEN, "/opt/copy"),
        answer("var/log/long", b"one" + TOKEN, part=1),
        answer("var/log/long.part0002", b"two" + TOKEN, "/var/log/long", part=2),
        answer("sos_commands/net/ip_-s_link", b"ip" + TOKEN, **said, stderr="err" + TOKEN.decode()),
        answer("diagbundle/stderr/sos_commands/net/ip_-s_link", b"err" + TOKEN, "stderr of ip -s link", kind="own"),
        answer("ip_link", b"ip" + TOKEN, **said),
        answer("proc/x", b"last" + TOKEN, "/proc/x", sample="end"),
        answer("etc/other", b"stays"),
    ]
    again = [{"collector": "b", "kind": "file", "source": "/etc/secret", "outcome": "collected", "link": "etc/secret"},
             {"collector": "b", "kind": "file", "source": "/etc/third", "outcome": "collected", "link": "etc/copy"},
             {"collector": "b", "kind": "file", "source": "/etc/gone", "outcome": "absent", "reason": "No such file"}]  # fmt: skip
    path = bundle_of(tmp_path / "a.tar.zst", members, again)
    patterns = ["/etc/secret", "proc/x", "var/log/long", "sos_commands"]
    struck, head, rows = written(path, patterns, str(tmp_path / "b.tar.zst"))
    assert TOKEN.strip() not in stream(str(tmp_path / "b.tar.zst"))
    assert [row["path"] for row in rows if "header" in row] == ["etc/other"]
    assert struck.why == {NAMED: 6, QUESTION: 1, STDERR: 1, SAME: 1}
    assert head["removed"]["count"] == 9
    assert [row for row in rows if "link" in row] == []
    assert rows[-1]["outcome"] == "absent"
    for row in rows[:-1]:
        if row["outcome"] == "skipped":
            assert row["reason"] == STRUCK
            assert not row.keys() & {"size", "sha256", "stderr", "exit", "redacted", "suspects", "mtime", "link"}


def test_what_many_files_hold_is_no_copy(tmp_path):
    path = bundle_of(tmp_path / "a.tar.zst", [answer("proc/sys/a", b"1\n"), answer("proc/sys/b", b"1\n")])
    struck, head, _ = written(path, ["proc/sys/a"], str(tmp_path / "b.tar.zst"))
    assert (struck.members, head["members"]) == (1, 1)


def test_a_second_review_counts_on(tmp_path):
    _, first, _ = written(vector("good"), ["etc"], str(tmp_path / "a.tar.zst"))
    _, second, _ = written(str(tmp_path / "a.tar.zst"), ["var/log"], str(tmp_path / "b.tar.zst"))
    assert (first["removed"]["count"], second["removed"]["count"]) == (1, 3)


@pytest.mark.parametrize("name", ["a[1].log", "*", "new\nline", "not\udcffutf8", "umlaut-ü"])
def test_a_name_is_also_taken_to_the_letter(name, tmp_path):
    path = bundle_of(tmp_path / "a.tar.zst", [answer(f"var/log/{name}", b"12345678"), answer("var/log/x", b"stays")])
    struck, _, _ = written(path, [f"var/log/{name}"], str(tmp_path / "b.tar.zst"))
    assert struck.told[0] == (f"var/log/{name}", NAMED)


# -- what is refused


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [("var/log/mesages", "did you mean var/log/messages"), ("nothing-like-it", "list"), ("diagbundle/manifest.jsonl", "name the files"),
     ("etc/shadow", "shows all names"), ("messages", "did you mean var/log/messages")],
)  # fmt: skip
def test_a_pattern_that_names_nothing(pattern, hint, tmp_path):
    with pytest.raises(UsageError) as caught:
        written(vector("good"), ["etc/os-release", pattern], str(tmp_path / "x.tar.zst"))
    assert hint in caught.value.hint
    assert not (tmp_path / "x.tar.zst").read_bytes()


def test_a_link_says_where_it_leads(tmp_path):
    row = {"collector": "a", "kind": "file", "source": "/etc/l", "outcome": "skipped", "reason": "a link, not followed", "target": "../x"}
    path = bundle_of(tmp_path / "a.tar.zst", [answer("etc/x", b"1")], [row])
    with pytest.raises(UsageError) as caught:
        written(path, ["etc/l"], str(tmp_path / "b.tar.zst"))
    assert "a link to ../x" in caught.value.hint


@pytest.mark.parametrize("changes", [{"source": None}, {"source": 5}, {"source": [1]}, {"source": {}}, {"kind": []}, {"kind": None}])
def test_rows_that_do_not_say_what_was_asked_are_refused(changes, tmp_path):
    composer = make.good(tweak_rows=make.changed(1, **changes))
    (tmp_path / "a.tar.zst").write_bytes(composer.build())
    with pytest.raises(FormatError):
        written(str(tmp_path / "a.tar.zst"), ["etc"], str(tmp_path / "b.tar.zst"))


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9), lambda one: st.lists(one, max_size=3))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["link", "stderr", "target", "part", "sample", "redacted", "reason", "kind", "source", "removed"]), JSON
    ),
    st.integers(0, 8),
)
def test_rows_of_any_kind_never_confuse_it(tmp_path, changes, number):
    composer = make.good(tweak_rows=make.changed(number, **changes), head={"removed": changes.get("removed")})
    (tmp_path / "a.tar.zst").write_bytes(composer.build())
    with contextlib.suppress(BundleError, UsageError):
        written(str(tmp_path / "a.tar.zst"), ["etc"], str(tmp_path / "b.tar.zst"))
