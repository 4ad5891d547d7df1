"""Collectors are found in four places; what is not safe or not sound is refused and named, and the rest goes on."""

import os

import pytest

from diagbundle.collect.registry import Registry, choose, collector, find
from diagbundle.errors import UsageError
from diagbundle.model import Collector, nothing

TOML = 'title = "Acme"\n[[file]]\npaths = ["/etc/acme.conf"]\n'


def write(path, text=TOML, mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "collectors.d"
    path.mkdir(mode=0o755)
    return path


def test_drop_ins_are_found_and_sorted_by_name(folder):
    write(folder / "zeta_x.toml")
    write(folder / "alpha_x.toml")
    write(folder / "notes.txt", "not a collector")
    write(folder / ".hidden.toml", "broken")
    registry = find(drop_in_folder=str(folder))
    assert list(registry.collectors) == sorted(registry.collectors)
    assert {"alpha_x", "zeta_x"} <= set(registry.collectors)
    assert registry.collectors["zeta_x"].origin == str(folder / "zeta_x.toml")
    assert registry.refused == []


def test_no_folder_is_no_fault(tmp_path):
    assert find(drop_in_folder=str(tmp_path / "none")).refused == find(drop_in_folder="").refused == []


UNSAFE = {
    "the group can write": lambda path: path.chmod(0o660),
    "others can write": lambda path: path.chmod(0o606),
    "the folder is open to others": lambda path: path.parent.chmod(0o757),
    "the folder is open to the group": lambda path: path.parent.chmod(0o775),
    "a link": lambda path: (path.rename(path.with_suffix(".real")), path.symlink_to(path.with_suffix(".real"))),
    "a FIFO": lambda path: (path.unlink(), os.mkfifo(path, 0o600)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("spoil", UNSAFE.values(), ids=UNSAFE)
def test_an_unsafe_file_is_refused_as_drop_in_and_an_error_by_hand(folder, spoil):
    path = folder / "acme_x.toml"
    write(path)
    find([str(path)], drop_in_folder="")
    spoil(path)
    registry = find(drop_in_folder=str(folder))
    assert "acme_x" not in registry.collectors
    assert [origin for origin, _reason in registry.refused] == [str(path)]
    with pytest.raises(UsageError) as caught:
        find([str(path)], drop_in_folder="")
    assert str(folder) in str(caught.value)


def test_a_folder_that_is_a_link_is_refused(folder, tmp_path):
    write(folder / "acme_x.toml")
    (tmp_path / "other").symlink_to(folder)
    registry = find(drop_in_folder=str(tmp_path / "other"))
    assert [reason for _origin, reason in registry.refused] == [
        f"a collector file cannot be read: {tmp_path}/other: it is a link, which is not followed"
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_owner_is_refused(folder):
    path = folder / "acme_x.toml"
    write(path)
    os.chown(path, 12345, 0)
    ((origin, reason),) = find(drop_in_folder=str(folder)).refused
    assert origin == str(path)
    assert reason == f"others than root can write to it: {path} (owner 12345, mode 0600) (chown root {path} && chmod go-w {path})"


def test_a_broken_drop_in_is_recorded_and_the_rest_goes_on(folder):
    write(folder / "bad_x.toml", 'title = "x"\n[[comand]]\n')
    write(folder / "good_x.toml")
    write(folder / "code.py", "raise SystemExit")
    registry = find(drop_in_folder=str(folder))
    assert "good_x" in registry.collectors
    assert registry.refused == [
        (f"{folder}/bad_x.toml", f"{folder}/bad_x.toml: unknown key: 'comand' (did you mean 'command'?)"),
        (f"{folder}/code.py", "only TOML is read here; Python comes as a package with an entry point"),
    ]


def test_a_file_by_hand_must_be_toml(tmp_path):
    with pytest.raises(UsageError, match=r"must be TOML and end in \.toml"):
        find([write(tmp_path / "acme.py")], drop_in_folder="")


def test_two_of_one_name_are_an_error_that_names_both_places(folder, tmp_path):
    first, second = write(folder / "acme_x.toml"), write(tmp_path / "by_hand" / "acme_x.toml")
    with pytest.raises(UsageError) as caught:
        find([second], drop_in_folder=str(folder))
    assert str(caught.value) == f"two collectors are called 'acme_x': {first} and {second}"


# -- choosing


def registry_of(**defaults):
    registry = Registry()
    for name, default in defaults.items():
        registry.add(Collector(name, name, nothing, default=default, origin=f"/x/{name}.toml"))
    return registry


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ({}, "disk networking"),
        ({"only": ["verify"]}, "verify"),
        ({"only": ["networking", "disk"]}, "disk networking"),
        ({"without": ["disk"]}, "networking"),
        ({"with_": ["verify"]}, "disk networking verify"),
        ({"only": ["disk"], "with_": ["verify"]}, "disk verify"),
    ],
)
def test_flags_choose(flags, chosen):
    registry = registry_of(disk=True, networking=True, verify=False)
    assert " ".join(found.name for found in choose(registry, **flags)) == chosen


@pytest.mark.parametrize(
    ("flags", "message", "hint"),
    [
        ({"only": ["netwrk"]}, "no collector is called 'netwrk'", "did you mean 'networking'? `diagbundle collectors` lists all 3"),
        ({"without": ["zzz"]}, "no collector is called 'zzz'", "`diagbundle collectors` lists all 3"),
        ({"with_": ["vrify"]}, "no collector is called 'vrify'", "did you mean 'verify'? `diagbundle collectors` lists all 3"),
        ({"only": ["disk"], "without": ["disk"]}, "a collector is asked for and left out at once: 'disk'", ""),
        ({"without": ["disk", "networking"]}, "no collector is left to ask", "leave out fewer; `diagbundle collectors` lists all"),
    ],
)
def test_flags_that_cannot_be_meant(flags, message, hint):
    with pytest.raises(UsageError) as caught:
        choose(registry_of(disk=True, networking=True, verify=False), **flags)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_asking_for_a_refused_drop_in_tells_why_it_was_refused():
    registry = registry_of(disk=True)
    registry.refused.append(("/etc/diagbundle/collectors.d/acme.toml", "others than root can write to it"))
    with pytest.raises(UsageError) as caught:
        choose(registry, only=["acme"])
    assert caught.value.hint == "/etc/diagbundle/collectors.d/acme.toml was refused: others than root can write to it"


def test_the_decorator_takes_the_name_of_the_function():
    @collector(title="One")
    def one(_host):
        return ()

    assert (one.name, one.title, one.origin) == ("one", "One", __name__)
