"""The man pages say what --help says, and tools that check pages find nothing."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from diagbundle import config
from diagbundle.cli.group import COMMANDS, program

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "packaging"))
import make_man  # noqa: E402

TEXTS = tomllib.loads(Path(make_man.TEXTS).read_text(encoding="utf-8"))
ROFF = {r"\-": "-", r"\(aq": "'", r"\(ga": "`", r"\(ti": "~", r"\(ha": "^", r"\%": "", r"\&": "", r"\e": "\\"}


def plain(page):
    """What a reader sees of a page, in one line."""
    text = re.sub(r"\\f[BIR]", "", page)
    text = re.sub(r"\\\[u([0-9A-F]{4})\]", lambda found: chr(int(found[1], 16)), text)
    return " ".join(re.sub(r"\\(?:\(..|.)", lambda found: ROFF[found[0]], text).split())


@pytest.fixture(scope="module")
def pages():
    return dict(make_man.pages())


def context(name):
    top = click.Context(program, info_name="diagbundle", **program.context_settings)
    return click.Context(program.get_command(top, name), parent=top, info_name=name)


def test_every_command_has_its_page(pages):
    assert list(pages) == ["diagbundle", *[f"diagbundle-{name}" for name in COMMANDS]]
    for name in COMMANDS:
        assert f"diagbundle-{name}(1)" in plain(pages["diagbundle"])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_help_stands_in_its_page(pages, name):
    ctx, page = context(name), plain(pages[f"diagbundle-{name}"])
    records = [one.get_help_record(ctx) for one in ctx.command.get_params(ctx)]
    for flags, told in filter(None, records):
        assert f".TP {flags} {' '.join(told.replace('`', '').split())}" in page
    assert "--help" in page


@pytest.mark.parametrize("name", COMMANDS)
def test_every_sentence_of_help_stands_in_its_page(pages, name):
    page = plain(pages[f"diagbundle-{name}"])
    for paragraph in re.sub(r"\\b|\x08", "", context(name).command.help).split("\n\n"):
        if "Exit status:" not in paragraph:
            assert " ".join(paragraph.replace("`", "").split()) in page


def test_exit_statuses_are_a_list(pages):
    page = plain(pages["diagbundle"])
    assert all(f".TP {number} " in page for number in range(6))


def test_settings_and_their_defaults_stand_in_the_page_of_the_program(pages):
    page = plain(pages["diagbundle"])
    assert [f".TP {key} = {value} {told.replace('`', '')}" in page for key, value, told in make_man.settings()] == [True] * len(config.KEYS)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_ones_that_the_program_takes(name):
    assert TEXTS[name]["examples"], "say in packaging/linux/pages.toml how it is used"
    for _, line in TEXTS[name]["examples"]:
        for part in re.split(r" \| | > ", line):
            words = shlex.split(part)
            if "diagbundle" in words:
                command, *rest = words[words.index("diagbundle") + 1 :]
                with context(command).command.make_context(command, rest, parent=context(command).parent):
                    pass


def test_pages_that_are_named_exist(pages):
    named = {page for text in TEXTS.values() for page in text.get("see_also", ()) if page.startswith("diagbundle")}
    assert {page.removesuffix("(1)") for page in named} <= set(pages)


def test_texts_belong_to_a_command():
    assert set(TEXTS) - set(COMMANDS) == {"diagbundle", "files", "variables"}


def test_folders_that_are_named_are_those_that_are_read():
    from diagbundle.cli import analysis, redaction
    from diagbundle.collect import registry

    files = {key: path for key, (path, _) in TEXTS["files"].items()}
    assert files["settings"] == config.FILE
    assert files["collectors"] == f"{registry.DROP_INS}/*.toml"
    assert files["rules"] == f"{analysis.OWN_RULES}/*.toml"
    assert files["redaction"] == redaction.RULES


@pytest.mark.parametrize("tool", [("mandoc", "-Tlint"), ("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z")])
def test_tools_find_nothing(pages, tmp_path, tool):
    if not shutil.which(tool[0]):
        pytest.skip(f"{tool[0]} is not installed")
    make_man.main(str(tmp_path))
    for path in sorted(tmp_path.iterdir()):
        found = subprocess.run([*tool, str(path)], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False)
        told = found.stderr + (found.stdout if tool[0] == "mandoc" else "")
        assert (found.returncode, told) == (0, ""), path.name


def test_settings_of_the_package_are_those_of_the_program(tmp_path):
    text = Path(make_man.SETTINGS).read_text(encoding="utf-8")
    assert tomllib.loads(text) == {}, "as it is installed, it changes nothing"
    changed = tmp_path / "all.toml"
    changed.write_text(re.sub(r"^#(\w)", r"\1", text, flags=re.MULTILINE))
    assert config.load({}, {}, str(changed)) == config.Config()
    assert list(tomllib.loads(changed.read_text())) == list(config.KEYS)
    assert [key for key, _, _ in make_man.settings()] == list(config.KEYS), "each has its sentence"
