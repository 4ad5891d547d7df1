"""grep finds in a bundle what Python and GNU grep find in the files, wherever frames end."""

import bz2
import gzip
import json
import lzma
import os
import re
import shutil
import subprocess
import sys

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from test_lines import retold, row, sealed, small_frames

from diagbundle.bundle import gather, search
from diagbundle.bundle.forked import in_turn
from diagbundle.bundle.gather import Done, Gathering, Hit
from diagbundle.bundle.pack import Packer
from diagbundle.bundle.pattern import Pattern, Wish
from diagbundle.bundle.reader import Bundle
from diagbundle.bundle.search import Ask, Found, Plan
from diagbundle.bundle.writer import BundleWriter
from diagbundle.cli.grep import finder
from diagbundle.errors import UsageError

PIECES = st.sampled_from(["a", "b", "ab", "A", "error", "Error", " ", "1", "ms", "x.y", "ü", "\t", "\\", "zz" * 40])
LINES = st.lists(st.lists(PIECES, max_size=6).map("".join), max_size=40)
EXPRESSIONS = (
    "error", "err|ab", "(a|b)+1", "[ab]+", "^a", "b$", "^$", "x.y", r"x\.y", "[^a]b", r"\bab\b", "a.*b", "", "(?!a)b", "ü", "(?i)ERROR", "a{2}",
    r"\s1", "1?ms", r"^\w+$", "(?<=a)b", r"\Ab", "zz(zz)+", "e(rr)?or|1",
)  # fmt: skip


def found(bundle, ask, processes=1, wanted=lambda _path: True):
    plan = Plan(bundle, wanted, open_packed=ask.open_packed)
    answers = in_turn(lambda unit: map(tuple, search.search(bundle, ask, unit)), plan.units, processes, lambda _status: None)
    return list(Gathering(ask, text=True).events(Found(*each) for each in answers)), [text.path for text in plan.texts]


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(st.tuples(LINES, st.booleans()), min_size=1, max_size=4), pattern=st.sampled_from(EXPRESSIONS), fold=st.booleans(), word=st.booleans(),
       line=st.booleans(), invert=st.booleans(), fixed=st.booleans(), shape=st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3), st.integers(1, 5)))  # fmt: skip
def test_any_lines_in_any_frames(texts, pattern, fold, word, line, invert, fixed, shape, tmp_path_factory):  # noqa: PLR0913, PLR0917
    promise, before, after, most = shape
    contents = {f"f{number}": "\n".join(lines).encode() + b"\n" * ended for number, (lines, ended) in enumerate(texts)}
    with pytest.MonkeyPatch.context() as patch:
        small_frames(patch, frame=512, group=200)
        patch.setattr(search, "FRAME", 512)
        if most % 2:  # as where very many lines match
            patch.setattr(search, "MANY", 2)
            patch.setattr(search, "SMALL", 50)
        path = sealed(tmp_path_factory.mktemp("any") / "b.tar.zst", contents, promise=promise)
        with Bundle.open(path) as bundle:
            sought = Pattern(Wish((pattern,), fixed=fixed, fold=fold, word=word, line=line, invert=invert), finder)
            events, names = found(bundle, Ask(sought, before, after, most))
            counts, _ = found(bundle, Ask(sought, lines=False))
    source = re.escape(pattern) if fixed else pattern
    if word:
        source = f"(?<!\\w)(?:{source.removeprefix('(?i)')})(?!\\w)"
    if line:
        source = f"^(?:{source.removeprefix('(?i)')})$"
    source = source.replace("ü", "(?:ü|Ü)") if fold else source
    whole = re.compile(source.encode(), re.IGNORECASE if fold or (pattern.startswith("(?i)") and not fixed) else 0)
    for number, (name, text) in enumerate(contents.items()):
        assert names[number] == name
        lines = text.split(b"\n")[: -1 if text.endswith(b"\n") or not text else None]
        matching = [index for index, each in enumerate(lines) if (whole.search(each) is None) == invert]
        assert [each.matched for each in counts if isinstance(each, Done) and each.text == number] == [len(matching)]
        kept = matching[:most]
        stop = matching[most] if len(matching) > most else len(lines)
        near = {index for each in kept for index in range(max(0, each - before), min(each + after + 1, stop))}
        wanted = [(index + 1, lines[index], index in kept) for index in sorted(near)]
        assert [(hit.number, hit.line, hit.matches) for hit in events if isinstance(hit, Hit) and hit.text == number] == wanted
        assert all(text[hit.at : hit.at + len(hit.line)] == hit.line for hit in events if isinstance(hit, Hit) and hit.text == number)


@pytest.fixture(scope="module")
def log():
    kinds = [
        b"Nov 21 host sshd[%d]: Accepted password for bob",
        b"Nov 22 HOST kernel: I/O error, dev sda, sector %d",
        b"%d",
        b"",
        b"words error errors %d Error",
    ]
    lines = [(kinds[number * 7 % 5] % number if b"%" in kinds[number * 7 % 5] else b"") for number in range(60_000)]
    lines[30_000] = b"x" * 3_000_000 + b" I/O error " + b"y" * 9_000_000
    return b"\n".join(lines) + b"\nlast line without an end: I/O error"


@pytest.fixture(scope="module")
def place(tmp_path_factory, log):
    """A folder with a bundle, and the same files unpacked."""
    folder = tmp_path_factory.mktemp("grep")
    contents = {
        "var/log/messages": log,
        "var/log/small": b"one error\ntwo\n",
        "opt/bin": b"\0error\n",
        "etc/none": b"nothing\n",
        "etc/empty": b"",
    }
    sealed(folder / "b.tar.zst", contents)
    for name, data in contents.items():
        os.makedirs(folder / "tree" / os.path.dirname(name), exist_ok=True)
        (folder / "tree" / name).write_bytes(data)
    return folder


def ours(*words, cwd=None):
    return subprocess.run([sys.executable, "-m", "diagbundle", "grep", *words], capture_output=True, check=False, cwd=cwd)


FLAGS = [
    "-F|I/O error", "-c|error", "-ci|error", "-w|error", "-wi|error", "-vc|error", "-o|err[a-z]+", "-oi|err[a-z]+", "-x|[0-9]+", "-m 3|error", "-m 2 -A 2|error", "-B 2|sector 5001[0-9]",
    "-C 3|sector 29[0-9]{3}$", "-A 1 -B 4|bob$", "-l|error", "-L|error", "-i -F|i/o ERROR", "-E|(sector|bob) ?5*$", "-c|", "-v|.", "-e error -e bob -c", "-l|zzzz", "-L|zzzz", "-a|error", "-x -F|", "-vx|[a-z ]*",
]  # fmt: skip


@pytest.mark.parametrize("flags", FLAGS)
def test_as_gnu_grep(place, flags):
    options, _, pattern = flags.partition("|")
    words = [*options.split(), *([pattern] if "|" in flags else [])]
    theirs = subprocess.run(["grep", "-rnHE" if "-F" not in options else "-rnH", *words, "var", "etc"], capture_output=True, check=False, cwd=place / "tree", env={"LC_ALL": "C", "PATH": os.environ["PATH"]})  # fmt: skip
    result = ours(*words, str(place / "b.tar.zst"), "var", "etc")
    assert re.sub(rb"^--\n", b"", result.stdout, flags=re.MULTILINE) == in_our_order(theirs.stdout)
    assert (result.returncode, b"in a binary file: etc/bin" in result.stderr) == (
        theirs.returncode,
        b"binary file matches" in theirs.stderr,
    )


def in_our_order(lines):
    """GNU's answers, file by file in the order of the bundle."""
    names = [b"var/log/messages", b"var/log/small", b"etc/none", b"etc/empty"]
    given = [line for line in lines.split(b"\n")[:-1] if line != b"--"]
    return b"".join(line + b"\n" for name in names for line in given if re.match(re.escape(name) + rb"(?:[:-]|$)", line))


def test_json_holds_lines_and_places(place, log):
    result = ours("--json", "I/O error", str(place / "b.tar.zst"), "messages", "var/log/mess*")
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert {each["path"] for each in told} == {"var/log/messages"}
    assert all(log[each["offset"] :].startswith(each["text"].encode()) for each in told)
    assert told[0]["matches"] == [[20, 29]]


def test_without_a_match_it_ends_with_1_and_without_a_file_with_2(place):
    assert ours("zzzz", str(place / "b.tar.zst")).returncode == 1
    assert ours("-q", "error", str(place / "b.tar.zst")).returncode == 0
    assert ours("-q", "zzzz", str(place / "b.tar.zst")).returncode == 1
    result = ours("x", str(place / "b.tar.zst"), "no/such")
    assert (result.returncode, result.stderr.count(b"hint:")) == (2, 1)
    assert ours("x").returncode == 2
    assert ours("(", str(place / "b.tar.zst")).returncode == 2


def test_several_bundles_and_folders(place):
    result = ours("-n", "one", "b.tar.zst", "b.tar.zst", "var/log/small", cwd=place)
    assert result.stdout == b"b.tar.zst:var/log/small:1:one error\n" * 2
    assert ours("one", "tree", "var/log", cwd=place).stdout == b"var/log/small:1:one error\n"


PACKERS = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress, ".zst": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("suffix", PACKERS)
def test_rotated_logs_are_searched_as_what_they_hold(tmp_path, suffix, log):
    packed = PACKERS[suffix](log) * (1 if suffix == ".zst" else 2)
    path = sealed(tmp_path / "b.tar.zst", {f"log.1{suffix}": packed, f"no{suffix}": b"I/O error\n", f"cut{suffix}": packed[:-9000]})
    result = ours("-c", "I/O error", path)
    whole = (log * (1 if suffix == ".zst" else 2)).split(b"\n")
    count = sum(b"I/O error" in each for each in whole)
    assert result.stdout.splitlines()[:2] == [b"log.1%b:%d" % (suffix.encode(), count), b"no%b:1" % suffix.encode()]
    assert result.returncode == 4
    assert b"cut" + suffix.encode() in result.stderr
    assert int(ours("-c", "--as-is", "I/O error", path, f"log.1{suffix}").stdout.rpartition(b":")[2]) < count


def test_a_bomb_is_cut_short(tmp_path, monkeypatch):
    from diagbundle.bundle import opened

    monkeypatch.setattr(opened, "LARGEST", 1 << 20)
    path = sealed(tmp_path / "b.tar.zst", {"log.gz": gzip.compress(bytes(64 << 20))})
    with Bundle.open(path) as bundle:
        events, _ = found(bundle, Ask(Pattern(Wish(("x",)), finder)))
    assert "too many for its size" in next(each.why for each in events if hasattr(each, "why"))


def test_a_million_empty_streams_are_no_work(monkeypatch):
    """What stands behind the end of a stream is copied, so it must be little."""
    from diagbundle.bundle import opened

    sizes = []

    class Watched(opened.Inflater):
        def decompress(self, data, max_length):
            sizes.append(len(data))
            return super().decompress(data, max_length)

    monkeypatch.setitem(opened._OPENERS, ".gz", Watched)
    empty = gzip.compress(b"", mtime=0)
    assert b"".join(opened.opened([empty * 50_000], 1)) == b""
    assert len(sizes) >= 50_000
    assert max(sizes) <= 64 << 10


def test_a_damaged_frame_costs_its_own_lines_only(place, tmp_path):
    broken = tmp_path / "b.tar.zst"
    shutil.copy(place / "b.tar.zst", broken)
    with Bundle.open(str(broken)) as bundle:
        index = next(i for i in range(len(bundle.frames)) if bundle.frames.plain[i + 1] - bundle.frames.plain[i] == 8 << 20)
        at = (bundle.frames.packed[index] + bundle.frames.packed[index + 1]) // 2
    with open(broken, "r+b") as file:
        file.seek(at)
        file.write(b"damaged!")
    whole, result = ours("I/O error", str(place / "b.tar.zst")), ours("I/O error", str(broken))
    assert result.returncode == 4
    assert b"var/log/messages: frame" in result.stderr
    lines = set(result.stdout.split(b"\n"))
    assert lines < set(whole.stdout.split(b"\n"))  # with the right numbers, for the manifest knows how many lines were lost
    assert whole.stdout.split(b"\n")[-2] in lines


def test_lines_longer_than_what_is_held_are_searched_in_stretches(tmp_path, monkeypatch):
    monkeypatch.setattr(gather, "LONGEST", 1000)
    path = sealed(tmp_path / "b.tar.zst", {"log": b"x" * (20 << 20) + b"end\nnext end\n"})
    with Bundle.open(path) as bundle:
        events, _ = found(bundle, Ask(Pattern(Wish(("end",)), finder)))
    assert [(each.number, each.line[-3:]) for each in events if isinstance(each, Hit)] == [(1, b"end"), (2, b"end")]


def test_counts_that_are_wrong_are_damage(tmp_path, log):
    path = sealed(tmp_path / "b.tar.zst", {"log": log})
    with Bundle.open(path) as bundle:
        lie = [each + 1 for each in bundle.find("log")["lines"]]
    result = ours("I/O error", retold(path, lie))
    assert result.returncode == 4
    assert b"other lines than the manifest says" in result.stderr


def test_a_process_that_dies_costs_nothing(place):
    with Bundle.open(str(place / "b.tar.zst")) as bundle:
        ask = Ask(Pattern(Wish(("I/O error",)), finder))
        plan = Plan(bundle, lambda _path: True)
        parent, ended = os.getpid(), []

        def work(unit):
            for number, each in enumerate(search.search(bundle, ask, unit)):
                if os.getpid() != parent and unit is plan.units[2]:
                    os.kill(os.getpid(), 9)
                yield number, *each

        alone = [tuple(each) for each in in_turn(work, plan.units, 1, ended.append)]
        assert [tuple(each) for each in in_turn(work, plan.units, 3, ended.append)] == alone
        assert ended == [-9]


def test_a_stranger_s_lines_do_no_harm_on_a_terminal(tmp_path):
    path = sealed(tmp_path / "b.tar.zst", {"log": b"\x1b]0;evil\x07 error \xe2\x80\xae\n" + b"a" * 9000 + b"error" + b"b" * 9000})
    import pty

    for environment, colour in (({"NO_COLOR": "1"}, False), ({}, True)):
        lead, follow = pty.openpty()
        done = subprocess.run(
            [sys.executable, "-m", "diagbundle", "grep", "error", path],
            stdout=follow,
            check=False,
            env={**os.environ, "TERM": "xterm", **environment},
        )
        os.close(follow)
        told = os.read(lead, 1 << 16)
        os.close(lead)
        assert done.returncode == 0
        assert b"\\x1b]0;evil\\x07 " in told
        assert b"\\u202e" in told
        assert (b"\x1b[1;31merror" in told) == colour
        assert (b"\x1b" in told) == colour
        assert b"... aaa" in told
        assert len(told) < 6000


def test_parts_are_one_file(tmp_path, monkeypatch, log):
    from diagbundle.bundle import pack

    monkeypatch.setattr(pack, "HELD", 1)
    path = sealed(tmp_path / "b.tar.zst", {"log": log}, promise=False)
    lines = log.split(b"\n")
    wanted = b"".join(b"log:%d:%b\n" % (number, each) for number, each in enumerate(lines, 1) if b"sector 59" in each)
    assert ours("sector 59", path).stdout == wanted
    assert ours("-c", "sector 59", path).stdout == b"log:%d\n" % wanted.count(b"\n")


@pytest.mark.parametrize(
    "pattern", ["(", "[z-a]", "a{3,2}", "x" * 10_000 + "(", "(?P<n>a)(?P<n>b)", "[ö-ä]", "[ä", "[\u00e4-\uffff]", "(" * 5000]
)
def test_what_is_no_expression_is_refused(pattern):
    with pytest.raises(UsageError):
        Pattern(Wish((pattern,)), finder)


LETTERS = st.sampled_from(["a", "b", "z", "ä", "Ä", "ö", "ß", "п", "П", "€", "😀", "-", "]", "^", "1"])
MEMBERS = st.lists(
    st.sampled_from(["a", "ä", "Ö", "п", "€", "😀", "п-я", "à-ö", "0-9", "A-ö", "\\d", "\\]", "\\-", "\\^"]), min_size=1, max_size=4
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(LETTERS, max_size=8).map("".join),
    MEMBERS.map("".join),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["{}", "^{}+$", "a{}b", "ä{}|{}z"]),
)
def test_classes_of_letters_of_all_scripts(line, members, negated, fold, shape):
    source = shape.replace("{}", f"[{'^' * negated}{members}]")
    wanted = re.search(source, line, re.IGNORECASE if fold else 0)
    found = Pattern(Wish((source,), fold=fold), finder)
    assert [*found.lines(line.encode(), 0, len(line.encode()))] == ([(0, len(line.encode()))] if wanted and line else [])


def test_patterns_may_be_bytes_of_any_encoding_and_warn_of_nothing(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/latin1").write_bytes(b"stra\xdfe [x\n")
    for pattern in (b"stra\xdfe", b"[[]x"):
        result = ours(pattern, str(tmp_path))
        assert (result.stdout, result.stderr, result.returncode) == (b"etc/latin1:1:stra\xdfe [x\n", b"", 0)


def test_several_patterns_cannot_refer_to_groups():
    with pytest.raises(UsageError, match="refer"):
        Pattern(Wish(("(a)\\1", "b")), finder)


def test_members_that_overlap_are_refused(tmp_path):
    path = tmp_path / "b.tar.zst"
    with open(path, "wb") as out:
        writer = BundleWriter(out.write, "b", spoken=lambda each: each | ({"header": 0} if each.get("path") == "two" else {}))
        packer = Packer("b", writer.add)
        for name in ("one", "two"):
            packer.small(name, b"error\n", row(name))
        packer.flush()
        writer.seal({"complete": True, "reason": None})
    result = ours("error", str(path))
    assert (result.returncode, result.stdout) == (4, b"")
    assert b"overlap" in result.stderr
