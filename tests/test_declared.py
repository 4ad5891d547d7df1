"""A TOML collector becomes what it says, and what it does not know it refuses, with the file, the key and a hint."""

import os

import pytest

from diagbundle.collect.declared import parse, read
from diagbundle.errors import UsageError
from diagbundle.host import Host
from diagbundle.model import Command, File, Probe, Stage
from diagbundle.trust import MAX_SIZE

WHOLE = b"""
title = "Network interfaces and their counters"
stage = "volatile"
folder = "networking"
needs = "anyone"
default = false

[[file]]
paths = ["/etc/os-release", "/etc/*release"]
timeout = 7
only_if = "/etc"

[[file]]
paths = ["/proc/uptime"]
at = "uptime"
also = ["up"]

[[command]]
argv = ["ethtool", "-S", "{}"]
each = "/sys/class/net/*"
timeout = 2.5
folder = "ethtool"
limit = 0
both = true

[[sample]]
paths = ["/proc/net/dev"]

[[sample]]
argv = ["nstat", "-az"]
also = ["nstat"]

[[probe]]
kind = "tcp"
target = "db.example:5432"
"""


def test_every_key_arrives(tmp_path):
    found = parse(WHOLE, "/etc/x/network.toml")
    host = Host(root=str(tmp_path))
    assert (found.name, found.title) == ("network", "Network interfaces and their counters")
    assert (found.stage, found.folder, found.needs, found.default) == (Stage.VOLATILE, "networking", "anyone", False)
    assert found.origin == "/etc/x/network.toml"
    assert list(found.sources(host)) == [
        File("/etc/os-release", timeout=7, only_if="/etc"),
        File("/etc/*release", timeout=7, only_if="/etc"),
        File("/proc/uptime", at="uptime", also=("up",)),
        Command(("ethtool", "-S", "{}"), each="/sys/class/net/*", timeout=2.5, folder="ethtool", limit=0, both=True),
        Probe("tcp", "db.example:5432", named_by="/etc/x/network.toml"),
    ]
    assert list(found.samples(host)) == [File("/proc/net/dev"), Command(("nstat", "-az"), also=("nstat",))]


def test_what_is_not_said_is_as_the_model_says(tmp_path):
    found = parse(b'title = "One"\n[[file]]\npaths = ["/a"]', "one.toml")
    assert (found.stage, found.folder, found.needs, found.default) == (Stage.STATE, "", "root", True)
    assert list(found.sources(Host(root=str(tmp_path)))) == [File("/a")]
    assert list(found.samples(Host(root=str(tmp_path)))) == []


ONE = 'title = "One"\n'
REFUSED = {
    "unknown key at the top": (ONE + "[[commands]]\nargv = ['ip']", "unknown key: 'commands'", "did you mean 'command'?"),
    "unknown key in a table": (ONE + "[[command]]\nargs = ['ip']", "[[command]] 1: unknown key: 'args'", "did you mean 'argv'?"),
    "path for paths": (ONE + "[[file]]\npath = '/x'", "[[file]] 1: unknown key: 'path'", "did you mean 'paths'?"),
    "nothing near": (ONE + "[[probe]]\nzzzzzz = 1", "unknown key: 'zzzzzz'", "known are: kind, only_if, options, target, timeout"),
    "no title": ("[[file]]\npaths = ['/x']", "'title' is missing", ""),
    "an empty title": ("title = ' '\n[[file]]\npaths = ['/x']", "'title' must be one line of text: ' '", ""),
    "a title of two lines": ('title = "a\\nb"\n[[file]]\npaths = ["/x"]', "'title' must be one line of text", ""),
    "unknown stage": (
        ONE + "stage = 'log'\n[[file]]\npaths = ['/x']",
        "'stage' must be one of volatile, state, logs: 'log'",
        "did you mean 'logs'?",
    ),
    "stage of a wrong type": (ONE + "stage = ['logs']\n[[file]]\npaths = ['/x']", "'stage' must be one of", ""),
    "needs": (ONE + "needs = 'admin'\n[[file]]\npaths = ['/x']", "'needs' must be one of anyone, root", ""),
    "default": (ONE + "default = 1\n[[file]]\npaths = ['/x']", "'default' must be true or false: 1", ""),
    "folder outside": (ONE + "folder = '../x'\n[[file]]\npaths = ['/x']", "'folder' must be the name of a folder", ""),
    "one bracket": (ONE + "[file]\npaths = ['/x']", "'file' must be a table with two brackets", ""),
    "asks for nothing": (ONE, "asks for nothing", "[[file]]"),
    "argv is a string": (ONE + "[[command]]\nargv = 'ip link'", "[[command]] 1: 'argv' must be a list of words", ""),
    "argv is empty": (ONE + "[[command]]\nargv = []", "'argv' must be a list of words", ""),
    "argv without a program": (ONE + "[[command]]\nargv = ['']", "'argv' must be a list of words", ""),
    "argv with a number": (ONE + "[[command]]\nargv = ['ping', 3]", "'argv' must be a list of words", ""),
    "argv with NUL": (ONE + '[[command]]\nargv = ["a\\u0000b"]', "'argv' must be a list of words", ""),
    "argv is missing": (ONE + "[[command]]\ntimeout = 3", "[[command]] 1: 'argv' is missing", ""),
    "the second one": (ONE + "[[command]]\nargv=['a']\n[[command]]\nargv='a'", "[[command]] 2: 'argv'", ""),
    "paths is a string": (ONE + "[[file]]\npaths = '/x'", "'paths' must be a list of absolute paths", ""),
    "a relative path": (ONE + "[[file]]\npaths = ['etc/x']", "'paths' must be a list of absolute paths", ""),
    "a path that climbs": (ONE + "[[file]]\npaths = ['/a/../b']", "'paths' must be a list of absolute paths", ""),
    "no path": (ONE + "[[file]]\npaths = []", "'paths' must be a list of absolute paths", ""),
    "timeout is text": (ONE + "[[file]]\npaths = ['/x']\ntimeout = '5'", "'timeout' must be a number of seconds", ""),
    "timeout is 0": (ONE + "[[file]]\npaths = ['/x']\ntimeout = 0", "'timeout' must be a number of seconds", ""),
    "timeout never": (ONE + "[[file]]\npaths = ['/x']\ntimeout = inf", "'timeout' must be a number of seconds", ""),
    "timeout is no number": (ONE + "[[file]]\npaths = ['/x']\ntimeout = nan", "'timeout' must be a number of seconds", ""),
    "timeout is true": (ONE + "[[file]]\npaths = ['/x']\ntimeout = true", "'timeout' must be a number of seconds", ""),
    "both is no boolean": (ONE + "[[command]]\nargv = ['a']\nboth = 'yes'", "'both' must be true or false", ""),
    "limit below 0": (ONE + "[[command]]\nargv = ['a']\nlimit = -1", "'limit' must be a number of bytes", ""),
    "at with a glob": (ONE + "[[file]]\npaths = ['/x*']\nat = 'x'", "'at' and 'also' go with a single path", ""),
    "at with two paths": (ONE + "[[file]]\npaths = ['/x', '/y']\nat = 'x'", "'at' and 'also' go with a single path", ""),
    "at outside": (ONE + "[[file]]\npaths = ['/x']\nat = '../x'", "'at' must be a relative path in the bundle", ""),
    "at in our own folder": (
        ONE + "[[file]]\npaths = ['/x']\nalso = ['diagbundle/manifest.jsonl']",
        "'also' must be a list of relative",
        "",
    ),
    "each without {}": (ONE + "[[command]]\nargv = ['a']\neach = '/x/*'", "'each' goes with a {} in argv", ""),
    "{} without each": (ONE + "[[command]]\nargv = ['a', '{}']", "'each' goes with a {} in argv", ""),
    "each at one place": (ONE + "[[command]]\nargv = ['a', '{}']\neach = '/x/*'\nat = 'x'", "'each' cannot stand beside", ""),
    "a sample of both kinds": (ONE + "[[sample]]\nargv = ['a']\npaths = ['/x']", "'paths' and 'argv' cannot stand in one", ""),
    "a sample of no kind": (ONE + "[[sample]]\ntimeout = 3", "'paths' or 'argv' is missing", ""),
    "a sample with a typing error": (ONE + "[[sample]]\npahts = ['/x']", "[[sample]] 1: unknown key: 'pahts'", "did you mean 'paths'?"),
    "unknown probe": (ONE + "[[probe]]\nkind = 'tpc'\ntarget = 'a:1'", "'kind' must be one of", "did you mean 'tcp'?"),
    "a probe of nothing": (ONE + "[[probe]]\nkind = 'tcp'", "'target' is missing", ""),
    "not TOML": ("title = ", "is not TOML", ""),
}


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused(text, message, hint):
    with pytest.raises(UsageError) as caught:
        parse(text.encode(), "/etc/diagbundle/collectors.d/one.toml")
    assert str(caught.value).startswith("/etc/diagbundle/collectors.d/one.toml")
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(UsageError, match="is not TOML"):
        parse(b'title = "\xff"', "one.toml")


@pytest.mark.parametrize(("name", "proposed"), [("Acme-App.toml", "acme_app"), ("9.toml", "acme"), ("a b.toml", "a_b")])
def test_the_file_is_called_like_its_collector(name, proposed):
    with pytest.raises(UsageError) as caught:
        parse(WHOLE, f"/x/{name}")
    assert caught.value.hint == f"call it '{proposed}.toml'"


def test_a_file_that_is_too_large_or_none_is_refused(tmp_path):
    path = tmp_path / "one.toml"
    path.write_bytes(WHOLE + b"#" * (MAX_SIZE - len(WHOLE)))
    assert read(str(path)).name == "one"
    path.write_bytes(WHOLE + b"#" * (MAX_SIZE - len(WHOLE) + 1))
    with pytest.raises(UsageError, match="256 KiB at most"):
        read(str(path))
    os.mkfifo(tmp_path / "two.toml")
    with pytest.raises(UsageError, match="regular file"):
        read(str(tmp_path / "two.toml"))
    with pytest.raises(UsageError, match="No such file"):
        read(str(tmp_path / "three.toml"))
