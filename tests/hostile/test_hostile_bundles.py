"""Every hostile bundle, put to every command of the desk, as root and as a user: refused with a reason, or harmless."""

import itertools
import os
import re

import pytest
from hostile_bundles import BUNDLES, make
from hostile_desk import COMMANDS, SHORT, agree, put_to

VECTORS = [f"vector {name}" for name in sorted(make.expectations())]
WHO = ("root", "user")
ALIKE = ("-beyond", "-half", "-float", "-infinite", "-object", "-text")
"""Lies of which the other tellings suffice where there is little time."""
FEW = [name for name in BUNDLES if not name.endswith(ALIKE)]
HERE = WHO if os.geteuid() == 0 else ("user",)


def bundle(name):
    """Bytes of a bundle, how `verify` must end, and what it must say."""
    if not name.startswith("vector "):
        made, code, says = BUNDLES[name]
        return made(), code, says
    name = name.removeprefix("vector ")
    with open(os.path.join(os.path.dirname(make.__file__), f"{name}.tar.zst"), "rb") as file:
        return file.read(), make.expectations()[name]["exit"], ""


def check(desk, name, commands):
    data, code, says = bundle(name)
    ended = put_to(desk, data, commands)
    verify = ended["verify"]
    assert code in (None, verify.code), verify
    assert re.search(says, verify.err + verify.out.decode()), verify
    agree(ended)


@pytest.mark.parametrize(("name", "desk"), list(zip(FEW, itertools.cycle(HERE), strict=False)), indirect=["desk"])
def test_a_hostile_bundle_does_no_harm(name, desk):
    """To one command of each kind, as one of the two users, in turn."""
    check(desk, name, SHORT)


@pytest.mark.slow
@pytest.mark.parametrize("desk", WHO, indirect=True)
@pytest.mark.parametrize("name", [*BUNDLES, *VECTORS])
def test_nor_to_any_command_nor_as_any_user(name, desk):
    check(desk, name, COMMANDS)
