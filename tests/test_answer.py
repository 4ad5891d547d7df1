"""Every command that answers programs does it by one option, and by its short form."""

import json
import os

import click
import pytest
from click.testing import CliRunner

from diagbundle.cli.answer import answer_option
from diagbundle.cli.group import COMMANDS, program

VECTOR = os.path.join(os.path.dirname(__file__), "vectors", "partial.tar.zst")


def options(name):
    command = program.get_command(click.Context(program), name)
    return {word: option for option in command.params if isinstance(option, click.Option) for word in option.opts}


ANSWERING = [name for name in COMMANDS if "--json" in options(name)]


def test_these_commands_answer_programs():
    assert set(ANSWERING) >= {"collect", "plan", "collectors", "check", "analyze", "ticket", "changes", "timeline", "diff", "grep"}
    assert set(ANSWERING) >= {"list", "verify", "review", "redact"}
    assert [name for name in COMMANDS if "--format" in options(name)] == ANSWERING


@pytest.mark.parametrize("name", ANSWERING)
def test_each_does_it_by_the_same_option(name):
    found = options(name)
    assert "json" in found["--format"].type.choices
    assert found["--json"].is_flag
    assert found["--json"].help == "Short for --format json."


@pytest.mark.parametrize("words", [("list", VECTOR), ("verify", VECTOR), ("collectors",), ("review", VECTOR), ("plan", "--only", "os")])
def test_the_short_form_says_the_same(words):
    short, long = (CliRunner().invoke(program, [*words, *form]).stdout for form in (("--json",), ("--format", "json")))
    assert short == long
    assert short.startswith("{")
    json.loads(short if words[0] != "list" else short.splitlines()[0])
    assert CliRunner().invoke(program, [*words, "--format", "text"]).stdout != short


@pytest.mark.parametrize(
    ("words", "form"), [((), "md"), (("--format", "html"), "html"), (("--json",), "json"), (("--json", "--format", "html"), "json")]
)
def test_the_first_form_is_the_usual_one_and_the_short_form_wins(words, form):
    @click.command
    @answer_option("About.", ("md", "html", "json"))
    def command(form):
        click.echo(form)

    assert CliRunner().invoke(command, words).output == f"{form}\n"
