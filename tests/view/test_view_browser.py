"""The pages in a real browser: nothing runs, nothing is fetched from elsewhere, and a person needs neither script nor mouse."""

import re

import pytest
from desk_of import EVIL, LINES

PAGES = [
    "",
    "files",
    "files?folder=var/log/d",
    "file?path=var/log/odd",
    "file?path=var/log/messages&line=54000#L54000",
    "bytes?path=var/lib/binary",
    "search?text=script",
    "timeline?text=line+1000",
    "changes",
    "missing",
    "nowhere",
]


class Seen:
    """A browser that has been let in, and what it met."""

    def __init__(self, chromium, view, **how):
        self.context = chromium.new_context(**how)
        name, _, value = view.cookie.partition("=")
        cookie = {"name": name, "value": value, "domain": "127.0.0.1", "path": view.place, "httpOnly": True, "sameSite": "Strict"}
        self.context.add_cookies([cookie])
        self.base = f"http://127.0.0.1:{view.port}{view.place}"
        self.page = self.context.new_page()
        self.complaints, self.asked = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append("a dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, name=""):
        answer = self.page.goto(self.base + name)
        while self.page.locator("meta[http-equiv=refresh]").count():
            answer = self.page.goto(self.base + name)
        return answer


@pytest.fixture
def seen(chromium, view):
    opened = Seen(chromium, view)
    yield opened
    opened.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_no_page_runs_anything_or_asks_elsewhere(seen, name):
    status = seen.open(name).status
    assert status == (404 if name == "nowhere" else 200)
    assert [each for each in seen.complaints if name != "nowhere" or "404" not in each] == []
    assert [url for url in seen.asked if not url.startswith(seen.base) and not url.startswith("data:")] == []
    assert seen.page.locator("script").count() == 0
    assert seen.page.locator("img, iframe, object, [onerror], [onload]").count() == 0
    assert seen.page.evaluate("document.styleSheets.length") == 2, "both sheets are taken"


def test_hostile_text_stays_text(seen):
    seen.open("file?path=var/log/odd")
    assert EVIL in seen.page.locator("#L1").inner_text()
    seen.open("files?folder=var/log/d")
    assert seen.page.get_by_role("link", name='"onload=alert(1) x="').count() == 1
    seen.open()
    assert f"db1{EVIL}" in seen.page.title()


def test_the_address_lets_in_by_itself(chromium, fresh):
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(fresh.address)
        assert "token" not in page.url
        page.get_by_role("heading", name="What is wrong").wait_for()
        (cookie,) = context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    with chromium.new_context() as other:
        page = other.new_page()
        assert page.goto(fresh.address).status == 403


def test_a_page_of_another_site_gets_nothing(chromium, view):
    import http.server
    import threading

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(
                f"<iframe src='{target}'></iframe><img src='{target}' onload='document.title=1'><a href='{target}'>go</a>".encode()
            )

        def log_message(self, *_):
            pass

    target = f"http://127.0.0.1:{view.port}{view.place}"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened = Seen(chromium, view)
        statuses = []
        opened.page.on("response", lambda response: statuses.append((response.url, response.status)))
        opened.page.goto(f"http://localhost:{server.server_port}/")
        opened.page.wait_for_timeout(500)
        assert {status for url, status in statuses if url.startswith(target)} == {403}
        opened.page.get_by_role("link", name="go").click()
        opened.page.get_by_role("heading", name="This browser has not been let in").wait_for()
        opened.page.get_by_role("link", name="Go on").click()
        opened.page.get_by_role("heading", name="What is wrong").wait_for()
        opened.context.close()
        server.shutdown()


# -- a person at the keyboard


def test_everything_can_be_done_by_keyboard(seen):
    page = seen.page
    seen.open()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Tab")
    page.keyboard.type("var/log/messages:54321")
    page.keyboard.press("Enter")
    page.locator("#L54321.meant").wait_for()
    assert page.locator("#L54321").evaluate(
        "each => { const at = each.getBoundingClientRect(); return at.top >= 0 && at.bottom <= innerHeight }"
    )
    page.locator("a[accesskey=n]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**from=54501")
    assert page.locator(".log li").first.get_attribute("id") == "L54501"
    assert page.locator("a[accesskey=p]").count() == 1, "the browser goes there at once only if there is one"
    page.locator("a[accesskey=p]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**from=54301")


def test_a_search_in_a_file_leads_back_into_it(seen):
    page = seen.page
    seen.open("file?path=var/log/messages")
    page.get_by_label("Only lines that hold").fill("line 77000")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="line 77000").click()
    assert "needle" in page.locator(".meant").inner_text()
    assert page.locator(".pager").first.inner_text().endswith("Last →|")
    assert f"of {LINES:,}" in page.locator(".pager").first.inner_text()


def test_filters_keep_what_was_asked(seen):
    page = seen.page
    seen.open("files")
    page.get_by_label("Name").fill("binary")
    page.get_by_role("button", name="Show").click()
    assert page.get_by_label("Name").input_value() == "binary"
    page.get_by_role("link", name="var/lib/binary").click()
    assert "00 01 02" in page.locator(".hex").inner_text()
    seen.open("timeline")
    page.get_by_label("Severity").select_option("error")
    page.get_by_label("Source").fill("sshd")
    page.get_by_role("button", name="Show").click()
    assert page.get_by_label("Severity").input_value() == "error"
    assert page.get_by_label("Source").input_value() == "sshd"


@pytest.mark.parametrize("width", [320, 390])
def test_pages_fit_a_phone(chromium, view, width):
    opened = Seen(chromium, view, viewport={"width": width, "height": 800})
    for name in PAGES:
        opened.open(name)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width, name
    opened.context.close()


CONTRAST = """() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => { const f = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b) };
  const back = each => { for (; each; each = each.parentElement) { const c = parse(getComputedStyle(each).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255] };
  const bad = [];
  for (const each of document.querySelectorAll('body *')) {
    if (![...each.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !each.checkVisibility() || each.matches('.hidden, .skip')) continue;
    const a = light(parse(getComputedStyle(each).color)), b = light(back(each));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push(each.tagName + ' ' + each.className + ' ' + ratio.toFixed(2));
  }
  return bad }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(chromium, view, scheme):
    opened = Seen(chromium, view, color_scheme=scheme)
    for name in PAGES:
        opened.open(name)
        assert opened.page.evaluate(CONTRAST) == [], name
        unnamed = "[...document.querySelectorAll('input:not([type=hidden]), select')].filter(each => !each.labels.length).length"
        assert opened.page.evaluate(unnamed) == 0, name
        assert opened.page.locator("h1").count() == 1
        assert re.fullmatch(r".+ – .+", opened.page.title())  # noqa: RUF001
    opened.context.close()
