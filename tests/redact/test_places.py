"""Secrets known by the place they stand in: every case of the tables, real keys in all carriers, audit records, and hostile texts."""

import base64
import json
import os
import shutil
import subprocess
import time

import pytest
from made import cases

from diagbundle.redact import named, places, shapes
from diagbundle.redact.places import encoded
from diagbundle.redact.rules import built_in
from diagbundle.redact.scan import scanner
from diagbundle.redact.span import MARKER, joined

BOOKS = ("accounts", "devices", "blocks", "directives", "encoded", "files", "kubernetes", "outputs", "tools", "typed")
MARK = b"REDACTED_%s_0a1b2c3d"


class Engine:
    """Asks patterns at their anchors, as the stream does."""

    def __init__(self, patterns):
        self.by_literal = {}
        for pattern in patterns:
            for literal in pattern.anchors:
                self.by_literal.setdefault(literal, []).append(pattern)
        self.scanner = scanner(list(self.by_literal), pure=True)
        self.patterns = list(self.by_literal.values())

    def spans(self, data, rows=None):
        found, covered = list(rows(data)) if rows else [], 0
        for at, number in self.scanner.anchors(data):
            for pattern in self.patterns[number]:
                if at >= covered or pattern.inside:
                    new = list(pattern.find(data, at))
                    found += new
                    covered = max([covered, *(span.end for span in new if span.start <= at)])
        assert all(0 <= span.start < span.end <= len(data) for span in found)
        return joined(span for span in found if span.put is not None or not MARKER.search(data, span.start, span.end))

    def redacted(self, data, rows=None):
        out, last = [], 0
        for span in self.spans(data, rows):
            put = MARK % span.kind.encode() + b"\n" * data.count(b"\n", span.start, span.end)
            out += [data[last : span.start], span.put if span.put is not None else put]
            last = span.end
        return b"".join(out) + data[last:]


INNER = Engine([*built_in(), *named.PATTERNS, *shapes.PATTERNS, *places.PATTERNS])
ENGINE = Engine([*places.PATTERNS, *encoded.patterns(INNER.redacted)])


@pytest.mark.parametrize("case", cases(*("places_" + book for book in BOOKS)))
def test_case(case):
    data, secrets = case.made()
    rows = places.rows(case.more["file"]) if "file" in case.more else None
    found = [(span.start, span.end) for span in ENGINE.spans(data, rows)]
    assert [data[start:end] for start, end in found] == [data[start:end] for start, end in secrets]
    assert found == secrets
    once = ENGINE.redacted(data, rows)
    assert ENGINE.redacted(once, rows) == once
    assert once.count(b"\n") == data.count(b"\n")


def real_key(kind):
    """A key that a program of this host made."""
    if kind == "openssh":
        if not shutil.which("ssh-keygen"):
            pytest.skip("ssh-keygen is not installed")
        folder = os.path.realpath(os.environ["PYTEST_TMP"])
        path = os.path.join(folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        with open(path, "rb") as file:
            return file.read()
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    words = {
        "rsa": ["genrsa", "-traditional", "2048"],
        "rsa, encrypted": ["genrsa", "-traditional", "-aes128", "-passout", "pass:x12345", "2048"],
        "pkcs8": ["genpkey", "-algorithm", "RSA"],
        "ec": ["ecparam", "-genkey", "-name", "prime256v1", "-noout"],
        "ed25519": ["genpkey", "-algorithm", "ed25519"],
        "encrypted": ["genpkey", "-algorithm", "RSA", "-aes-256-cbc", "-pass", "pass:x12345"],
    }
    return subprocess.run(["openssl", *words[kind]], check=True, capture_output=True).stdout


KINDS = ("rsa", "rsa, encrypted", "pkcs8", "ec", "ed25519", "encrypted", "openssh")
PREFIXES = {
    "plain": b"",
    "yaml": b"    ",
    "comment": b"# ",
    "mail": b"> ",
    "diff": b"+",
    "syslog": b"Nov 22 08:%02d:01 host app[%d]: ",
    "docker": b"2026-11-22T08:00:01.1234%05dZ ",
    "compose": b"web_1  | ",
    "kubectl": b"[pod/web-5f/app] ",
    "journal": b"Nov 22 08:00:%02d host app[99]: level=info ",
}


def prefixed(key, prefix, end=b"\n"):
    lines = []
    for number, line in enumerate(key.splitlines()):
        lines.append((prefix % tuple([number] * prefix.count(b"%")) if b"%" in prefix else prefix) + line)
    return end.join(lines) + end


CARRIERS = {
    **{name: (lambda key, prefix=prefix: prefixed(key, prefix)) for name, prefix in PREFIXES.items()},
    "crlf": lambda key: prefixed(key, b"", b"\r\n"),
    "json": lambda key: json.dumps({"a": key.decode(), "b": 1}).encode() + b"\n",
    "json in json": lambda key: json.dumps({"m": json.dumps({"a": key.decode()}), "b": 1}).encode() + b"\n",
    "json lines": lambda key: b"".join(json.dumps({"log": line.decode() + "\n", "stream": "stdout"}).encode() + b"\n" for line in key.splitlines()),
    "blanks": lambda key: b"key " + key.replace(b"\n", b" ") + b"\n",
    "source": lambda key: b"".join(b'  "' + line + b'\\n"\n' for line in key.splitlines()),
    "environment": lambda key: b'KEY="' + key.strip() + b'"\nNEXT=1\n',
    "cut": lambda key: b"\n".join(key.splitlines()[:-1]) + b"\n",
    "headless": lambda key: b"\n".join(key.splitlines()[1:]) + b"\n",
    "headless syslog": lambda key: b"\n".join(prefixed(key, PREFIXES["syslog"]).splitlines()[1:]) + b"\n",
    "cut syslog": lambda key: b"\n".join(prefixed(key, PREFIXES["syslog"]).splitlines()[:-1]) + b"\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    os.environ["PYTEST_TMP"] = str(tmp_path_factory.mktemp("keys"))
    return {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_real_key(kind, carrier, keys):
    key = keys.setdefault(kind, None) or real_key(kind)
    keys[kind] = key
    body = [line for line in key.splitlines() if b":" not in line and b"-----" not in line and line]
    headless = carrier.startswith("headless")
    if (headless and b"DEK-Info" in key) or (headless and len(body) == 1):
        body = body[1:]  # one short line above a last fence
    before, after = b"Nov 22 07:59:59 host app[12]: started\n", b"Nov 22 08:59:59 host app[12]: closed\n"
    data = before + CARRIERS[carrier](key) + after
    once = ENGINE.redacted(data)
    assert not [line for line in body if line in once]
    assert once.startswith(before)
    assert once.endswith(after)
    assert ENGINE.redacted(once) == once
    assert once.count(b"\n") == data.count(b"\n")
    if carrier in PREFIXES:
        for old, new in list(zip(data.splitlines(), once.splitlines(), strict=True))[1:-1]:
            assert new.startswith(old[: min(20, len(PREFIXES[carrier]))]) or not new


def test_neighbours_of_a_prefixed_key_stay(keys):
    key = keys.get("rsa") or real_key("rsa")
    lines = prefixed(key, PREFIXES["syslog"]).splitlines()
    lines.insert(5, b"Nov 22 08:00:05 host cron[7]: (root) CMD (run-parts)")
    once = ENGINE.redacted(b"\n".join(lines) + b"\n").splitlines()
    assert once[5] == lines[5]
    assert all(MARKER.search(line) for number, line in enumerate(once) if number != 5)


def hexed(*arguments):
    return b"\0".join(arguments).hex().upper().encode()


SECRET = b"aB3" + b"xK9" * 4
AUDIT = {
    "proctitle": (b"type=PROCTITLE msg=audit(1.1:1): proctitle=%s\n", hexed(b"mysql", b"-u", b"root", b"--password=" + SECRET)),
    "two words": (b"type=PROCTITLE msg=audit(1.1:1): proctitle=%s\n", hexed(b"mysql", b"--password", SECRET, b"db")),
    "cmd": (b"type=USER_CMD msg=audit(1.1:1): msg='cwd=\"/\" cmd=%s terminal=pts/0'\n", hexed(b"curl -u bob:" + SECRET + b" https://h/x")),
    "argument": (b'type=EXECVE msg=audit(1.1:1): argc=2 a0="sh" a1=%s\n', hexed(b"export DB_PASSWORD=" + SECRET + b"; run me")),
    "part of an argument": (b"type=EXECVE msg=audit(1.1:1): a1[0]=%s\n", hexed(b"run --password=" + SECRET + b" now")),
}


@pytest.mark.parametrize("name", AUDIT)
def test_audit_hex(name):
    frame, text = AUDIT[name]
    once = ENGINE.redacted(frame % text)
    start = frame.index(b"%s")
    encoded_text = once[start : start + len(once) - len(frame) + 2]
    before, after = bytes.fromhex(text.decode()).split(SECRET)
    decoded = bytes.fromhex(encoded_text.decode())
    assert decoded.startswith(before)
    assert decoded.endswith(after)
    assert MARKER.fullmatch(decoded[len(before) : len(decoded) - len(after)])
    assert once == frame % encoded_text
    assert ENGINE.redacted(once) == once


def test_arguments_in_fields_of_their_own():
    record = b'type=EXECVE msg=audit(1.1:1): argc=4 a0="mysql" a1="--password" a2="%s" a3="db"\n'
    once = ENGINE.redacted(record % SECRET)
    assert SECRET not in once
    assert MARKER.sub(b"%s", once) == record


def test_folded_base64():
    text = b"hello\n" * 20 + b"password: " + SECRET + b"\n" + b"world\n" * 20
    lines = base64.encodebytes(text).splitlines()
    data = b"content: |\n" + b"".join(b"  " + line + b"\n" for line in lines) + b"next: 1\n"
    once = ENGINE.redacted(data)
    assert not [line for line in lines if line in once]
    assert once.startswith(b"content: |\n  REDACTED_")
    assert once.endswith(b"\nnext: 1\n")


FILLS = (b"", b" ", b"\n", b'"', b': "x', b" aaa bbb\n", b"\\", b"-----BEGIN ", b"{", b"\n  a: b\n")
ALL = (*places.PATTERNS, *encoded.patterns(INNER.redacted))
MOST = 0.0003
"""CPU seconds that an anchor may cost on the average, whatever stands around it: so the time is linear, and bearable."""


@pytest.mark.parametrize("fill", FILLS)
def test_linear_on_hostile_texts(fill):
    """Every anchor over and over, more often than any pattern looks: each costs no more than the first ones."""
    slow = []
    for pattern in ALL:
        for literal in pattern.anchors:
            data = (literal.text + fill) * (80_000 // len(literal.text + fill))
            places_of_it = [data.find(literal.text, place) for place in range(0, 40_000, 2_000)]
            begun = time.process_time()
            for at in places_of_it:
                list(pattern.find(data, at))
            each = (time.process_time() - begun) / len(places_of_it)
            slow += [(pattern.name, literal.text, each)] if each > MOST else []
    assert not slow


def test_long_secret_does_not_make_it_slow():
    """A secret that is long costs once: the anchors within it are not asked."""
    data = b"machine h login b password " + b"kind: Secret " * 20_000
    begun = time.process_time()
    ENGINE.redacted(data)
    assert time.process_time() - begun < 5
