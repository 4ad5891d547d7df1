"""Expressions that are compiled when they are needed: all of ours are sound, and they answer like others."""

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

from diagbundle import redact
from diagbundle.redact.lazy import regex

MODULES = [
    module.name
    for module in pkgutil.walk_packages(redact.__path__, "diagbundle.redact.")
    if not module.name.rpartition(".")[2][1:].startswith(("scan", "rewrite"))
]


@pytest.mark.parametrize("name", MODULES)
def test_each_expression_compiles(name):
    for word, value in vars(importlib.import_module(name)).items():
        if type(value) is type(regex("")):
            assert value.groups >= 0, word


def test_it_answers_like_a_compiled_one():
    text, ours, theirs = "A1 b2", regex(r"(?P<word>[a-z])(\d)", re.IGNORECASE), re.compile(r"(?P<word>[a-z])(\d)", re.IGNORECASE)
    assert ours.pattern == theirs.pattern
    assert [each.span("word") for each in ours.finditer(text)] == [each.span("word") for each in theirs.finditer(text)]
    assert ours.groups == theirs.groups == 2
    assert ours.sub("-", text) == theirs.sub("-", text)
    assert ours.fullmatch("x9")[0] == "x9"


def test_what_is_wrong_is_said_when_it_is_asked():
    wrong = regex(b"(")
    with pytest.raises(re.error):
        wrong.match(b"x")
    with pytest.raises(AttributeError):
        _ = wrong.no_such


def test_what_most_texts_ask_can_be_compiled_beforehand():
    code = (
        "import re, sys; from diagbundle.redact.redactor import Redactor; one = Redactor(); asked = []; compile = re.compile\n"
        "re.compile = lambda *how: asked.append(how) or compile(*how)\n"
        "one.warm(); first = len(asked); one.warm(); print(first, len(asked) - first)"
    )
    first, again = map(int, subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert first > 20
    assert again == 0
