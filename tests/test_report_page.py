"""Pages: whatever a bundle says stays text and is visible; colours can be told apart; a page has a limit and one file."""

import base64
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser

import pytest
import report_bundles
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.analyse.claims.claim import Claim, Judgement, Standing
from diagbundle.analyse.diagnosis import Diagnosis
from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence.entry import Entry, Head
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.facts.change import Change
from diagbundle.analyse.history.changes import Item, Told
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.log.hearing import Heard
from diagbundle.analyse.log.tally import ERROR, OTHER, WARNING, Counted, Overheard
from diagbundle.analyse.missing.completeness import Gap
from diagbundle.analyse.registry import Registry
from diagbundle.analyse.verdict import Finding, Origin, Severity, Status, Verdict
from diagbundle.cli.main import run
from diagbundle.cli.report import default_name
from diagbundle.report import histogram, page
from diagbundle.report.html import as_html
from diagbundle.report.measures import Bar

TAGS = {
    "html", "head", "meta", "link", "title", "style", "body", "a", "header", "main", "p", "h1", "h2", "h3", "nav", "ul", "ol", "li", "section", "article",
    "span", "code", "strong", "mark", "figure", "figcaption", "details", "summary", "div", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tr",
    "th", "td", "svg", "desc", "path", "rect", "time",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "id", "tabindex", "aria-label", "aria-labelledby", "aria-hidden", "role",
    "data-head", "scope", "open", "viewbox", "preserveaspectratio", "d", "x", "width", "height",
}  # fmt: skip


class Parts(HTMLParser):
    """Every tag and attribute of a page, and its text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text, self.links = set(), set(), "", []
        self.style = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in ("href", "src")]
        self.style += tag == "style"

    def handle_data(self, data):
        self.text += data


def is_harmless(text):
    """A page of ours with nothing in it but text."""
    parts = Parts(text)
    assert parts.tags <= TAGS
    assert parts.attributes <= ATTRIBUTES
    assert all(link.startswith("#") or link == "data:," for link in parts.links)
    assert parts.style == 1
    assert all(line.isprintable() for line in text.split("\n"))
    text.encode()
    return parts


@pytest.fixture
def hostile(tmp_path):
    return report_bundles.hostile(tmp_path / "x.tar.zst")


def test_what_a_stranger_says_stays_text(hostile, tmp_path, capsys):
    assert run(["report", hostile]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/x.html\n"
    assert os.stat(tmp_path / "x.html").st_mode & 0o777 == 0o600
    parts = is_harmless((tmp_path / "x.html").read_text())
    for word in (
        "<script>alert(1)</script>",
        "onerror=alert(1)",
        "</style><script>alert(2)</script>",
        "\\u202e",
        "{{ 7*7 }}",
        "a\\x1b[31m\\x00\\x7f",
    ):
        assert word in parts.text


ODD = st.text(st.one_of(st.characters(), st.sampled_from("<>&\"'`\n\r\t\x00\u202e\ufeff")), max_size=40)
NUMBER = st.one_of(st.floats(), st.integers(-(1 << 70), 1 << 70))
TIME = st.one_of(st.floats(-1e12, 1e12), st.sampled_from([0.0, 1772704800.0]))


@st.composite
def findings(draw):
    origins = [Origin(draw(ODD), draw(st.integers(0, 1 << 40)), draw(ODD)) for _ in range(draw(st.integers(1, 15)))]
    words = [draw(ODD) for _ in range(4)]
    return Finding(draw(st.sampled_from(Severity)), words[0], tuple(origins), words[1], words[2], words[3], draw(TIME), draw(TIME))


class Made(Overheard):
    """Evidence without any bundle."""

    def __init__(self, entries, about, head, logs, errors):
        self._evidence, self._logs = self, set()
        self.name, self.head, self.entries, self.about, self.read = head.name, head, entries, about, 12
        self.logs, self.errors = logs, errors


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_page_can_be_made_of_anything(data):
    draw = data.draw
    about = About(
        origin=Origin(""),
        now=draw(TIME),
        booted=draw(TIME),
        name=draw(ODD),
        os=draw(ODD),
        kernel=draw(ODD),
        zone=draw(ODD),
        incomplete=draw(ODD),
    )
    verdicts = [Verdict("NET001", draw(ODD), Status.FOUND, draw(findings()), follows=(draw(ODD),)) for _ in range(draw(st.integers(0, 3)))]
    verdicts += [Verdict("DSK001", draw(ODD), Status.UNDECIDED, because=draw(ODD)), Verdict("ABC123", draw(ODD), Status.CLEAR)]
    entries = [
        Entry(
            draw(ODD), there=False, source=draw(ODD), outcome=draw(ODD), reason=draw(ODD), collector=draw(ODD), redacted=((draw(ODD), 3),)
        )
    ]
    log = Counted(draw(ODD), is_exact=draw(st.booleans()), lines=9, undated=draw(st.floats(0, 1e9)))
    for _ in range(draw(st.integers(0, 9))):
        log.add(draw(st.floats(1, 4e9)), draw(st.sampled_from([ERROR, WARNING, OTHER])), draw(st.floats(0.1, 1e6)))
    event = Event(draw(ODD), Origin(draw(ODD), 3, draw(ODD)), draw(st.floats(60, 4e9)), facility=draw(ODD))
    change = Change(draw(TIME), "sysctl", draw(ODD), draw(ODD), by=draw(ODD), origin=Origin(draw(ODD)))
    gap = Gap(draw(ODD), draw(ODD), (Origin("x"),))
    claim = Judgement(Claim("kernel", draw(ODD), draw(ODD)), draw(st.sampled_from(Standing)), draw(ODD), (Origin(draw(ODD), 1, draw(ODD)),))
    facts = {Change: [change]} if change.time else {}
    analysis = Analysis(about, verdicts, {draw(ODD): draw(ODD)}, facts, Heard())
    told = [Told((Item(change, (change.origin,)),))] if 0 < change.time < 1e11 else []
    head = Head(name=draw(ODD), complete=draw(st.booleans()), reason=draw(ODD), tool=draw(ODD))
    evidence = Made(entries, about, head, {log.path: log}, {int(event.time // 60): [event]})
    diagnosis = Diagnosis(analysis, told, [claim], [gap], draw(ODD))
    is_harmless(as_html(evidence, diagnosis, Registry([], [], []), {"size": draw(ODD)}))


@given(ODD)
def test_markup_that_was_joined_hides_nothing(text):
    made = page._environment().from_string(
        '{% import "macros.html" as ui %}{{ "<b>" ~ text }}{{ text|prose }}{{ ui.table(text, [text], [[text]]) }}'
    )
    rendered = made.render(text=text)
    assert all(line.isprintable() for line in rendered.split("\n"))
    assert Parts(rendered).tags <= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "code"}


@given(st.lists(st.tuples(st.text(max_size=3), NUMBER), max_size=8))
def test_a_bar_stays_in_its_frame(parts):
    laid = Bar("x", tuple(parts)).laid
    assert all(0 <= start <= 100.01 and 0 <= length <= 100 and start + length <= 100.02 for _, _, start, length in laid)


def test_the_policy_allows_the_one_style_and_nothing_else():
    text = page._environment().from_string('{% extends "base.html" %}').render()
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    assert not re.search(r"url\(|@import|expression", style)
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_what_is_not_given_to_a_template_is_an_error():
    with pytest.raises(Exception, match="is undefined"):
        page._environment().from_string("{{ nothing }}").render()


# -- colours


def palettes():
    """Colours by name, of light and of dark."""
    with open(os.path.join(os.path.dirname(page.__file__), "templates", "page.css"), encoding="utf-8") as file:
        style = file.read()
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", part)) for part in re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2])
    return {"light": light, "dark": light | dark}


def contrast(first, second):
    """As WCAG 2.2 defines it."""

    def brightness(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((brightness(first), brightness(second)))
    return (high + 0.05) / (low + 0.05)


TEXTS = [(ink, back) for ink in ("ink", "soft", "link") for back in ("page", "paper", "raised")] + [("ink", "mark"), ("soft", "mark")]
TEXTS += [(name, f"{name}-back") for name in ("critical", "warning", "note", "good")]
DRAWN = [(name, "paper") for name in ("error", "caution", "calm", "s1", "s2", "s3", "s4", "s5", "soft")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_drawings_can_be_told_from_what_is_behind_them(scheme):
    colours = palettes()[scheme]
    assert {pair: round(found, 2) for pair in TEXTS if (found := contrast(*(colours[name] for name in pair))) < 4.5} == {}
    assert {pair: round(found, 2) for pair in DRAWN if (found := contrast(*(colours[name] for name in pair))) < 3} == {}


# -- the command


@pytest.mark.parametrize(
    ("bundle", "name"),
    [
        ("a/diagbundle-x.tar.zst", "a/diagbundle-x.html"), ("x.partial.tar.zst", "x.html"), ("x.tar.xz", "x.html"), ("folder/", "folder.html"),
        ("x.tgz", "x.html"), ("odd", "odd.html"), ("x.1.tar.zst", "x.1.html"),
    ],
)  # fmt: skip
def test_the_page_lies_beside_the_bundle(bundle, name):
    assert default_name(bundle) == name


def test_nothing_is_overwritten(hostile, tmp_path, capsys):
    (tmp_path / "x.html").write_text("mine")
    assert run(["report", hostile]) == 1
    assert (tmp_path / "x.html").read_text() == "mine"
    assert "is not overwritten" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["x.html", "x.tar.zst"]


def test_of_a_damaged_bundle_there_is_no_page(hostile, tmp_path):
    with open(hostile, "r+b") as file:
        file.truncate(os.path.getsize(hostile) - 40)
    assert run(["report", hostile]) == 4
    assert os.listdir(tmp_path) == ["x.tar.zst"]


def test_the_bundle_is_named_by_its_checksum(tmp_path):
    path = report_bundles.empty(tmp_path / "e.tar.zst")
    assert run(["report", path, "-o", str(tmp_path / "page.html"), "--claim", "kernel=4.6.2"]) == 0
    text = (tmp_path / "page.html").read_text()
    with open(path, "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() in text
    assert "kernel=4.6.2" in text
    assert "no evidence" in text
    assert 'badge good">' not in text, "a bundle that tells nothing says nothing good"


def test_very_many_items_make_no_large_page(tmp_path):
    path = report_bundles.many(tmp_path / "many.tar.zst", 100_000)
    assert run(["report", path]) == 0
    text = (tmp_path / "many.html").read_text()
    assert len(text.encode()) < 3_000_000
    rows = text.count('<td data-head="outcome"')
    left_out = sum(int(count.replace(",", "")) for count in re.findall(r"([\d,]+) more are not shown", text))
    assert rows + left_out == 100_000
    assert rows > 1000


# -- what is drawn


@given(
    st.lists(st.tuples(st.integers(1, 60_000_000), st.sampled_from([ERROR, WARNING, OTHER]), st.floats(0.5, 1e6)), min_size=1, max_size=30)
)
def test_no_line_is_lost_between_the_columns(said):
    log = Counted("x")
    for minute, severity, lines in said:
        log.add(minute * 60, severity, lines)
    at = histogram.minutes([log])
    found = histogram.whole(at)
    drawn = sum(found.total(each) for each in histogram.STACK)
    assert drawn + found.before == pytest.approx(sum(lines for _, _, lines in said))
    assert found.before <= histogram.RARE * sum(at.values()) * 1.0001
    assert 1 <= len(found.columns) <= histogram.COLUMNS + 2
    assert len(found.ticks) == 7
    assert all(height <= 100.5 for _, path in found.paths() for height in map(float, re.findall(r"\dv-([\d.]+)h", path)))


def test_one_error_among_a_million_lines_is_drawn():
    log = Counted("x")
    log.add(6000, OTHER, 1e6)
    log.add(6000, ERROR, 1)
    path = dict(histogram.whole(histogram.minutes([log])).paths())[ERROR]
    assert float(re.search(r"v-([\d.]+)", path)[1]) > 1


def test_templates_are_found_in_an_archive(tmp_path):
    """As in the static file, where nothing lies in folders."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(page.__file__))))
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for folder, folders, names in os.walk(os.path.join(top, "diagbundle")):
            folders[:] = [name for name in folders if name != "__pycache__"]
            below = os.path.relpath(folder, top)
            wanted = [name for name in names if name.endswith((".py", ".html", ".css"))]
            for name in wanted:
                made.write(os.path.join(folder, name), f"{below}/{name}")
            made.writestr(f"{below}/CONTENTS", "\n".join(sorted(wanted)))
    code = f"import sys; sys.path.insert(0, {str(archive)!r}); from diagbundle.report import page; print(page.__file__, len(page._environment().list_templates()))"
    said = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said[0].startswith(str(archive))
    assert int(said[1]) >= 4
