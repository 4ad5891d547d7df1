"""Salvage finds every whole member there is, wherever the file is cut or damaged, and never hangs."""

import contextlib

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_reader import BAD, EDITS, GOOD_BYTES, make, mutated, vector

from diagbundle.bundle.salvage import salvage
from diagbundle.cli.salvage import command
from diagbundle.errors import BundleError, FormatError


class Kept:
    """A sink that keeps all."""

    def __init__(self):
        self.files = {}

    def begin(self, header):
        self.name, self.open = header.name.split(b"/", 1)[1].decode("utf-8", "surrogateescape"), b""
        return True

    def data(self, piece):
        self.open += piece

    def finish(self):
        assert self.name not in self.files
        self.files[self.name] = self.open

    def drop(self):
        pass


def kept(path):
    sink = Kept()
    return salvage(str(path), sink), sink.files


def framed(count):
    """A bundle of many members with a frame each, the frames and their contents."""
    members = [make.Member(f"var/log/{index}", bytes([65 + index]) * 700_000) for index in range(count)]
    composer = make.Composer(members)
    return members, composer, [make.frame(content) for content in composer.contents()]


@pytest.mark.parametrize("name", ["good", "large", "odd-names", "nothing", "partial"])
def test_a_good_bundle_is_found_whole(name):
    found, files = kept(vector(name))
    assert found.whole
    assert found.members == len(files)
    assert "diagbundle/manifest.jsonl" in files


def test_every_cut_gives_the_members_before_it(tmp_path):
    members = {member.name: member.data for member in make.small()}
    path, seen = tmp_path / "x", []
    for size in (*range(40, len(GOOD_BYTES), 97), len(GOOD_BYTES) - 9):
        path.write_bytes(GOOD_BYTES[:size])
        found, files = kept(path)
        assert not found.whole
        assert found.size == size
        assert found.cut >= 0 or not found.sealed
        assert all(members.get(name, data) == data for name, data in files.items())
        seen.append(len(files))
    assert seen == sorted(seen)
    assert seen[-1] == len(members) + 2


def test_one_damaged_frame_costs_its_own_members_only(tmp_path):
    members, composer, frames = framed(5)
    data = bytearray(composer.build())
    data[len(frames[0]) + len(frames[1]) + 40] ^= 1
    (tmp_path / "x").write_bytes(data)
    found, files = kept(tmp_path / "x")
    assert [name for name in files if name.startswith("var")] == [f"var/log/{index}" for index in (0, 1, 3, 4)]
    assert len(found.losses) == 1
    assert found.losses[0].start == len(frames[0]) + len(frames[1])
    assert found.losses[0].end == found.losses[0].start + len(frames[2])
    assert files["var/log/3"] == members[3].data


@pytest.mark.parametrize("at", range(24))
def test_damage_to_a_frames_own_header_is_overcome(at, tmp_path):
    _, composer, frames = framed(3)
    data = bytearray(composer.build())
    data[len(frames[0]) + at] ^= 0xFF
    (tmp_path / "x").write_bytes(data)
    _, files = kept(tmp_path / "x")
    assert {"var/log/0", "var/log/2", "diagbundle/manifest.jsonl"} <= set(files)


def test_a_gap_in_the_middle_is_named(tmp_path):
    _, composer, frames = framed(4)
    data = composer.build()
    (tmp_path / "x").write_bytes(data[: len(frames[0]) + 10] + data[len(frames[0]) + len(frames[1]) :])
    _, files = kept(tmp_path / "x")
    assert {"var/log/0", "var/log/2", "var/log/3"} <= set(files)
    assert "var/log/1" not in files


def test_a_damaged_large_member_is_named_and_those_behind_it_are_had(tmp_path):
    data = bytearray(make.large().build())
    found = bytes(data).index(b"\xa4", bytes(data).index(b"var/log/big"))  # the descriptor of the frame in which it goes on
    data[found + 6] ^= 1
    (tmp_path / "x").write_bytes(data)
    found, files = kept(tmp_path / "x")
    assert found.broken == ["var/log/big"]
    assert "sos_commands/logs/journalctl" in files


@pytest.mark.parametrize("name", ["empty", "gzip", "plain-tar", "foreign", "foreign-sized", "frame-bomb", "frame-unsized"])
def test_what_was_never_a_bundle_is_refused(name):
    with pytest.raises(FormatError):
        kept(vector(name))


@pytest.mark.parametrize("name", BAD)
def test_bad_vectors_give_no_evil(name):
    try:
        _, files = kept(vector(name))
    except BundleError:
        return
    assert not any(
        b"evil" in data
        for path, data in files.items()
        if path not in ("diagbundle/manifest.jsonl", "diagbundle/SHA256SUMS") and not name.startswith("name-outside")
    )


def test_a_field_of_false_frames_does_not_hang(tmp_path):
    """Every twelve bytes a frame seems to begin, whose blocks lead through the whole file before it proves false."""
    false = make.ZSTD + b"\xa4" + (8 << 20).to_bytes(4, "little") + (99_993 << 3).to_bytes(3, "little")
    (tmp_path / "x").write_bytes(GOOD_BYTES[:3600] + false * 50_000)
    found, _ = kept(tmp_path / "x")
    assert "given up" in found.losses[-1].why


@given(EDITS, st.integers(0, len(GOOD_BYTES)))
@settings(max_examples=120, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_raises_anything_but_a_refusal(tmp_path_factory, edits, size):
    path = tmp_path_factory.mktemp("mutated") / "x"
    path.write_bytes(mutated(edits)[:size])
    with contextlib.suppress(BundleError):
        kept(path)


def test_the_command_names_whole_files_and_the_cut(tmp_path):
    result = CliRunner().invoke(command, [vector("cut-in-data")])
    assert result.exit_code == 4
    assert [line.split()[-1] for line in result.stdout.splitlines()] == ["etc/os-release", "proc/net/dev", "var/log/empty"]
    assert "not whole: var/log/messages" in result.stderr
    assert "ends at byte 3,600" in result.stderr
    result = CliRunner().invoke(command, [vector("cut-in-data"), "-o", str(tmp_path / "x")])
    assert result.stdout == f"{tmp_path / 'x'}\n"
    assert (tmp_path / "x/etc/os-release").read_bytes() == make.small()[0].data


def test_a_whole_bundle_ends_well():
    assert CliRunner().invoke(command, [vector("good")]).exit_code == 0
