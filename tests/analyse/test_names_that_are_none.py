"""JSON can write half of a pair of surrogates, which stands for no bytes: a row that does so costs itself, and nothing else."""

import json

import pytest

from diagbundle.analyse.evidence.entry import entries_of
from diagbundle.bundle.format import name_bytes
from diagbundle.cli import main

HALF = "\ud800"
ROWS = [
    {"kind": "file", "source": HALF, "outcome": "absent"},
    {"kind": "command", "source": [HALF], "outcome": "absent"},
    {"kind": "table", "source": HALF, "outcome": "collected", "path": f"a{HALF}", "link": f"b{HALF}"},
    {"kind": "file", "source": "/x", "outcome": "skipped", "struck": HALF},
    {"kind": "file", "source": "/y", "outcome": "collected", "path": "y", "header": 0, "part": 1},
    {"kind": "file", "source": "/y", "outcome": "collected", "path": f"y{HALF}", "header": 0, "part": 2},
]


@pytest.mark.parametrize("row", ROWS)
def test_what_an_entry_names_stands_for_bytes(row):
    for entry in entries_of(iter([ROWS[4], row])):
        for name in (entry.path, entry.key, entry.source, *entry.parts):
            name_bytes(name)


def test_the_rest_is_analysed(tmp_path, capsys):
    folder = tmp_path / "host/diagbundle"
    folder.mkdir(parents=True)
    (folder / "manifest.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in [{}, *ROWS]))
    assert main.run(["analyze", str(tmp_path / "host")]) in (0, 3)
    assert "Traceback" not in capsys.readouterr().err
