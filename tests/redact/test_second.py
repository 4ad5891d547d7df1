"""The look before sealing: it shows what a person would stumble over, little else, and never the secret."""

import random
import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import expand

from diagbundle.redact import second
from diagbundle.redact.second import MOST, NAMED, NEARBY, UNLIKE, Look

BLOCK = 1 << 20


def look(text, cut=BLOCK):
    seen = Look()
    for at in range(0, len(text), cut):
        seen.see("var/log/x", text[at : at + cut])
    return seen.lines()


def made(template, seed=3):
    text, (span, *_) = expand(template, random.Random(seed))
    return text, text[span[0] : span[1]]


def filling(lines, seed=1):
    """A log without secrets, full of ids."""
    rng = random.Random(seed)
    return "".join(
        f"2026-11-21T23:15:{n % 60:02}Z srv-fra-01 app[{n % 997}]: request {uuid.UUID(int=rng.getrandbits(128))} trace={rng.getrandbits(128):032x} "
        f"pod api-7d4b9c6f5-x{n % 10}k9q sha256:{rng.getrandbits(256):064x} at com.acme.orders.OrderService$Handler.apply(OrderService.java:{n % 300})\n"
        for n in range(lines)
    ).encode()


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("db_password = ⟦{secret}⟧{nl}", NAMED),
        ("export APP_SECRET='⟦{secret}⟧'{nl}", NAMED),
        ('{{"apiKey": "⟦{hex:32}⟧"}}{nl}', NAMED),
        ('{{\\"token\\": \\"⟦{b62:24}⟧\\"}}{nl}', NAMED),
        ("2026-11-21 login of ada with pass phrase:token: ⟦{b62:28}⟧ ok{nl}", NAMED),
        ("the vault said ⟦{b64:44}⟧ and so on{nl}", NEARBY),
        ("Authorization Custom ⟦{b64url:40}⟧{nl}", NEARBY),
        ("received ⟦{b62:40}⟧ from 10.1.2.3{nl}", UNLIKE),
        ("GET /cb?state=1&v=⟦{b64url:43}⟧&x=1{nl}", UNLIKE),
    ],
)
def test_what_looks_like_a_secret_is_shown_and_not_told(template, why):
    text, secret = made(template)
    before = filling(20)
    (found,) = look(before + text + filling(20, 2))
    assert (found.name, found.line, found.why) == ("var/log/x", 21, why)
    assert found.word == secret[:2].decode() + "…"
    assert found.row() == {"line": 21, "word": found.word, "why": why}


@pytest.mark.parametrize(
    "line",
    [
        "password: REDACTED_secret_0a1b2c3d and token=REDACTED_jwt_00112233",
        'url=postgres://ada:REDACTED_url_password_0470f729@db-05.corp.example.com:5432/orders"',
        "password = ${DB_PASSWORD}", "token: $(cat /run/x)", "secret = {{ vault_secret }}", "pass=%s", "password=****************", "password: xxxxxxxx",
        "password_file = /etc/acme/passwords.conf", "token_endpoint=https://sso.example.com/oauth2/token", "secretName: acme-database-creds",
        "PasswordAuthentication yes", "password expired for user", "max_tokens=128000", "unexpected token: identifier", "token_type=Bearer2",
        "ssh_key_id: 8a7d6f5e4c3b2a190817", "public_key=AbCd0123EfGh4567IjKl", "the key: primary", "passwd: files sss systemd",
        "Nov 21 23:15:00 host kernel: nf_conntrack_ftp: /dev/disk/by-id/nvme-SAMSUNG_MZVL21T0HCLR-00B00_S676NX0R",
        "org.springframework.beans.factory.UnsatisfiedDependencyException: AbstractAutowireCapableBeanFactory",
        "----=_NextPart_000_0001_01C2A9A1.71F5E3B0", "libcrypto.so.3.0.7-25.el9_3.x86_64", "2026-11-21T23:15:00.123456789+01:00",
        "/usr/lib/x86_64-linux-gnu/libpthread-2.31.so", "build-id 3f2504e04f8911d39a0c0305e82c3301ab12cd34", "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "SYSTEMD_CGROUP=/system.slice/acme-frontend-worker@12.service",
    ],
)  # fmt: skip
def test_what_is_none_is_not_shown(line):
    assert look(filling(5) + line.encode() + b"\n" + filling(5, 2)) == []


def test_ids_that_a_file_is_full_of_are_its_own():
    rng = random.Random(5)
    ids = [expand("request {b62:24} done{nl}", rng)[0] for _ in range(50)]
    assert look(b"".join(ids)) == []
    (found,) = look(ids[0] + filling(50))
    assert found.why == UNLIKE


def test_wrapped_data_is_none():
    rng = random.Random(9)
    lines = [expand("{b64:60}PwD+{nl}", rng)[0] for _ in range(3)] + [expand("{b64:38}{nl}", rng)[0]]
    assert look(b"-----BEGIN CERTIFICATE-----\n" + b"".join(lines) + b"-----END CERTIFICATE-----\n") == []


def test_a_leak_on_every_line_is_shown_once():
    rng = random.Random(6)
    text = b"".join(expand("login_token: {b62:24}{nl}", rng)[0] for _ in range(300))
    assert len(look(text)) == 1


def test_a_few_lines_of_a_member_the_strangest_ones_in_order():
    rng = random.Random(7)
    rows = [expand(f"name{{lower:6}}_secret={{b62:{8 + n}}}{{nl}}", rng)[0] for n in range(40)]
    found = look(filling(3) + b"".join(rows))
    assert len(found) == MOST
    assert [one.line for one in found] == sorted({one.line for one in found})
    assert {one.why for one in found} == {NAMED}


def test_members_are_apart():
    text, _ = made("db_password = ⟦{secret}⟧{nl}")
    seen = Look()
    seen.see("a", b"one\n" + text)
    seen.see("b", b"one\ntwo\n" + text)
    seen.see("a", b"more\n")
    assert [(one.name, one.line) for one in seen.lines()] == [("a", 2), ("b", 3)]


@pytest.mark.parametrize("cut", [BLOCK, 300_001, 1 << 16])
def test_line_numbers_are_those_of_the_stored_text(cut):
    text, _ = made("db_password = ⟦{secret}⟧{nl}")
    log = filling(30_000)[: 6 * BLOCK - 1] + b"\n"
    place = log.index(b"\n", 3 * BLOCK) + 1  # the sample takes the beginning of each stride
    log = log[:place] + text + log[place:]
    found = [one for one in look(log, cut) if one.why == NAMED]
    if cut == BLOCK:
        assert [one.line for one in found] == [log.count(b"\n", 0, place) + 1]
    assert all(b"db_password" in log.split(b"\n")[one.line - 1] for one in found)


def test_ordinary_logs_have_no_suspects():
    assert look(filling(60_000)) == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"password=", b"Ab3xY9", b"\n", b'"', b"\\", b"token", b": ", b"\xff", b"REDACTED_secret_0a1b2c3d", b"k" * 30, b"="]
        ),
        max_size=60,
    )
)
def test_nothing_is_shown_of_a_marker_and_no_input_is_too_much(parts):
    text = b"".join(parts)
    for found in look(text, 7):
        assert len(found.word) <= second.SHOWN + 1
        assert not found.word.startswith("RE")
        assert 1 <= found.line <= text.count(b"\n") + 1


@pytest.mark.parametrize(
    "block", [b"password=", b"key", b"Ab3", b"A1b2C3d4E5f6G7h8I9j0K1 ", b"token: Ab3xY9zz8\n", b"\\", b'"', b"_" * 50, b"pass" * 20 + b"="]
)
def test_hostile_text_costs_what_ordinary_text_does(block):
    text = block * (BLOCK // len(block))
    began = time.process_time()
    look(text)
    assert time.process_time() - began < 0.5


def test_the_cost_is_bounded_however_long_it_is():
    text = filling(4000)
    text = (text * (BLOCK // len(text) + 1))[:BLOCK]

    def seconds(blocks):
        seen = Look()
        began = time.process_time()
        for _ in range(blocks):
            seen.see("x", text)
        return time.process_time() - began

    short = min(seconds(8) for _ in range(3))
    assert seconds(2000) < short * 3 + 0.05
