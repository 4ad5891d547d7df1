"""Old and other processors, as qemu makes them: no instruction is needed that they have not, and the answers are the same on all of them."""

import random
import re
import shutil
from pathlib import Path

import pytest
from static_runs import collected, made, opened, ran

MODELS = [
    ("x86_64", "qemu64"), ("x86_64", "core2duo"), ("x86_64", "Nehalem"), ("x86_64", "max"),
    ("aarch64", "cortex-a53"), ("aarch64", "cortex-a72"), ("aarch64", "max"),
]  # fmt: skip
"""Machine, and a processor of its kind. Of the first three none has AVX2; the second one has not even SSE 4.2."""
OLDEST = {"x86_64": "core2duo", "aarch64": "cortex-a53"}


def on(machine: str, model: str) -> tuple[Path, list[str]]:
    """The static file for a machine, and what stands before it to run it on this processor."""
    path = made(machine)
    emulator = shutil.which(f"qemu-{machine}") or shutil.which(f"qemu-{machine}-static") or pytest.skip("not installed here: qemu-user")
    return path, [emulator, "-cpu", model]


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    """Lines with secrets and without, of all lengths, so that what looks for them meets every alignment and every end of a block."""
    path = tmp_path_factory.mktemp("sample") / "sample.log"
    chance = random.Random(6)
    words = (
        "password=",
        "token: ",
        "Authorization: Bearer ",
        "user@example.org ",
        "api_key=",
        "p@ss ",
        "-----BEGIN ",
        "\x00\xff",
        "ünïcode ",
        "secret = ",
    )
    with path.open("wb") as file:
        for length in range(3000):
            noise = chance.randbytes(length % 97).hex()
            file.write(
                f"{noise} {chance.choice(words)}{chance.randbytes(8).hex()}{' ' * (length % 67)}\n".encode("utf-8", "surrogateescape")
            )
    return path


@pytest.mark.parametrize(("machine", "model"), MODELS, ids=map("-".join, MODELS))
def test_it_runs(machine, model):
    path, through = on(machine, model)
    assert ran(*through, path, "--version").printed.startswith(b"diagbundle"), model
    assert b"networking" in ran(*through, path, "collectors").printed, model


@pytest.mark.parametrize(("machine", "model"), OLDEST.items(), ids=OLDEST)
def test_it_collects_and_opens_on_the_oldest(tmp_path, machine, model):
    path, through = on(machine, model)
    bundle = collected(path, tmp_path / "out", "collect", "--yes", "--only", "os", through=through)
    opened(path, bundle, 0, through)


@pytest.fixture(scope="module")
def redacted(program, sample) -> bytes:
    """What this machine's own processor makes of the sample."""
    seen = ran(program, "redact", sample, sample.with_name("redacted.log"))
    assert seen.code == 0, seen.all
    return unkeyed(sample.with_name("redacted.log"))


def unkeyed(path: Path) -> bytes:
    """A redacted file without what differs from run to run: stand-ins are made with a key that is thrown away."""
    text, count = re.subn(rb"(REDACTED_[a-z_]+_)[0-9a-f]{8}", rb"\1", path.read_bytes())
    assert count > 1000, count  # a third of the lines, at least
    return text


@pytest.mark.parametrize(("machine", "model"), MODELS, ids=map("-".join, MODELS))
def test_secrets_are_found_alike(sample, redacted, tmp_path, machine, model):
    """The scanner looks at 32 bytes at once where it can."""
    path, through = on(machine, model)
    seen = ran(*through, path, "redact", sample, tmp_path / "redacted.log")
    assert seen.code == 0, seen.all
    assert unkeyed(tmp_path / "redacted.log") == redacted
