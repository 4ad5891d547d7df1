"""How a command answers: to people, or to programs. One option, the same wherever there is a choice."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def answer_option(about: str, forms: tuple[str, ...] = ("text", "json")) -> Callable[[F], F]:
    """`--format`, given to the command as `form`; the first form is the default. `--json` is its short form, and wins."""

    def decorate(command: F) -> F:
        @wraps(command)
        def answering(*args: Any, form: str, short: bool, **flags: Any) -> Any:
            return command(*args, form="json" if short else form, **flags)

        both: Any = answering
        both = click.option("--json", "short", is_flag=True, help="Short for --format json.")(both)
        return click.option("--format", "form", type=click.Choice(forms), default=forms[0], show_default=True, help=about)(both)  # type: ignore[no-any-return]

    return decorate
