"""A file in parts, and out of them again: whatever comes, in whatever order and under whatever name."""

import hashlib
import itertools
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import zstandard
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagbundle.bundle.format import FRAME, seek_table, sums_line
from diagbundle.bundle.pack import Packer
from diagbundle.bundle.part import number_in, parse_list, part_names, part_of, read_list
from diagbundle.bundle.reader import Bundle
from diagbundle.bundle.salvage import salvage
from diagbundle.bundle.unpack import unpack_damaged
from diagbundle.bundle.writer import BundleWriter
from diagbundle.cli import join as join_command
from diagbundle.cli import main
from diagbundle.cli import salvage as salvage_command
from diagbundle.errors import FormatError, IntegrityError, OutputError, UsageError
from diagbundle.transport import parts as cutting
from diagbundle.transport.joining import assemble, write
from diagbundle.transport.parts import check_size, cut_in_place, ends_of_parts, grouped, split

NAME = "diagbundle-db1-20261121T231500Z.tar.zst"
OTHER = "diagbundle-db2-20261121T231500Z.tar.zst"


def made(path, *, seed=1, large=3 * FRAME + 100, small=3):
    """A bundle of small members, a large one of incompressible bytes, and small ones again."""
    bytes_of = random.Random(seed)
    packed = bytearray()
    writer = BundleWriter(packed.extend, path.name.removesuffix(".tar.zst"))
    packer = Packer(writer.prefix, writer.add)

    def row(name):
        return {"collector": "t", "kind": "file", "source": name, "outcome": "collected"}

    for number in range(small):
        packer.small(f"etc/{number}", bytes_of.randbytes(700_000), row(f"/etc/{number}"))
    stream = packer.stream("var/log/large", row("/var/log/large"), large)
    for start in range(0, large, FRAME):
        stream.write(bytes_of.randbytes(min(FRAME, large - start)))
    stream.close()
    for number in range(small):
        packer.small(f"opt/{number}", bytes_of.randbytes(700_000), row(f"/opt/{number}"))
    packer.flush()
    writer.seal({"complete": True, "reason": None})
    path.write_bytes(packed)
    return path


def sidecar(path):
    (path.parent / f"{path.name}.sha256").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return made(tmp_path_factory.mktemp("source") / NAME)


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    return made(tmp_path_factory.mktemp("another") / OTHER, seed=2)


def cut(path, target, most=9 << 20):
    """The parts of a file, copied to a folder, with its sidecar."""
    fd = os.open(path, os.O_RDONLY)
    try:
        ends = ends_of_parts(fd, most)
    finally:
        os.close(fd)
    parts = split(str(path), str(target / path.name), ends)
    shutil.copy(path, target / "whole")
    os.rename(target / "whole", target / path.name)
    sidecar(target / path.name)
    os.unlink(target / path.name)
    return [target / os.path.basename(part) for part in parts]


@pytest.fixture
def parts(source, tmp_path):
    (tmp_path / "in").mkdir()
    return cut(source, tmp_path / "in")


def shell(command, folder):
    return subprocess.run(command, shell=True, cwd=folder, capture_output=True, check=False)


def joined(paths, out):
    write(assemble([str(path) for path in paths]), str(out))
    return out.read_bytes()


# -- cutting


def test_cat_gives_the_whole_and_sha256sum_knows_each_part(parts, source):
    folder = parts[0].parent
    assert [part.name for part in parts] == [f"{NAME}.00{number}" for number in range(1, len(parts) + 1)]
    assert len(parts) >= 4
    said = shell(f"sha256sum --strict -c *.parts && cat *.tar.zst.0* | cmp - {source}", folder)
    assert (said.returncode, said.stdout.count(b": OK")) == (0, len(parts)), said
    assert all(part.stat().st_mode & 0o777 == 0o600 for part in parts)


@pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")
def test_each_part_is_unpacked_by_zstd(parts):
    for part in parts:
        assert shell(f"zstd -dc {part} >/dev/null", part.parent).returncode == 0


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 120))
def test_parts_are_as_few_as_they_can_be_and_end_with_pieces(sizes, most):
    ends = list(itertools.accumulate(sizes))
    if max(sizes) > most:
        with pytest.raises(UsageError):
            grouped(ends, most)
        return
    found = grouped(ends, most)
    stretches = [end - start for start, end in itertools.pairwise([0, *found])]
    assert found[-1] == ends[-1]
    assert set(found) <= set(ends)
    assert all(0 < stretch <= most for stretch in stretches)
    following = {end: ends[index + 1] - end for index, end in enumerate(ends[:-1])}
    assert all(stretch + following[end] > most for stretch, end in zip(stretches[:-1], found[:-1], strict=True))


def test_an_encrypted_file_is_cut_anywhere(tmp_path):
    path = tmp_path / f"{NAME}.age"
    path.write_bytes(b"age-encryption.org/v1".ljust(1000))
    with path.open("rb") as file:
        assert ends_of_parts(file.fileno(), 300) == [300, 600, 900, 1000]
        assert ends_of_parts(file.fileno(), 500) == [500, 1000]


def test_too_small_parts_are_refused_before_anything_is_done():
    assert check_size(10 << 20) == 10 << 20
    with pytest.raises(UsageError, match="too small"):
        check_size((10 << 20) - 1)


def test_more_than_999_parts_have_more_digits():
    assert part_names("x", 1000)[0] == "x.0001"
    assert sorted(part_names("x", 1000)) == part_names("x", 1000)


def test_a_taken_name_is_not_overwritten(source, tmp_path):
    (tmp_path / f"{NAME}.003").write_text("mine")
    with pytest.raises(OutputError, match="there already"):
        cut(source, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAME}.003"]


# -- in place


def in_place(source, folder, most=9 << 20, **words):
    path = folder / NAME
    shutil.copy(source, path)
    sidecar(path)
    with path.open("rb") as file:
        ends = ends_of_parts(file.fileno(), most)
    return cut_in_place(str(path), ends, **words)


def test_in_place_gives_the_same_parts_and_leaves_nothing_else(source, parts, tmp_path):
    (tmp_path / "place").mkdir()
    found = in_place(source, tmp_path / "place")
    assert [os.path.basename(path) for path in found] == [part.name for part in parts]
    assert all(Path(path).read_bytes() == part.read_bytes() for path, part in zip(found, parts, strict=True))
    assert {path.name for path in (tmp_path / "place").iterdir()} == {*(part.name for part in parts), f"{NAME}.parts", f"{NAME}.sha256"}


def test_in_place_needs_room_for_one_part_only(source, tmp_path, monkeypatch):
    peak, real = [0], cutting._copy

    def watched(*words):
        real(*words)
        peak[0] = max(peak[0], sum(path.stat().st_size for path in tmp_path.iterdir()))

    monkeypatch.setattr(cutting, "_copy", watched)
    in_place(source, tmp_path)
    assert peak[0] < source.stat().st_size + (9 << 20) + 10_000


@pytest.mark.parametrize("at", range(1, 200, 21))
def test_broken_off_anywhere_all_is_there_and_is_told(source, tmp_path, at):
    left = [at]

    def alive():
        left[0] -= 1
        if not left[0]:
            raise OutputError("it was interrupted")

    error = None
    try:
        in_place(source, tmp_path, alive=alive)
    except OutputError as raised:
        error = raised
    if error:
        whole = (tmp_path / NAME).exists()
        assert ("as it was" if whole else "all of it is there") in str(error)
        assert not list(tmp_path.glob("*.part"))
        assert shell(f"cat {NAME if whole else f'{NAME}.0*'} | cmp - {source}", tmp_path).returncode == 0
        if not whole:
            assert joined([tmp_path], tmp_path / "out") == source.read_bytes()
    else:
        assert left[0] > 0


class Killed(BaseException):
    """What no handler sees: the file system stays as it is."""


@pytest.mark.parametrize("step", ["before the first part", "between its name and the cut", "in the middle of a copy"])
def test_killed_while_cutting_join_finds_it_all(source, tmp_path, monkeypatch, step):
    real, calls = cutting._copy, []

    def copy(fd, start, end, path, alive, sha256):  # noqa: PLR0913, PLR0917
        calls.append(path)
        if step == "before the first part" or (step == "in the middle of a copy" and len(calls) == 3):
            if len(calls) > 1:
                (tmp_path / (os.path.basename(path) + ".part")).write_bytes(b"half")
            raise Killed
        real(fd, start, end, path, alive, sha256)
        if len(calls) == 2 and step.startswith("between"):
            raise Killed

    monkeypatch.setattr(cutting, "_copy", copy)
    with pytest.raises(Killed):
        in_place(source, tmp_path)
    assert not (tmp_path / NAME).exists(), "a name for whole files only"
    assert joined([tmp_path], tmp_path / "out") == source.read_bytes()
    os.unlink(tmp_path / "out")
    (tmp_path / f"{NAME}.parts").unlink()
    assert joined([tmp_path], tmp_path / "out") == source.read_bytes()


def test_without_room_for_a_part_the_file_stays_as_it_was(source, tmp_path, monkeypatch):
    monkeypatch.setattr(cutting, "_SPARE", 1 << 60)
    with pytest.raises(OutputError, match="as it was"):
        in_place(source, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {NAME, f"{NAME}.sha256"}


# -- joining


@given(st.randoms(use_true_random=False), st.integers(9 << 20, 40 << 20), st.booleans(), st.booleans())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_size_any_order_with_and_without_a_list(source, tmp_path_factory, shuffle, most, listed, summed):  # noqa: PLR0913, PLR0917
    folder = tmp_path_factory.mktemp("any")
    paths = cut(source, folder, most)
    if not listed:
        (folder / f"{NAME}.parts").unlink()
    if not summed:
        (folder / f"{NAME}.sha256").unlink()
    shuffle.shuffle(paths)
    assert joined(paths, folder / "out") == source.read_bytes()


NAMES = [
    lambda number: f"{NAME.removesuffix('.zst')}.zst({number}).{number:03d}",
    lambda number: f"{NAME}.{number:03d} ({number})",
    lambda number: f"attachment-{10 + number}.bin",
]


@pytest.mark.parametrize("rename", NAMES, ids=["in the middle", "at the end", "all other"])
@pytest.mark.parametrize("listed", [True, False])
def test_names_do_not_matter(parts, source, tmp_path, rename, listed):
    for number, part in enumerate(parts, 1):
        part.rename(part.parent / rename(number))
    if not listed:
        (parts[0].parent / f"{NAME}.parts").unlink()
    paths = [path for path in parts[0].parent.iterdir() if not path.name.endswith((".parts", ".sha256"))]
    assert joined(paths, tmp_path / "out") == source.read_bytes()


def without(parts, _another):
    parts[1].unlink()
    return "part 2 of 5: .*002 is missing", f"{NAME}.002", "part 2 is missing"


def without_the_last(parts, _another):
    parts[-1].unlink()
    return "part 5 of 5: .*005 is missing", f"{NAME}.005", "the last part is missing"


def without_the_first(parts, _another):
    parts[0].unlink()
    return "part 1 of 5: .*001 is missing", f"{NAME}.001", "part 1 is missing"


def empty(parts, _another):
    parts[2].write_bytes(b"")
    return "part 3 of 5: .*003 is empty", f"{NAME}.003", "is empty"


def shortened(parts, _another):
    parts[2].write_bytes(parts[2].read_bytes()[:-100])
    return "part 3 of 5: .*003 is cut: it ends at byte", f"{NAME}.003", "003 is cut: it ends at byte"


def altered(parts, _another):
    data = bytearray(parts[3].read_bytes())
    data[len(data) // 2] ^= 1
    parts[3].write_bytes(data)
    return "part 4 of 5: .*004 is damaged at byte", f"{NAME}.004", "004 is damaged at byte"


def of_another(parts, another):
    parts[0].write_bytes(another[0].read_bytes())
    return "part 1 of 5: .*001 is a part of another bundle, diagbundle-db2", f"{NAME}.001", "parts of several bundles|no part of the same"


FAULTS = [without, without_the_last, without_the_first, empty, shortened, altered, of_another]


@pytest.mark.parametrize("listed", [True, False], ids=["with a list", "without"])
@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_what_is_wrong_is_said_of_which_part(parts, another, tmp_path, spoil, listed):
    (tmp_path / "other").mkdir()
    assert len(parts) == 5
    sentence, again, unlisted = spoil(parts, cut(another, tmp_path / "other"))
    if not listed:
        (parts[0].parent / f"{NAME}.parts").unlink()
    with pytest.raises(IntegrityError, match=sentence if listed else unlisted) as caught:
        joined([parts[0].parent], tmp_path / "out")
    assert (
        again in caught.value.hint
        if listed
        else "sent again" in caught.value.hint or "themselves" in caught.value.hint or "leave it out" in caught.value.hint
    )
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


@pytest.mark.parametrize("listed", [True, False], ids=["with a list", "without"])
def test_a_part_that_came_twice_is_used_once_and_told(parts, source, tmp_path, listed):
    shutil.copy(parts[1], parts[1].parent / f"{NAME}(1).002")
    if not listed:
        (parts[0].parent / f"{NAME}.parts").unlink()
    assembly = assemble([str(parts[0].parent)])
    assert ["twice" in remark for remark in assembly.remarks] == [True]
    write(assembly, str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("listed", [True, False], ids=["with lists", "without"])
def test_parts_of_two_bundles_are_not_mixed(parts, another, tmp_path, listed):
    cut(another, parts[0].parent)
    if not listed:
        for path in parts[0].parent.glob("*.parts"):
            path.unlink()
    with pytest.raises(IntegrityError, match=r"of (2|several) bundles.*db1.*db2"):
        joined([parts[0].parent], tmp_path / "out")


def test_a_list_that_lies_is_found_out(parts, tmp_path):
    """Every part is what the list says, but they are not the whole that the sidecar names."""
    lines = (parts[0].parent / f"{NAME}.parts").read_text().splitlines()
    sums = [line.split()[0] for line in lines]
    (parts[0].parent / f"{NAME}.parts").write_text(
        "".join(f"{sum_}  {NAME}.{number:03d}\n" for number, sum_ in enumerate(reversed(sums), 1))
    )
    with pytest.raises(IntegrityError, match="its checksum is another one"):
        joined([parts[0].parent], tmp_path / "out")
    (parts[0].parent / f"{NAME}.sha256").unlink()
    with pytest.raises(IntegrityError, match="no whole bundle"):
        joined([parts[0].parent], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("listed", [True, False], ids=["with a list", "without"])
def test_other_files_in_the_folder_are_not_asked_for(parts, source, tmp_path, listed):
    if not listed:
        (parts[0].parent / f"{NAME}.parts").unlink()
    for name in ("mail.001", "disk.img.002", "notes.txt", ".hidden", "x.parts", "y.sha256", "unfinished.part"):
        (parts[0].parent / name).write_text("something else")
    os.mkdir(parts[0].parent / f"{NAME}.009")
    os.mkfifo(parts[0].parent / f"{NAME}.010")
    assert joined([parts[0].parent], tmp_path / "out") == source.read_bytes()


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "..", "e\x1bvil", "e\u202evil"])
def test_a_list_does_not_lead_elsewhere(parts, tmp_path, name):
    lines = (parts[0].parent / f"{NAME}.parts").read_text()
    (parts[0].parent / f"{NAME}.parts").write_text(lines.replace(NAME, name))
    assembly = assemble([str(parts[0].parent)])
    assert assembly.whole in (NAME, "..")  # which is taken, always
    assert "/" not in assembly.whole


def test_parts_of_an_encrypted_file(tmp_path):
    whole = os.urandom(100_000)
    path = tmp_path / "in" / f"{NAME}.age"
    path.parent.mkdir()
    path.write_bytes(whole)
    sidecar(path)
    paths = cut_in_place(str(path), [30_000, 60_000, 90_000, 100_000])
    assert joined(paths[::-1], tmp_path / "a") == whole
    (path.parent / f"{path.name}.parts").unlink()
    assert joined(paths[::-1], tmp_path / "b") == whole
    os.rename(paths[2], tmp_path / "away")
    with pytest.raises(IntegrityError, match="part 3 is missing"):
        joined([path.parent], tmp_path / "c")
    shutil.copy(paths[1], paths[2])
    with pytest.raises(IntegrityError, match="another one"):
        joined([path.parent], tmp_path / "c")
    (path.parent / f"{path.name}.sha256").unlink()
    with pytest.raises(IntegrityError, match="nothing says"):
        joined([path.parent], tmp_path / "c")
    assert not (tmp_path / "c").exists()


@given(st.binary(max_size=400))
def test_a_list_is_lines_or_nothing(text):
    assert all(len(one.sha256) == 64 and one.name for one in parse_list(text))


def test_a_list_that_mail_has_changed_is_read(parts):
    path = parts[0].parent / f"{NAME}.parts"
    before = read_list(str(path))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_list(str(path)) == before


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_that_is_called_a_part_gives_a_refusal(tmp_path_factory, contents, framed):
    folder = tmp_path_factory.mktemp("anything")
    for number, content in enumerate(contents, 1):
        (folder / f"{NAME}.{number:03d}").write_bytes((b"\x28\xb5\x2f\xfd" if framed else b"") + content)
    with pytest.raises((IntegrityError, FormatError)):
        joined([folder], folder / "out")
    assert not (folder / "out").exists()


# -- a part by itself


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x.tar.zst.001", ("x.tar.zst", 1)),
        ("x.tar.zst.0012", ("x.tar.zst", 12)),
        ("x.tar(1).zst.002", ("x.tar(1).zst", 2)),
        ("x.tar.zst (2).002", ("x.tar.zst", 2)),
        ("x.tar.zst.002(1)", ("x.tar.zst", 2)),
        ("x.tar.zst.000", ("", 0)),
        ("x.tar.zst", ("", 0)),
        ("x.tar.zst.01", ("", 0)),
    ],
)
def test_the_number_in_a_name(name, expected):
    assert number_in(name) == expected


def test_every_part_gives_its_whole_members(parts, tmp_path):
    seen = set()
    for number, part in enumerate(parts):
        done, found = unpack_damaged(str(part), str(tmp_path / f"out{number}"))
        assert not done.broken
        assert not found.losses
        seen |= {os.path.relpath(path, tmp_path / f"out{number}") for path in (tmp_path / f"out{number}").rglob("*") if path.is_file()}
    assert {f"{folder}/{number}" for folder in ("etc", "opt") for number in range(3)} <= seen
    assert "diagbundle/manifest.jsonl" in seen
    assert "var/log/large" not in seen


def test_a_part_in_the_middle_of_one_member_says_so(parts):
    result = CliRunner().invoke(salvage_command.command, [str(parts[2])])
    assert result.exit_code == 4
    assert f"this is part 3 of 5 of {NAME}" in result.stderr
    assert "begins in an earlier part" in result.stderr


def test_a_part_under_another_name_is_salvaged_where_a_member_begins_in_it(source, parts, tmp_path):
    (tmp_path / "larger").mkdir()
    shutil.copy(cut(source, tmp_path / "larger", 12 << 20)[2], tmp_path / "attachment.bin")
    sink = type("Sink", (), {"begin": lambda *_: True, "data": lambda *_: None, "finish": lambda *_: None, "drop": lambda *_: None})()
    assert salvage(str(tmp_path / "attachment.bin"), sink).before > 0
    shutil.copy(parts[2], tmp_path / "attachment.bin")
    with pytest.raises(FormatError):
        salvage(str(tmp_path / "attachment.bin"), sink)


@pytest.mark.parametrize("words", [["list"], ["list", "-l"], ["cat", "PART", "etc/0"], ["analyze"], ["verify"], ["unpack"]], ids=" ".join)
@pytest.mark.parametrize("number", [0, 2, 4])
def test_commands_say_that_it_is_a_part(parts, words, number, capsys, monkeypatch, tmp_path):  # noqa: PLR0913, PLR0917
    monkeypatch.chdir(tmp_path)
    words = [str(parts[number]) if word == "PART" else word for word in words]
    assert main.run(words if str(parts[number]) in words else [*words, str(parts[number])]) == 4
    said = capsys.readouterr().err
    assert f"part {number + 1} of 5 of {NAME}" in said
    assert "diagbundle join" in said or words[0] == "unpack"
    assert "damaged" not in said


@pytest.mark.parametrize("words", [["list"], ["salvage"], ["verify"]], ids=" ".join)
def test_commands_say_how_parts_of_an_encrypted_file_are_opened(words, capsys, tmp_path):
    for number, content in ((1, b"age-encryption.org/v1\n"), (2, os.urandom(100))):
        path = tmp_path / f"{NAME}.age.00{number}"
        path.write_bytes(content)
        if number == 2 or words != ["salvage"]:  # which opens the first one with the key
            assert main.run([*words, str(path)]) == 4
            said = capsys.readouterr().err
            assert f"is part {number} of {NAME}.age" in said
            assert "`diagbundle open FOLDER" in said


def test_a_whole_bundle_may_be_called_a_part(source, tmp_path):
    shutil.copy(source, tmp_path / "x.tar.zst.001")
    with Bundle.open(str(tmp_path / "x.tar.zst.001")) as bundle:
        assert bundle.verify().members
    assert part_of("x.tar.gz.001") is None


# -- the command


def test_the_command_joins_a_folder(parts, source):
    result = CliRunner().invoke(join_command.command, [str(parts[0].parent)])
    assert result.exit_code == 0, result
    assert result.stdout == f"{parts[0].parent / NAME}\n"
    assert (parts[0].parent / NAME).read_bytes() == source.read_bytes()
    assert main.run(["join", str(parts[0].parent)]) == 1, "nothing is overwritten"


def test_the_command_says_what_to_send_again(parts, capsys, tmp_path):
    parts[1].unlink()
    assert main.run(["join", str(parts[0].parent), "-o", str(tmp_path / "out.tar.zst")]) == 4
    said = capsys.readouterr().err
    assert f"part 2 of 5: {NAME}.002 is missing\nhint: ask for this to be sent again: {NAME}.002\n" in said
    assert main.run(["join", str(tmp_path / "nothing")]) == 2


@pytest.mark.parametrize("name", [".bash_profile", "conftest.py", ".x.tar.zst"])
def test_a_list_of_a_stranger_does_not_choose_any_name(tmp_path, name):
    pieces = [b"touch /tmp/here\n", b"true\n"]
    sums = [hashlib.sha256(piece).hexdigest() for piece in (*pieces, b"".join(pieces))]
    for number, piece in enumerate(pieces):
        (tmp_path / f"mail.00{number + 1}").write_bytes(piece)
    (tmp_path / "mail.parts").write_text(f"{sums[0]}  {name}.001\n{sums[1]}  {name}.002\n")
    (tmp_path / "mail.sha256").write_text(f"{sums[2]}  {name}\n")
    before = sorted(os.listdir(tmp_path))
    for command in ("join", "open"):
        assert main.run([command, str(tmp_path)]) == 2
        assert sorted(os.listdir(tmp_path)) == before
    assert main.run(["join", str(tmp_path), "-o", str(tmp_path / "here")]) == 0
    assert (tmp_path / "here").read_bytes() == b"".join(pieces)


@pytest.mark.parametrize("beside", [".parts", ".sha256"])
def test_a_pipe_that_bears_the_name_of_a_list_is_none(tmp_path, beside):
    """Whoever owns the folder may lay anything there; one that somebody writes to would be waited for."""
    (tmp_path / f"{NAME}.001").write_bytes(b"x")
    os.mkfifo(tmp_path / (NAME + beside))
    writer = os.open(tmp_path / (NAME + beside), os.O_RDWR)
    try:
        assert read_list(str(tmp_path / (NAME + beside))) == []
        assert main.run(["join", str(tmp_path)]) == 4
    finally:
        os.close(writer)


def test_a_list_that_names_a_part_a_million_times_does_not_fill_the_disk(tmp_path, capsys):
    part = tmp_path / f"{NAME}.001"
    with part.open("wb") as file:
        file.truncate(1 << 28)
    sha = hashlib.sha256()
    for _ in range(1 << 8):
        sha.update(bytes(1 << 20))
    (tmp_path / f"{NAME}.parts").write_text("".join(f"{sha.hexdigest()}  {NAME}.{number:05d}\n" for number in range(1, 20_001)))
    assert main.run(["join", str(tmp_path)]) == 1
    assert "bytes are free, and 5,368,709,120,000 are needed" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == [part.name, f"{NAME}.parts"]


def test_thousands_of_wrong_parts_are_told_in_few_words_and_soon(tmp_path):
    lines = []
    for number in range(1, 3001):
        name = f"{NAME}.{number:04d}"
        (tmp_path / name).write_bytes(b"%d" % number)
        lines.append(f"{hashlib.sha256(b'another %d' % number).hexdigest()}  {name}\n")
    (tmp_path / f"{NAME}.parts").write_text("".join(lines))
    started = time.process_time()
    with pytest.raises(IntegrityError, match=r"part 10 of 3,000: .*; and 2,990 more$") as caught:
        assemble([str(tmp_path)])
    assert caught.value.hint.endswith(" and 2,900 more")
    assert time.process_time() - started < 10, "the list was read again for every part"


def test_thousands_of_parts_without_a_list_are_put_in_order_soon(tmp_path):
    """Their names say the opposite of what their sizes say."""
    pack = zstandard.ZstdCompressor(write_checksum=True).compress
    frames = [pack(os.urandom(40 + number % 200)) for number in range(3000)]
    table = seek_table((len(frame), 40 + number % 200) for number, frame in enumerate(frames))
    for number, frame in enumerate(frames):
        (tmp_path / f"{NAME}.{len(frames) - number:04d}").write_bytes(frame + (table if number == len(frames) - 1 else b""))
    started = time.process_time()
    assembly = assemble([str(tmp_path)])
    assert assembly.size == sum(map(len, frames)) + len(table)
    assert len(assembly.pieces) == len(frames)
    assert time.process_time() - started < 10


@given(st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_a_name_in_a_list_is_one_line(name):
    """What is signed vouches for no other file that its name tells."""
    line = sums_line(name, "0" * 64)
    assert line.count(b"\n") == 1
    assert parse_list(line) == [(name, "0" * 64)]


def test_a_checksum_vouches_for_one_file_only(tmp_path, monkeypatch):
    evil = "e" * 64
    path = made(tmp_path / f"a\n{evil}  b.tar.zst", large=100)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    assert main.run(["seal", str(path), "--sign", str(tmp_path / "key")]) == 0
    text = (tmp_path / f"{path.name}.sha256").read_bytes()
    assert text.count(b"\n") == 1
    assert b"\n" + evil.encode() not in text
    monkeypatch.chdir(tmp_path)
    subprocess.run(["sha256sum", "-c", "--strict", f"{path.name}.sha256"], check=True, capture_output=True)
