"""Documents that are made from the code say what the code says, and commands that documents name exist."""

import os
import re
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def text_of(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


def test_the_lists_of_collectors_and_rules_are_up_to_date():
    command = [sys.executable, os.path.join(TOP, "packaging", "make_docs.py"), "--check"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/FORMAT.md", "docs/ANALYSIS.md"])
def test_files_and_targets_that_a_document_names_exist(document):
    text = text_of(document)
    targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"`make ([\w-]+)", text)) <= targets
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    below = os.path.join(TOP, os.path.dirname(document))
    assert [link for link in links if not os.path.exists(os.path.join(below, link))] == []


def test_every_decision_has_context_decision_and_consequence():
    folder = os.path.join(TOP, "docs", "adr")
    names = sorted(os.listdir(folder))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    for name in names:
        text = text_of("docs", "adr", name)
        assert [part for part in ("## Context", "## Decision", "## Consequence") if part not in text] == [], name
