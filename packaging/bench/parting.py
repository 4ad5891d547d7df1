"""What it costs to make a bundle ready to leave, and to take it in again: parts and a signature, beside what an admin would type."""

import os
import shlex
import subprocess
from collections.abc import Callable

from measure import checked, run, shell

PART = "20M"


def commands(tool: list[str], bundle: str, place: str) -> list[tuple[str, Callable[[str], list[str]]]]:
    """Name and command, of the folder for its output; and those of coreutils for the same."""
    key, parts, name = os.path.join(place, "key"), os.path.join(place, "parts"), os.path.basename(bundle)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    os.mkdir(parts)
    argv = [*tool, "seal", bundle, "--max-part", PART, "-o", parts]
    checked(run(argv, place), argv)
    split = f"split -b {PART} -d -a 3 {shlex.quote(bundle)} {{0}}/{name}. && cd {{0}} && sha256sum {name}.* >{name}.parts"
    glue = f"cd {shlex.quote(parts)} && sha256sum --quiet -c {name}.parts && cat {name}.0* >{{0}}/{name} && sha256sum {{0}}/{name}"
    return [
        ("`seal --max-part 20M`, which checks the bundle first", lambda out: [*argv[:-1], out]),
        ("`seal --sign`, which checks the bundle first", lambda out: [*tool, "seal", bundle, "--sign", key, "-o", out]),
        ("`verify` alone", lambda _: [*tool, "verify", bundle]),
        ("`split`, then `sha256sum`", lambda out: shell(split.format(shlex.quote(out)))),
        ("`join`", lambda out: [*tool, "join", parts, "-o", out + "/"]),
        ("`sha256sum -c`, `cat`, `sha256sum`", lambda out: shell(glue.format(shlex.quote(out)))),
    ]
