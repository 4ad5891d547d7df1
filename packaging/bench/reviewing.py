"""What it costs to see what leaves, and to take something out, beside unpacking, deleting and packing again by hand."""

import shlex
from collections.abc import Callable

from measure import shell

STRUCK = "*/var/log/nginx"
"""A fifth of the invented logs, in frames of their own."""


def commands(tool: list[str], bundle: str) -> list[tuple[str, Callable[[str], list[str]]]]:
    """Name and command, of the folder for its output."""
    again = f"cd {{0}} && find . -path '*{STRUCK[1:]}*' -type f -delete && tar --zstd -cf new.tar.zst diagbundle-*"
    unpacked = f"tar --zstd -xf {shlex.quote(bundle)} -C {{0}} && {again}"
    return [
        ("`review`, which checks the bundle first", lambda _: [*tool, "review", bundle]),
        ("`review --html`, the same", lambda out: [*tool, "review", bundle, "--html", f"{out}/page.html"]),
        (
            "`review --remove`, which checks both bundles",
            lambda out: [*tool, "review", bundle, "--remove", STRUCK, "-o", f"{out}/new.tar.zst"],
        ),
        ("`verify` alone", lambda _: [*tool, "verify", bundle]),
        ("`tar -xf`, `find -delete`, `tar -cf`: no checksums, no manifest", lambda out: shell(unpacked.format(shlex.quote(out)))),
    ]
