"""What pages show: every line of every file at its place, and nothing of a stranger that is not text."""

import html
import re

import psutil
import pytest
from desk_of import BIG, EVIL, LINES, NAMES, ODD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PAGES = ["", "files", "file", "bytes", "raw", "search", "timeline", "changes", "missing", "go", "view.css"]


@pytest.mark.parametrize("path", ["var/log/messages", "var/log/uncounted"])
@pytest.mark.parametrize("line", [1, 2, 20, 21, 500, 54_321, 99_999, LINES])
def test_a_line_is_shown_at_its_number(view, path, line):
    answer = view.page("file", path=path, line=line)
    assert f'<li id="L{line}" class="meant">' in answer.text
    assert f"kernel: line {line}<" in answer.text or f"kernel: line {line} needle<" in answer.text
    assert line in answer.numbers
    assert len(answer.numbers) <= 200


def test_behind_the_last_line_stands_the_last_line(view):
    assert view.page("file", path="var/log/messages", line=10**14).numbers[-1] == LINES
    assert view.page("file", path="var/log/uncounted", at="last").numbers[-1] == LINES + 1
    assert "last without end" in view.page("file", path="var/log/uncounted", at="last").text


def test_pages_of_a_file_follow_each_other(view):
    seen, target = [], f"{view.place}file?path=var/log/odd"
    while target:
        answer = view.ask(target)
        seen += answer.numbers
        following = re.search(r'href="([^"]+)" rel="next"', answer.text)
        target = following and view.place + html.unescape(following[1])
    assert seen == [1, 2, 3, 4, 5]
    page = view.page("file", path="var/log/messages", from_=301)
    assert page.numbers == list(range(301, 501))
    before = html.unescape(re.search(r'href="([^"]+)" rel="prev"', page.text)[1])
    assert view.ask(view.place + before).numbers == list(range(101, 301))


@pytest.mark.parametrize("line", [1, 777, 60_000, LINES])
def test_a_byte_is_shown_in_its_line(view, line):
    at = sum(len(each) + 1 for each in BIG.split(b"\n")[: line - 1]) + 3
    assert f'<li id="L{line}" class="meant">' in view.page("file", path="var/log/messages", byte=at).text


def test_long_lines_are_folded_and_their_rest_can_be_had(view):
    page = view.page("file", path="var/log/odd")
    assert len(page.body) < 80_000
    assert f"{len(ODD[2]):,} bytes</summary>" in page.text
    assert f"… and {len(ODD[2]) - (16 << 10):,} bytes more" in page.text


def test_bytes_are_shown_as_they_are(view):
    page = view.page("file", path="var/lib/binary")
    assert "00 01 02 03" in page.text
    assert "0123456789:;&lt;=&gt;?" in page.text
    at = view.page("bytes", path="var/lib/binary", byte=4096 + 37)
    assert "4128  20 21 22" in at.text


def test_a_citation_leads_to_its_line(view):
    answer = view.page("go", to="/var/log/messages:18231")
    assert (answer.status, answer.headers["location"]) == (303, "file?path=var/log/messages&line=18231#L18231")


@pytest.mark.parametrize("name", NAMES)
def test_files_of_any_name_are_found_and_read(view, name):
    path = f"var/log/d/{name}"
    assert "of a strange name" in view.page("file", path=path).text
    raw = view.page("raw", path=path)
    assert raw.body == b"of a strange name\n"
    assert raw.headers["content-type"] == "text/plain; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="[\w.-]+"', raw.headers["content-disposition"])
    folder = view.page("files", folder="var/log/d").text
    links = [html.unescape(each) for each in re.findall(r'href="(file\?[^"]+)"', folder)]
    assert sum("of a strange name" in view.ask(view.place + link).text for link in links) == sum("/" not in each for each in NAMES)


@pytest.mark.parametrize(
    "path", ["../../../../etc/passwd", "/etc/passwd", "etc/passwd", "..", "", ".", "etc", "\0", "var/log/messages\0", "//etc/hostname"]
)
def test_only_names_of_the_manifest_are_files(view, path):
    for page in ("file", "bytes", "raw"):
        answer = view.page(page, path=path)
        assert answer.status == 404
        assert b"root:" not in answer.body


def test_the_whole_file_comes_as_it_is(view):
    assert view.page("raw", path="var/log/messages").body == BIG
    assert view.page("raw", path="etc/release").body == b"x\n", "a link leads to what it means"


def test_what_was_not_had_says_why(view):
    assert html.escape(f"this was not had (denied): {EVIL} - {EVIL}") in view.page("file", path=EVIL).text


@pytest.mark.parametrize("page", PAGES)
def test_nothing_of_a_stranger_is_markup(view, page):
    for path in ("var/log/odd", f"var/log/d/{NAMES[0]}", f"var/log/d/{NAMES[1]}", EVIL):
        answer = view.page(page, path=path, text=EVIL, name=EVIL, folder=EVIL, to=EVIL, since=EVIL, source=EVIL, kind=EVIL, outcome=EVIL)
        if answer.headers.get_content_type() == "text/html":
            text = answer.text
            assert "<script" not in text.lower()
            assert "<img" not in text.lower()
            assert not re.search(r"<[^>]* on\w+=", re.sub(r'"[^"]*"', '""', text))
            assert "\x1b" not in text
            assert "\u202e" not in text


def test_strange_characters_are_visible(view):
    text = view.page("file", path="var/log/odd").text
    assert r"\x1b]0;owned\x07 \xff\xfe \u202e bidi" in text
    assert r"left\u202egnp.exe" in view.page("files", folder="var/log/d").text


# -- lists and search


def test_folders_and_filters(view):
    assert 'href="files?folder=var"' in view.page("files").text
    assert "<code>messages</code>" in view.page("files", folder="var/log").text
    found = view.page("files", name="mess")
    assert "<code>var/log/messages</code>" in found.text
    assert "uncounted" not in found.text
    assert "1 file, " in view.page("files", name="*/empty").text
    assert "var/log/odd" in view.page("files", collector=EVIL).text
    assert "Nothing here matches" in view.page("files", outcome="failed").text


def test_what_was_not_had_is_listed_with_the_reason(view):
    assert html.escape(f"/{EVIL}") in view.page("missing").text
    assert html.escape(f"/{EVIL}") in view.page("missing", outcome="denied").text
    assert html.escape(f"/{EVIL}") not in view.page("missing", outcome="failed").text


def test_a_search_leads_to_its_lines(view):
    answer = view.page("search", text="NEEDLE", file="var/log/messages")
    assert f"{LINES // 1000} lines" in answer.text
    assert 'href="file?path=var/log/messages&amp;line=54000#L54000"' in answer.text
    assert '<mark class="hit">needle</mark>' in answer.text
    assert "0 lines" in view.page("search", text="NEEDLE", case="1", file="var/log/messages").text
    assert "1 line " in view.page("search", text=r"line 54\d{3} n", regex="1", file="var/log/messages").text


def test_results_come_in_pages(view):
    seen, target = [], f"{view.place}search?text=needle&path=var/log"
    while target:
        text = view.ask(target).text
        seen += re.findall(r'aria-label="line (\d+)"', text)
        following = re.search(r'href="([^"]+)" rel="next"', text)
        target = following and view.place + html.unescape(following[1])
    assert len(seen) == 2 * LINES // 1000


@pytest.mark.parametrize("text", ["(", "[", "(?P<", "*", "a{99999999999}", "(?<=a*)b", "\\"])
def test_an_expression_that_is_none_is_said(view, text):
    answer = view.page("search", text=text, regex="1")
    assert answer.status == 200
    assert 'role="alert"' in answer.text


@pytest.mark.slow
def test_an_expression_that_never_ends_hinders_nobody(fresh):
    fresh.enter()
    answer = fresh.ask(f"{fresh.place}search?text=(a*)*(a*)*(a*)*b%24&regex=1&file=var/log/odd")
    assert 'http-equiv="refresh"' in answer.text, "it goes on"
    assert fresh.page("file", path="var/log/messages", line=500).status == 200
    for number in range(8):  # who asks for more and more ends the oldest
        fresh.ask(f"{fresh.place}search?text=(a*)*(a*)*(a*)*{number}%24&regex=1&file=var/log/odd")
    assert len(psutil.Process(fresh.process.pid).children()) <= 5


# -- verdicts and timeline


def test_verdicts_come_without_being_waited_for(fresh):
    fresh.enter()
    assert fresh.ask(fresh.place).status == 200
    page = fresh.page()
    assert "suspects cleared" in page.text


def test_the_timeline_is_filtered(view):
    page = view.page("timeline", text="needle", source="kernel")
    assert "line 1000 needle" in page.text
    assert "line 1001<" not in page.text
    assert 'role="alert"' in view.page("timeline", since="yesterday-ish").text
    later = view.page("timeline", since="2026-11-21T23:00", until="2026-11-21T23:00:10")
    assert "kernel: line" not in later.text
    assert "of 200" not in later.text


# -- whatever is asked

VALUES = st.one_of(
    st.text(max_size=30),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(
        [
            "var/log/messages",
            "var/log/odd",
            "var/lib/binary",
            "var/log",
            "line",
            "byte",
            "last",
            "1",
            "0",
            "-1",
            "9" * 400,
            "\0",
            "%",
            "failed",
        ]
    ),
)
KEYS = st.sampled_from(
    "path,line,byte,from,at,row,name,folder,collector,outcome,text,regex,case,file,since,until,severity,source,kind,to,token".split(",")  # noqa: SIM905
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*PAGES, "x", "../..", "%2e%2e/"]), st.lists(st.tuples(KEYS, VALUES), max_size=5))
def test_no_question_breaks_a_page(view, page, asked):
    from urllib.parse import quote

    query = "&".join(f"{key}={quote(value.encode('utf-8', 'surrogatepass'))}" for key, value in asked)
    answer = view.ask(f"{view.place}{page}?{query}")
    assert answer.status in (200, 303, 400, 404), (page, asked)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_no_query_breaks_a_page(view, query):
    from urllib.parse import quote_from_bytes

    for page in ("file", "search", "files"):
        assert view.ask(f"{view.place}{page}?{quote_from_bytes(query, safe='&=;+%')}").status in (200, 404)
