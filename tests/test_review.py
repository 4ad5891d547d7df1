"""What leaves with a bundle, told to whoever approves it: nothing is left out, nothing of a stranger is more than text."""

import hashlib
import json
import os
import pathlib
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_reader import BAD, GOOD, make, vector

from diagbundle import redact
from diagbundle.bundle.reader import Bundle
from diagbundle.cli.group import program
from diagbundle.cli.review import command
from diagbundle.errors import BundleError, OutputError, UsageError
from diagbundle.redact import span
from diagbundle.report import categories, leaving
from diagbundle.report.paper import NEVER
from diagbundle.sources import never

TOP = pathlib.Path(__file__).parent.parent
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def run(*words):
    return CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)


def config(**settings):
    return make.Member(
        "diagbundle/config.json", json.dumps({"redact": True, "pseudonyms": False} | settings).encode(), {"collector": "diagbundle"}
    )


@pytest.fixture
def bundle(tmp_path):
    """Writes a bundle of these members, and gives its path."""

    def made(*members, name="b.tar.zst", **how):
        path = tmp_path / name
        path.write_bytes(make.Composer([*members], **how).build())
        return path

    return made


# -- nothing is hidden from the reader


def test_every_collector_is_of_one_category():
    names = [path.stem for path in (TOP / "collectors").iterdir() if path.suffix in (".py", ".toml") and not path.name.startswith("_")]
    told = [name for category in categories.CATEGORIES for name in category.collectors]
    assert len(told) == len(set(told))
    assert set(names) <= set(told)


def test_words_of_other_rooms_are_the_same():
    assert redact
    assert (leaving.MARK, leaving.IDENTIFIERS) == (span.MARK, span.IDENTIFIERS)
    assert NEVER.keys() <= never.NEVER.keys()


@pytest.mark.parametrize("name", GOOD)
def test_every_byte_is_told_of(name):
    with Bundle.open(vector(name)) as opened:
        told = leaving.leaving(opened)
        rows = [*(row for row in opened.rows() if "header" in row), *opened.own_rows()]
        assert (told.items, told.size) == (len(rows), sum(row["size"] for row in rows))
        listed = [row["path"] for group in told.groups for row, _ in leaving.items_of(opened, group)]
    assert sorted(listed) == sorted(row["path"] for row in rows)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("words", [(), ("--all",), ("--format", "json", "--all")])
def test_every_good_vector_is_told_in_every_form(name, words):
    result = run(vector(name), *words)
    assert result.exception is None
    assert all(line.isprintable() for line in result.stdout.split("\n"))
    if "json" in words:
        told = json.loads(result.stdout)
        assert len(told["entries"]) == told["items"]


def test_a_vendors_collector_has_a_category_of_its_own(bundle):
    told = json.loads(run(bundle(make.Member("opt/acme/x", b"1\n", {"collector": "acme"})), "--format", "json").stdout)
    assert told["groups"][0]["title"] == "Asked for by the collector acme"


def test_a_forgers_many_collectors_are_counted(bundle):
    members = [make.Member(f"x/{n}", b"", {"collector": f"c{n}"}) for n in range(200)]
    told = json.loads(run(bundle(*members), "--format", "json", "--all").stdout)
    assert len(told["groups"]) <= leaving.MAX_VENDORS + len(categories.CATEGORIES) + 2
    assert told["items"] == 202


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_bundle_is_not_reviewed(name):
    assert isinstance(run(vector(name)).exception, BundleError)


# -- which file, and what of its secrets


def test_the_checksum_is_of_the_file_and_is_compared_with_the_one_beside_it(bundle):
    path = bundle(*make.small())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    said = run(path).stdout
    assert digest in said.replace(" ", "").replace("\n", "")
    assert "agrees with" not in said
    beside = path.with_name("b.tar.zst.sha256")
    beside.write_text(f"{digest}  b.tar.zst\n")
    assert "agrees with the file .sha256 beside it" in run(path).stdout
    beside.write_text(f"{'0' * 64}  b.tar.zst\n")
    assert "does not match the checksum" in str(run(path).exception)


@pytest.mark.parametrize(
    ("said", "words"),
    [({}, "2 secrets in 1 item."), ({"redact": False}, "NOTHING WAS HIDDEN"), ({"redact": "no"}, "NOT KNOWN"), ({"pseudonyms": True}, "replaced by stand-ins"),
     ({"pseudonyms": False}, "the name of this host (db1)"), ({"pseudonyms": []}, "Not known")],
)  # fmt: skip
def test_redaction_is_told_as_it_was(said, words, bundle):
    path = bundle(config(**said), make.Member("var/log/x", b"a\n", {"redacted": {"password": 2, "ipv4": 7}}))
    assert words in " ".join(run(path).stdout.split())


def test_without_its_settings_a_bundle_is_not_called_redacted(bundle):
    assert "NOT KNOWN" in run(bundle(*make.small())).stdout


def test_kinds_are_told_in_words_and_identifiers_apart(bundle):
    path = bundle(config(), make.Member("var/log/x", b"a\n", {"redacted": {"github_token": 2, "ipv4": 7, "name": 4, "acme_key": 1}}))
    said = run(path).stdout
    assert "3 secrets in 1 item." in said
    assert "Token of GitHub" in said
    assert "acme key" in said


def test_lines_to_look_at_are_named_but_never_shown(bundle):
    word = "Zq"
    suspects = [{"line": 7, "word": word, "why": "random-looking text"}] * 9
    path = bundle(config(), make.Member("var/log/x", b"a\n", {"suspects": suspects}))
    for words in ((), ("--all",), ("--format", "json")):
        said = run(path, *words).stdout
        assert word not in said
    assert "9 lines that may hold a secret" in run(path).stdout
    assert "var/log/x:7  random-looking text" in run(path).stdout


def test_lines_are_shown_as_they_leave(bundle):
    log = b"first line of it\npassword=REDACTED_password_1a2b3c4d \x1b[31m\n"
    path = bundle(config(), make.Member("var/log/x", log, {"redacted": {"password": 1}}))
    told = json.loads(run(path, "--format", "json").stdout)
    sample = next(group for group in told["groups"] if group["title"] == "Logs")["samples"][0]
    assert sample == {"path": "var/log/x", "line": 2, "text": "password=REDACTED_password_1a2b3c4d \x1b[31m"}
    assert "REDACTED_password_1a2b3c4d \\x1b[31m" in run(path).stdout


def test_binary_filling_and_empty_files_give_no_lines(bundle):
    members = [
        make.Member("var/log/a", b"\0" * 99),
        make.Member("var/log/b"),
        make.Member("var/log/c", b"\n" * 9),
        make.Member("var/log/d", b"x"),
    ]
    told = json.loads(run(bundle(*members), "--format", "json").stdout)
    assert [sample["path"] for sample in told["groups"][0]["samples"]] == ["var/log/d"]


def test_a_partial_bundle_is_reviewed_and_ends_with_3():
    result = run(vector("partial"))
    assert result.return_value == 3
    assert "whole      no: " in result.stdout


def test_two_screens_suffice(bundle):
    members = [make.Member(f"x/{n}", b"line of text\n" * 9, {"collector": name}) for n, name in enumerate(sorted(categories._BY_COLLECTOR))]
    assert run(bundle(config(), *members)).stdout.count("\n") <= 100


def test_collect_says_how_to_look_at_it(tmp_path):
    words = [sys.executable, "-m", "diagbundle", "collect", "--yes", "--only", "self", "-o", tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert f"\n  `diagbundle review {done.stdout.strip()}`\n" in done.stderr


# -- the page


def test_the_page_is_for_its_owner_alone_and_never_overwrites(bundle):
    path = bundle(config(), *make.small())
    page = path.with_name("b.review.html")
    assert run(path, "--html").stdout == f"{page}\n"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert isinstance(run(path, "--html").exception, OutputError)
    other = path.with_name("page.html")
    assert run("--html", other, path).exit_code == 0
    assert other.read_text() == page.read_text()
    page.unlink()
    assert run("--html", path).stdout == f"{page}\n"
    assert not list(path.parent.glob("*.part"))


def hostile(bundle):
    """A stranger's markup wherever a page takes something from a bundle."""
    row = {"collector": SCRIPT, "redacted": {SCRIPT: 3}, "suspects": [{"line": 1, "word": "x", "why": SCRIPT}], "reason": SCRIPT}
    lost = [{"collector": "x", "kind": "file", "source": "x", "outcome": "skipped", "reason": SCRIPT}]
    log = f"{SCRIPT} REDACTED_password_1a2b3c4d\n".encode()
    head = {"host": {"name": SCRIPT, "os": SCRIPT, "kernel": SCRIPT, "uid": 0}, "tool": SCRIPT, "case": SCRIPT, "created": SCRIPT, "zone": SCRIPT,
            "finished": SCRIPT, "kit": {"title": SCRIPT}, "removed": {"count": 1, "from": SCRIPT}}  # fmt: skip
    members = [config(redact=False), make.Member(f"var/log/{SCRIPT}".replace("</", "<"), log, row), make.Member("var/log/y", log)]
    return bundle(*members, rows=lost, head=head)


def test_markup_of_a_stranger_stays_text(bundle):
    path = hostile(bundle)
    run(path, "--html", "--all")
    page = path.with_name("b.review.html").read_text()
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") > 8


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_nothing_runs_nothing_is_asked_and_nothing_is_cut_off(bundle, chromium, scheme):
    path = hostile(bundle)
    run(path, "--html", "--all")
    said, asked = [], []
    page = chromium.new_page(viewport={"width": 375, "height": 800}, color_scheme=scheme)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.with_name("b.review.html").as_uri())
    assert SCRIPT in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelectorAll('main script, main img').length") == 0
    assert page.pdf()[:5] == b"%PDF-"
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


# -- the bundle without what was struck out


def test_the_new_bundle_lies_beside_the_old_one(bundle):
    path = bundle(config(), *make.small(), name="b.partial.tar.zst")
    before = path.read_bytes()
    result = run(path, "--remove", "var/log/messages")
    new = path.with_name("b-reviewed.partial.tar.zst")
    assert result.stdout == f"{new}\n"
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert path.read_bytes() == before
    digest = hashlib.sha256(new.read_bytes()).hexdigest()
    assert new.with_name(f"{new.name}.sha256").read_text() == f"{digest}  {new.name}\n"
    assert "1 item struck out" in result.stderr
    assert digest in result.stderr
    said = run(new).stdout
    assert "1 item struck out of it" in said
    assert hashlib.sha256(before).hexdigest() in said
    assert sorted(os.listdir(path.parent)) == sorted([path.name, new.name, f"{new.name}.sha256"])
    assert isinstance(run(path, "--remove", "etc").exception, OutputError)
    assert "1 file struck out of it before it left" in CliRunner().invoke(program, ["verify", str(new)]).output
    assert "struck out" not in CliRunner().invoke(program, ["verify", str(path)]).output


def test_a_folder_takes_it_too(bundle, tmp_path):
    (tmp_path / "out").mkdir()
    assert run(bundle(*make.small()), "--remove", "etc", "-o", tmp_path / "out").stdout == f"{tmp_path}/out/b-reviewed.tar.zst\n"


def test_a_list_names_what_goes(bundle, tmp_path):
    path = bundle(*make.small())
    (tmp_path / "list").write_text("etc/os-release\n\nvar/log/*\n")
    run(path, "--remove-file", tmp_path / "list", "-o", tmp_path / "n.tar.zst")
    with Bundle.open(str(tmp_path / "n.tar.zst")) as opened:
        assert opened.head["removed"]["count"] == 3


@pytest.mark.parametrize(
    "words",
    [(), ("{b}", "-o", "x"), ("{b}", "--remove", "etc", "--all"), ("{b}", "--remove", "etc", "--html"), ("{b}", "--remove", "nothing"),
     ("{b}", "--remove", ""), ("{b}", "--remove", "etc", "--remove", "nope"), ("{b}", "--remove-file", "/nowhere"), ("/nowhere",)],
)  # fmt: skip
def test_what_cannot_be_done_is_said_before_anything_is_written(words, bundle):
    path = bundle(*make.small())
    before = sorted(os.listdir(path.parent))
    assert isinstance(run(*(word.format(b=path) for word in words)).exception, UsageError)
    assert sorted(os.listdir(path.parent)) == before


def test_a_disk_that_says_no_leaves_nothing_behind(bundle, monkeypatch):
    path = bundle(*make.small())
    monkeypatch.setattr("os.fsync", lambda _fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert isinstance(run(path, "--remove", "etc").exception, OutputError)
    assert os.listdir(path.parent) == [path.name]


# -- strangers' rows

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one, max_size=3),
)
ROW = st.sampled_from(["collector", "kind", "redacted", "suspects", "reason", "link", "short", "source", "target", "sample", "struck"])
HEAD = st.sampled_from(["host", "kit", "removed", "created", "finished", "case", "tool", "reason"])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(ROW, JSON), st.dictionaries(HEAD, JSON), JSON, st.sampled_from([(), ("--all",), ("--format", "json", "--all")]))
def test_no_row_and_no_head_makes_it_fail(bundle, row, head, settings_said, words):
    told = make.Member("diagbundle/config.json", json.dumps(settings_said).encode())
    path = bundle(told, *make.small(), rows=make.lost(), head=head, tweak_rows=make.changed(1, **row))
    result = run(path, *words)
    assert result.exception is None or isinstance(result.exception, BundleError | SystemExit)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(ROW, JSON), st.dictionaries(HEAD, JSON))
def test_no_row_and_no_head_makes_its_page_fail(bundle, row, head):
    path = bundle(*make.small(), rows=make.lost(), head=head, tweak_rows=make.changed(1, **row))
    path.with_name("b.review.html").unlink(missing_ok=True)
    result = run(path, "--html", "--all")
    assert result.exception is None or isinstance(result.exception, BundleError | SystemExit)
