"""The page in a real browser: nothing runs, nothing is fetched, it fits a phone, is dark where that is wanted, prints, and can be walked by keys."""

import os
import shutil
import subprocess
import tarfile

import pytest
import report_bundles

from diagbundle.cli.main import run

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Paths of pages by name."""
    place = tmp_path_factory.mktemp("pages")
    for name, make in (("hostile", report_bundles.hostile), ("empty", report_bundles.empty)):
        assert run(["report", make(place / f"{name}.tar.zst")]) == 0
    return {name: f"{place}/{name}.html" for name in ("hostile", "empty")}


@pytest.fixture
def shown(chromium, pages):
    """Opens a page; at the end nothing may have been said, asked for or fetched."""
    heard, opened = [], []

    def show(name, viewport=None, **more):
        page = chromium.new_page(viewport=viewport or DESK, **more)
        opened.append(page)
        page.on("console", lambda message: heard.append(("console", message.text)))
        page.on("pageerror", lambda error: heard.append(("error", str(error))))
        page.on("dialog", lambda dialog: (heard.append(("dialog", dialog.message)), dialog.dismiss()))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or heard.append(("request", request.url)))
        page.goto(f"file://{pages[name]}")
        return page

    yield show
    for page in opened:
        page.close()
    assert heard == []


def opened(page):
    """With everything unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    return page


@pytest.mark.parametrize("name", ["hostile", "empty"])
def test_nothing_runs_and_nothing_is_fetched(shown, name):
    page = opened(shown(name))
    page.wait_for_timeout(200)
    assert page.evaluate("document.scripts.length + document.querySelectorAll('img, iframe, object, embed, form, [style]').length") == 0
    assert (
        page.evaluate("[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => a.name.startsWith('on')).length")
        == 0
    )
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).borderTopWidth") == "1px", "the style is allowed"


def test_injected_markup_is_to_be_read(shown):
    page = opened(shown("hostile"))
    assert page.title() == "<script>alert(1)</script>: report"
    assert page.inner_text("h1") == "<script>alert(1)</script>"
    text = page.inner_text("main")
    for word in (
        "</style><script>alert(2)</script>",
        "javascript:alert(1)",
        "onerror=alert(1)",
        "\\u202eetirw\\u2066",
        "\\x1b[31m\\x00\\x7f",
        "&lt;b&gt;",
    ):
        assert word in text


def test_the_policy_holds_even_if_something_slipped_in(chromium, pages, tmp_path):
    """The text of the page is not trusted alone: with a script put into it, the browser refuses to run it."""
    with open(pages["hostile"], encoding="utf-8") as file:
        text = file.read()
    (tmp_path / "x.html").write_text(
        text.replace("</main>", "<script>document.title = 'run'</script><img src='http://127.0.0.1:9/x'></main>")
    )
    page = chromium.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(f"file://{tmp_path}/x.html")
    page.wait_for_timeout(200)
    assert page.title() != "run"
    assert len([each for each in refused if "Content Security Policy" in each]) == 2
    page.close()


@pytest.mark.parametrize("name", ["hostile", "empty"])
def test_it_fits_a_phone(shown, name):
    page = opened(shown(name, PHONE))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    if name == "hostile":  # the other has no table
        assert page.evaluate("getComputedStyle(document.querySelector('table.data td')).display") == "grid", "cells stand below each other"


def test_it_is_dark_where_that_is_wanted(shown):
    backs = [
        shown("empty", color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor") for scheme in ("light", "dark")
    ]
    light, dark = (sum(int(part) for part in back.strip("rgb()").split(",")) for back in backs)
    assert light > 700
    assert dark < 100


def test_it_prints_black_on_white_whatever_the_screen(shown):
    page = shown("hostile", color_scheme="dark")
    assert page.pdf()[:5] == b"%PDF-"
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.is_visible("nav")


def test_keys_suffice(shown):
    page = shown("hostile")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0, "it shows itself"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.focus("details > summary")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")
    targets = page.evaluate("[...document.querySelectorAll('nav a')].map(a => document.querySelector(a.getAttribute('href')) !== null)")
    assert len(targets) > 6
    assert all(targets)


def test_plots_have_names_and_their_numbers_as_text(shown):
    page = opened(shown("hostile"))
    plots = page.get_by_role("img").all()
    assert len(plots) >= 2
    assert page.get_by_role("img", name="All lines").count() == 1
    assert page.evaluate("document.querySelector('svg.columns desc').textContent.includes(' error')")
    assert page.get_by_role("table", name="The whole time").count() == 1
    assert page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, n, all) => all.indexOf(id) !== n)") == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(shown, scheme, tmp_path):
    """The rules of WCAG 2.2 AA that a program can check, by axe-core, which is fetched for it."""
    npm = shutil.which("npm")
    fetched = npm and subprocess.run([npm, "pack", "--silent", "axe-core@4"], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    if not fetched or fetched.returncode:
        pytest.skip("axe-core cannot be had: npm, or its registry, is not there")
    (name,) = os.listdir(tmp_path)
    with tarfile.open(tmp_path / name) as archive:
        axe = archive.extractfile("package/axe.min.js").read().decode()
    page = opened(shown("hostile", color_scheme=scheme))
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})")
    assert len(found["passes"]) > 20
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
