"""What this program carries: the product whose name, texts, collectors and rules were put into this copy of the static file.

Only a kit carries something; the static file itself, and what is installed from a wheel, carry nothing: they don't load `described`.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING
from zipimport import ZipImportError, zipimporter

from diagbundle import __version__
from diagbundle.carried.places import HEAD
from diagbundle.resources import is_static

if TYPE_CHECKING:
    from diagbundle.carried.described import Product


def read(program: str) -> Product | None:
    """The product that a program carries, or None."""
    try:
        head = zipimporter(program).get_data(HEAD)
    except (OSError, ZipImportError):
        return None
    from diagbundle.carried.described import of  # noqa: PLC0415 - see above

    return of(head, program)


@cache
def product() -> Product | None:
    """The product that this program carries, or None."""
    return read(sys.executable) if is_static() else None


def public_key() -> str:
    """The vendor's public key (`age1…`), or ''."""
    this = product()
    return this.key if this else ""


def program_name() -> str:
    """What this program is called in what it says."""
    this = product()
    return this.name if this else "diagbundle"


def told() -> dict[str, str] | None:
    """What a bundle, or a program that asks, is told of the kit; None where there is none."""
    this = product()
    return {key: getattr(this, key) for key in ("name", "title", "version", "checksum", "key")} if this else None


def version() -> str:
    """What this is: `diagbundle, version 0.1.0`, or `acme-support 1.0 for Acme Server (diagbundle 0.1.0)`."""
    this = product()
    return f"{this.name} {this.version} for {this.title} (diagbundle {__version__})" if this else f"diagbundle, version {__version__}"
