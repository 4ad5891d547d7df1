"""The static file writes the same page as the installed program: templates and their codec come out of its archive."""

import subprocess
import sys

VECTOR = "tests/vectors/good.tar.zst"


def test_the_page_is_the_same(program, tmp_path):
    for name, words in (("static", [program]), ("installed", [sys.executable, "-m", "diagbundle"])):
        subprocess.run([*words, "report", VECTOR, "-o", tmp_path / f"{name}.html"], check=True, timeout=120)
    page = (tmp_path / "static.html").read_text()
    assert '<h2 id="verdicts-h">' in page
    assert page == (tmp_path / "installed.html").read_text()
