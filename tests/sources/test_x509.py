import base64
import random
import shutil
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagbundle.sources import x509
from diagbundle.sources.x509 import certificates, from_der

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make certificates")


def pem(folder, *more):
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "/dev/null",
        "-out",
        str(folder / "crt"),
        "-subj",
        "/C=DE/CN=a.example",
    ]
    subprocess.run([*words, "-days", "30", *more], check=True, capture_output=True)
    return (folder / "crt").read_bytes()


def der_of(text):
    return base64.b64decode(b"".join(text.splitlines()[1:-1]))


@needs_openssl
def test_the_fields_are_those_that_openssl_prints(tmp_path):
    text = pem(tmp_path, "-addext", "subjectAltName=DNS:a.example,IP:10.0.0.1,email:x@a.example", "-addext", "extendedKeyUsage=serverAuth")
    row = from_der(der_of(text))
    words = [
        "openssl",
        "x509",
        "-in",
        str(tmp_path / "crt"),
        "-noout",
        "-serial",
        "-fingerprint",
        "-sha256",
        "-enddate",
        "-dateopt",
        "iso_8601",
    ]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert f"serial={row['serial'].upper()}" in said.replace("serial=0", "serial=")
    assert row["sha256"].upper() in said.replace(":", "")
    assert row["not_after"].replace("T", " ") in said
    assert row["subject"] == row["issuer"] == "C=DE, CN=a.example"
    assert row["names"] == ["a.example", "10.0.0.1", "x@a.example"]
    assert row["usage"] == ["server_auth"]
    assert (row["key"], row["days_left"], row["self_signed"]) == ("rsa 2048", 29, True)
    assert certificates(der_of(text)) == [{"index": 0, **row}]


@needs_openssl
def test_a_bundle_keeps_its_order_and_its_damage(tmp_path):
    text = pem(tmp_path)
    damaged = text.replace(b"M", b"!", 1) + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    found = certificates(text + damaged + text)
    assert ["error" in row for row in found] == [False, True, False]
    assert [row["index"] for row in found] == [0, 1, 2]


@needs_openssl
def test_no_change_of_bytes_raises(tmp_path):
    der = der_of(pem(tmp_path, "-addext", "subjectAltName=DNS:a.example"))
    chance = random.Random(20261122)
    for _ in range(800):
        changed = bytearray(der[: chance.randrange(len(der)) if chance.random() < 0.3 else len(der)])
        for _ in range(chance.randint(1, 6) if changed else 0):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        assert isinstance(from_der(bytes(changed)), dict)


@needs_openssl
@pytest.mark.parametrize("error", [OverflowError, RecursionError, KeyError, ValueError])
def test_a_damaged_extension_costs_itself(tmp_path, monkeypatch, error):
    def raises(_certificate):
        raise error

    monkeypatch.setattr(x509, "_names", raises)
    row = from_der(der_of(pem(tmp_path)))
    assert row["damaged"] == ["names"]
    assert row["not_after"] > row["not_before"]


@given(st.binary(max_size=4000))
def test_no_bytes_raise(data):
    certificates(data)
    certificates(b"0" + data)
    from_der(data)


HOSTILE = {
    "beginnings": b"-----BEGIN CERTIFICATE-----\n" * 250_000,
    "one without an end": b"-----BEGIN CERTIFICATE-----" + b"A" * 7_000_000,
    "fields": b"certificate client-certificate-data: " * 200_000,
    "nested": b"\x30\x80" * 30_000,
    "blanks": b"-----BEGIN CERTIFICATE-----" + b" " * 7_000_000 + b"-----END CERTIFICATE-----",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_input_takes_no_longer_than_another(data):
    started = time.process_time()
    assert all("error" in row for row in certificates(data))
    assert time.process_time() - started < 3


def test_bounds():
    assert certificates(bytes(x509.MAX_INPUT + 1)) == [{"error": "more than 8 MiB"}]
    one = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    found = certificates(one * (x509.MAX_CERTIFICATES + 5))
    assert len(found) == x509.MAX_CERTIFICATES + 1
    assert found[-1]["error"].startswith("more than")
    assert "too many" in from_der(bytes(x509.MAX_DER + 1))["error"]
