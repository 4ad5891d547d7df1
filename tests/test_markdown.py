"""Whatever stands in a bundle stays text in a ticket: Markdown shows it as it is, and makes nothing of it."""

import html.parser
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from diagbundle.bundle.escape import shown
from diagbundle.report.blocks import Command, Heading, Items, Lines, Said
from diagbundle.report.markdown import fenced, markdown, text

GITHUB = MarkdownIt("gfm-like", {"html": True, "linkify": True, "typographer": False})
OURS = {"p", "code", "h1", "h2", "h3", "ul", "li", "strong", "pre"}
HOSTILE = [
    "[x](javascript:alert(1))", "![](http://evil.example/a.png)", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "@admin", "@org/team: look",
    "http://evil.example/?a=b", "www.evil.example", "mail@evil.example", "evil.example", "#1", "GH-12", "ABC-123", ":smile:", "~~x~~", "**x**", "__x__", "_x_",
    "*", "- x", "+ x", "1. x", "1) x", "> x", "# x", "=====", "---", "| a | b |", "|---|---|", "```", "````sh", "~~~", "`a`", "``a`", "a`b", "`", "``", "\\", "\\`",
    "&lt;b&gt;", "&#64;admin", "[ref]: http://evil.example", "[^1]", "$x^2$", "{{ticket.id}}", "<!-- x -->", "<http://evil.example>", "x\u202eevil\u202c", "\x1b[31mred\x1b[0m",
    "    indented", "\tindented", "a  \nb", "a\\\nb", "line\n\n# heading", "\r\n# heading", "\u2028# heading", "x\u200by", "::: warning", "!!! note", ": definition", "e" * 3000,
    "0123abcdef0123abcdef0123abcdef0123abcdef", "user/repo#1", "user@0123abcdef0", "tel:123", "a`@admin`b", "@admin`", "`@admin", "(@admin)", "'@admin'", '"www.evil.example",',
    "<details><summary>x", "</pre>", "]]>", "%20", "a|b", "--- | ---",
]  # fmt: skip
ODD = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(alphabet=st.sampled_from("`@#<>[]()!*_~-+=|\\&:/.w ex1\n\t{}$'\""), max_size=40),
    st.text(max_size=40),
)
SENTENCES = st.lists(ODD, min_size=1, max_size=5).map(" ".join)


class Page(html.parser.HTMLParser):
    """What a reader of a page sees, the elements of which it consists, and what of it stands in code."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.seen, self.elements, self.bare, self.depth = "", [], "", 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.depth += tag == "code"
        assert not attrs or (tag == "code" and attrs in ([("class", "language-text")], [("class", "language-sh")]))

    def handle_endtag(self, tag):
        self.depth -= tag == "code"

    def handle_data(self, data):
        self.seen += data
        if not self.depth:
            self.bare += data


def page(source):
    found = Page(GITHUB.render(source))
    assert set(found.elements) <= OURS
    return found


def plain(said):
    """What must be seen of a sentence: backticks in pairs are gone."""
    return "".join(shown(said, "\t\n").replace("`", "").split())


def squeezed(seen):
    return "".join(seen.replace("`", "").split())


@given(SENTENCES)
@example("1. @x")
@example("a `b`c`d` `")
@example("` ` x")
def test_a_sentence_is_seen_as_it_is(said):
    found = page(text(said))
    assert squeezed(found.seen) == plain(said)
    assert set(found.elements) <= {"p", "code"}


@given(SENTENCES)
def test_what_is_not_in_code_is_words_and_numbers_and_their_marks(said):
    """Trackers look for mentions, links, pictures and numbers of tickets in what stands outside of code."""
    bare = page(text(said)).bare
    assert not re.search(r"[@#<>\[\]*_~|\\&{}$+=^]|://|www\.|\w\.\w*[^\W\d]|(?<!\w):\w|[A-Za-z]-\d|\d{7}", bare), bare


@given(st.lists(ODD, min_size=1, max_size=5))
@example(["```", "</pre>", "~~~", "``````text"])
def test_lines_of_evidence_are_seen_as_they_are(lines):
    found = page("\n".join(fenced(lines)))
    assert found.elements == ["pre", "code"]
    assert found.seen.rstrip("\n") == "\n".join(map(shown, lines)).rstrip("\n")
    assert not found.bare.strip()


@given(SENTENCES, SENTENCES, st.lists(ODD, min_size=1, max_size=3))
def test_no_block_runs_into_another(first, second, lines):
    blocks = [
        Heading(2, f"x {first}"),
        Items((("", first), ("Do", second))),
        Lines(tuple(lines)),
        Said(second, "Said"),
        Command("diagbundle collect"),
    ]
    found = page(markdown(blocks))
    assert [each for each in found.elements if each != "code"] == ["h2", "ul", "li", "li", "strong", "pre", "p", "strong", "pre"]
    assert squeezed(found.seen) == "".join(
        [plain(f"x {first}"), plain(first), "Do:", plain(second), *(squeezed(shown(line)) for line in lines), "Said:", plain(second), "diagbundlecollect"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("name server 10.77.0.53 does not answer: nobody has it", "name server `10.77.0.53` does not answer: nobody has it"),
        ("Ask it: `dig @10.77.0.53 NAME`; look", "Ask it: `dig @10.77.0.53 NAME`; look"),
        ("docker ps -a --no-trunc was not asked", "docker ps `-a --no-trunc` was not asked"),
        ("1,816 files (12%) at 16:19 on 2026-11-22, 4.4 s", "1,816 files (12%) at 16:19 on 2026-11-22, 4.4 s"),
        ("it is the host's “own”, not another's - or so", "it is the host's “own”, not another's - or so"),
        ("it said: pipe() failed (see close(2)), detected!", "it said: `pipe()` failed (see `close(2)`), detected!"),
        ("1. first", "`1.` first"),
        ("- first", "`-` first"),
        ("mail root@db1.example, or (http://db1/x)", "mail `root@db1.example`, or (`http://db1/x`)"),
        ("a`b", "``a`b``"),
        ("`a`b.c", "`ab.c`"),
        ("`a` `b` c.d", "`a` `b` `c.d`"),
        ("", ""),
    ],
)
def test_sentences_stay_readable(said, made):
    assert text(said) == made
