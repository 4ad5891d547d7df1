"""The extension under sanitizers: `python -m tests.redact.asan [--seconds N] [--seed N]` builds it aside and gives it random inputs."""

import argparse
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCE = os.path.join(TOP, "src", "diagbundle", "redact", "_scan.c")
FLAGS = ["-g", "-O1", "-fPIC", "-shared", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]

EXACT = """#define PY_SSIZE_T_CLEAN
#include <Python.h>
static int exact_bytes(PyObject *bytes, char **data, Py_ssize_t *size) {
    static char *kept;
    if (PyBytes_AsStringAndSize(bytes, data, size) < 0) return -1;
    free(kept);
    kept = memcpy(malloc((size_t)*size), *data, (size_t)*size);
    *data = kept;
    return 0;
}
#define PyBytes_AsStringAndSize exact_bytes
"""
"""A bytes object has a head and a NUL behind its end, which the sanitizer takes for the block: it is given a copy without."""


def _runtime():
    """The library that must be loaded before all others; a path, or only its name where it is missing."""
    said = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return said.stdout.strip()


def missing():
    """Why it cannot be done here, or nothing."""
    if not shutil.which("gcc"):
        return "no gcc to build the extension with"
    if not os.path.isabs(_runtime()):
        return "gcc has no AddressSanitizer here"
    if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
        return "Python's headers are not installed"
    return ""


def run(seconds, seed):
    """A child that gives the extension random inputs for so long; it prints how many, and ends with a report where a byte was read that must not."""
    with tempfile.TemporaryDirectory() as folder:
        built = os.path.join(folder, "_scan" + sysconfig.get_config_var("EXT_SUFFIX"))
        exact = os.path.join(folder, "exact.h")
        with open(exact, "w", encoding="ascii") as file:
            file.write(EXACT)
        subprocess.run(["gcc", *FLAGS, "-I", sysconfig.get_path("include"), "-include", exact, SOURCE, "-o", built], check=True)
        env = {**os.environ, "LD_PRELOAD": _runtime(), "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc", "PYTHONPATH": folder}
        command = [sys.executable, os.path.abspath(__file__), "--child", "--seconds", str(seconds), "--seed", str(seed)]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=seconds + 120)


def _bytes(dice, most):
    """Random bytes: any, of few kinds, or pieces of what the scanner knows."""
    size = dice.randrange(most)
    kind = dice.randrange(4)
    if kind == 0:
        return dice.randbytes(size)
    if kind == 1:
        return bytes(dice.choices(b"aAbB01 =:\"'\\%&-_.@/<>(),\n\0\xff", k=size))
    if kind == 2:
        return bytes(dice.choices(b"0123456789 -ABGH", k=size))
    pieces = [
        b"password",
        b"key",
        b"%3D",
        b"&quot;",
        b"\\u003d",
        b"://",
        b"%3A%2F%2F",
        b"@",
        b"%40",
        b"4111 1111 1111 1111",
        b"GB29 NWBK",
        b"</key>",
        b"value",
        b"--",
        b"\\n",
        b"%20",
        b"=3D",
        b"#012",
        b"[31m",
        b"\\x41",
    ]
    return b"".join(dice.choice([*pieces, b" ", b"\n", b"="]) for _ in range(size // 4))


def _literals(dice):
    shapes = [(b"", False, False, True, 0, b"", shape, False) for shape in ("card", "iban", "mail", "login")]
    words = [b"password", b"key", b"token", b"pw", b"@", b"eyJ", b"-p", b"secret key"]
    own = [_bytes(dice, 12) or b"x" for _ in range(dice.randrange(60))]
    texts = [
        (text.lower(), *(dice.random() < 0.5 for _ in range(3)), dice.choice([0, 0, 5]), dice.choice([b"", b"= "]), "", dice.random() < 0.3)
        for text in (*words, *own)
    ]
    return [*texts, *shapes]


def _child(seconds, seed):
    import _scan  # the one that was built aside

    dice = random.Random(seed)
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        literals = _literals(dice)
        scanner = _scan.Scanner(literals, slow=dice.random() < 0.5)
        for _ in range(40):
            cut = dice.choice(literals)[0]
            data = _bytes(dice, dice.choice([8, 40, 300, 300, 9000]))
            scanner.anchors(cut[dice.randrange(len(cut) + 1) :] + data + cut[: dice.randrange(len(cut) + 1)])
            count += 1
    return count


def main():
    """The same for people: exit status 1 and a report where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(_child(options.seconds, options.seed))  # noqa: T201
        return
    if missing():
        sys.exit(missing())
    done = run(options.seconds, options.seed)
    if done.returncode:
        sys.exit(f"{done.stderr}\n--seed {options.seed}")
    print(f"{int(done.stdout):,} inputs, nothing found; --seed {options.seed}")  # noqa: T201


if __name__ == "__main__":
    main()
