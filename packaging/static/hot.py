#!/usr/bin/env python3
"""Writes hot.txt: the modules that a collection imports, in whatever of its processes. Run by `build --hot`, with the interpreter it made.

They are frozen into the program. That is a matter of speed alone: a module that is missing here is found in the archive.
"""

import os
import sys
import tempfile

from diagbundle.cli.main import run

HEAD = "# Modules that are frozen, because nearly every run imports them. `packaging/static/build --hot` writes this list.\n"


def main(path: str) -> None:
    """Make a bundle, and write the names down."""
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "names"), "a+b", buffering=0) as names:
        sys.addaudithook(lambda event, given: names.write(f"{given[0]}\n".encode()) and None if event == "import" else None)
        run(["--version"])
        run(["collect", "--yes", "--quiet", "--output", folder])
        names.seek(0)
        asked = set(names.read().decode().split())
    loaded = {name for name, module in sys.modules.items() if getattr(module, "__file__", None)}
    kept = sorted(name for name in asked | loaded if not name.startswith(("__", "_sysconfigdata")))
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEAD + "".join(f"{name}\n" for name in kept))


if __name__ == "__main__":
    main(sys.argv[1])
