"""The guides for the three people: every command in them is one that the program takes, and every verdict one that it knows."""

import os
import re
import shlex

import click
import pytest

from diagbundle.analyse.knowledge import built_in
from diagbundle.analyse.registry import known
from diagbundle.cli.group import COMMANDS, program

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GUIDES = ("README.md", "docs/admin.md", "docs/support.md", "docs/engineer.md")
PLACES = re.compile(r"^\$ (?:sudo )?(?:\./)?(diagbundle .*)$|`(?:sudo )?(?:\./)?(diagbundle [a-z]+ [^`]*)`", re.MULTILINE)


def text(guide):
    with open(os.path.join(TOP, guide), encoding="utf-8") as file:
        return file.read()


LINES = [(guide, found[1] or found[2]) for guide in GUIDES for found in PLACES.finditer(text(guide))]


def test_there_are_many():
    assert all(sum(guide == each for guide, _ in LINES) > 5 for each in GUIDES)


@pytest.mark.parametrize(("guide", "line"), LINES)
def test_the_program_takes_every_command(guide, line):
    words = shlex.split(line.split(" | ")[0].replace("…", ""))[1:]
    assert words[0] in COMMANDS, guide
    top = click.Context(program, info_name="diagbundle")
    command = program.get_command(top, words[0])
    shown_alone = [word for word in words[1:] if not word.startswith("-")] == []
    try:
        command.make_context(words[0], words[1:], parent=top)
    except click.MissingParameter:
        assert shown_alone or "`" + line + "`" in text(guide), "a whole line of a terminal names what it is about"


@pytest.mark.parametrize("guide", GUIDES)
def test_every_verdict_is_known(guide):
    codes = {rule.code for rule in known().rules} | {rule.code for rule in built_in()}
    assert set(re.findall(r"\b(?!SHA)[A-Z]{3}\d{3}\b", text(guide))) <= codes


@pytest.mark.parametrize("guide", GUIDES)
def test_every_link_leads_somewhere(guide):
    for target in re.findall(r"\]\(([^)#:]+)\)", text(guide)):
        assert os.path.exists(os.path.join(TOP, os.path.dirname(guide), target)), target


def test_nothing_was_left_to_be_filled_in():
    assert [guide for guide in GUIDES if re.search(r"^@@", text(guide), re.MULTILINE)] == []
