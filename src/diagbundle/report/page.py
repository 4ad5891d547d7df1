"""Pages of HTML: one file each, no script, nothing fetched; whatever comes from a bundle is text, and its odd characters are visible."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, Undefined
from markupsafe import Markup, escape

from diagbundle.analyse.facts.spoken import ended
from diagbundle.bundle import hashing
from diagbundle.bundle.escape import shown
from diagbundle.numbers import counted
from diagbundle.resources import resources

STYLE = "page.css"


def render(template: str, **context: Any) -> str:
    """The page that a file of `templates` makes of these values. It can be written as UTF-8, whatever they hold."""
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    """All templates, which are few, with the one style sheet and the hash by which the page's policy allows it."""
    files = {name: contents().decode() for name, _, contents in resources("diagbundle.report", "templates")}
    style = files[STYLE].strip()
    made = Environment(
        loader=DictLoader(files), autoescape=True, undefined=StrictUndefined, finalize=_visible, trim_blocks=True, lstrip_blocks=True
    )
    digest = hashing.sha256(style.encode()).digest()
    made.globals |= {"style": Markup(style), "style_hash": f"sha256-{b64encode(digest).decode()}"}  # noqa: S704  # ours
    made.filters |= {"count": count, "counted": counted, "ended": ended, "prose": prose}
    return made


def count(number: float) -> str:
    """A number with its thousands set off: `1,234`."""
    return f"{number:,}"


def prose(text: str) -> Markup:
    """A sentence of ours, in which what stands between two backticks is to be typed, or is a name."""
    parts = re.split(r"`([^`]+)`", text)
    marked = (Markup("<code>{}</code>").format(shown(part)) if odd % 2 else escape(shown(part)) for odd, part in enumerate(parts))
    return Markup("").join(marked)


def _visible(value: Any) -> Any:
    """What a template is about to put out, made visible; markup, which holds values that were joined, line by line."""
    if isinstance(value, Markup):
        return Markup("\n".join(map(shown, value.split("\n"))))  # noqa: S704  # it was
    if value is None:
        return ""
    return value if isinstance(value, int | float | Undefined) else shown(value if isinstance(value, str | bytes) else str(value))
