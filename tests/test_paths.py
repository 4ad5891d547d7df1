"""Files that users name: what is said where one cannot be read, and that no other one is overwritten."""

import errno
import os

import pytest

from diagbundle import paths
from diagbundle.redact import tree
from diagbundle.redact.redactor import Redactor


@pytest.fixture(params=[None, *paths._NO_LINKS])
def two(tmp_path, request, monkeypatch):
    """Two files, on file systems with links and on such without them."""
    if request.param:

        def refused(*_):
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(os, "link", refused)
    for name in ("before", "taken"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_a_file_gets_its_name(two):
    paths.rename(two / "before", two / "after")
    assert sorted(os.listdir(two)) == ["after", "taken"]
    assert (two / "after").read_text() == "before"


def test_a_name_that_is_taken_stays_whose_it_is(two):
    with pytest.raises(FileExistsError):
        paths.rename(two / "before", two / "taken")
    assert (two / "taken").read_text() == "taken"
    assert (two / "before").read_text() == "before"


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError):
        paths.rename(tmp_path / "nothing", tmp_path / "after")


def test_a_file_that_appears_while_a_folder_is_redacted_stays(tmp_path, monkeypatch):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "x.log").write_text("a line\n")
    redact = tree.redact_descriptor

    def slowly(*given):
        (target / "x.log").write_text("of another program\n")
        return redact(*given)

    monkeypatch.setattr(tree, "redact_descriptor", slowly)
    assert tree.redact_tree(Redactor(), str(source), str(target)).files == 1
    assert {path.name: path.read_text() for path in target.iterdir()} == {"x.log": "of another program\n", "x.log.2": "a line\n"}


@pytest.mark.parametrize(
    ("number", "said", "hint"),
    [
        (errno.ENOENT, "there is no such map: nofile", "lay it there"),
        (errno.ENOTDIR, "there is no such map: nofile", "lay it there"),
        (errno.EISDIR, "this is a folder, and a map is wanted: nofile", "name the file itself"),
        (errno.EACCES, "you may not read this map: nofile", "ask its owner, or try as root"),
        (errno.EIO, "the map cannot be read: nofile: Input/output error", ""),
    ],
)
def test_why_a_file_cannot_be_read_is_said_in_our_words(number, said, hint):
    error = paths.unread("nofile", OSError(number, os.strerror(number)), "map", "lay it there")
    assert (str(error), error.hint) == (said, hint)


def test_a_name_that_is_nearly_right_is_told(tmp_path):
    (tmp_path / "db1.names").touch()
    assert paths.unread(str(tmp_path / "db1.name"), FileNotFoundError()).hint == f"did you mean {tmp_path / 'db1.names'}?"
