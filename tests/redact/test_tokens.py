"""Tokens with a format of their own go wholly, wherever they stand; what looks like them stays."""

import random
import re
import time
from functools import lru_cache

import pytest
from made import cases, expand

from diagbundle.errors import UsageError
from diagbundle.redact.finder import Finder
from diagbundle.redact.rules import built_in, check, load
from diagbundle.redact.span import MARKER, joined
from diagbundle.resources import resources

FILES = ("tokens_cloud", "tokens_code", "tokens_ai", "tokens_services", "tokens_keys", "tokens_infra")
CASES = cases(*FILES)
HITS = [param for param in CASES if param.values[0].hit]
MISSES = [param for param in CASES if not param.values[0].hit]
PATTERNS = {pattern.name: pattern for pattern in built_in()}
BARE = [param for param in HITS if re.fullmatch("⟦[^⟦⟧]*⟧", param.values[0].text)]
CARRIERS = {
    "alone": ("", ""),
    "in quotes": ('"', '"'),
    "after an escaped newline": (r'{"log":"x\n', r'\n"}'),
    "in a URL": ("?q%3D", "&y=1"),
    "after a slash": ("https://h/", "?x"),
    "before a quote": ("'", "', 'x'"),
    "in a list": ("[a, ", ", b]"),
    "in brackets": ("f(", ")"),
}
SAMPLES = 200


finder_of = lru_cache(maxsize=None)(Finder)


def spans_of(patterns, data):
    """What these patterns hide in a text, as pairs."""
    return [(span.start, span.end) for span in joined(finder_of(tuple(patterns)).spans(data))]


def shown(data, spans):
    return [data[start:end] for start, end in spans]


@pytest.mark.parametrize("case", HITS)
def test_a_secret_goes_wholly_and_nothing_else(case):
    for seed in range(5):
        data, secrets = case.made(seed)
        found = spans_of(list(PATTERNS.values()), data)
        assert shown(data, found) == shown(data, secrets), data


@pytest.mark.parametrize("case", MISSES)
def test_what_looks_alike_stays(case):
    for seed in range(20):
        data, _ = case.made(seed)
        assert shown(data, spans_of(list(PATTERNS.values()), data)) == []


@pytest.mark.parametrize("case", BARE)
def test_no_tail_is_left_in_any_carrier(case):
    pattern, rng = PATTERNS[kind_of(case)], random.Random(case.name)
    carriers = [
        (before.encode(), after.encode()) for before, after in CARRIERS.values() if not (before.endswith("/") and may_hold_slash(case))
    ]
    for _ in range(SAMPLES):
        secret, _ = expand(case.text, rng)
        for before, after in carriers:
            data = before + secret + after
            assert spans_of([pattern], data) == [(len(before), len(before) + len(secret))], data


def may_hold_slash(case):
    """After a slash, what may hold one itself is not told from a longer one; as what is a number or an address of a person."""
    return kind_of(case) in {
        "private_key", "keystore", "jwt_base64", "ceph_key", "ntlm_token", "azure_marked_key", "azure_bus_key", "card",
    }  # fmt: skip


def kind_of(case):
    return case.name.partition(":")[0]


def test_every_pattern_is_needed():
    needed = set()
    for param in HITS:
        case = param.values[0]
        data, secrets = case.made()
        kind = kind_of(case)
        others = [pattern for name, pattern in PATTERNS.items() if name != kind]
        if spans_of(others, data) != secrets:
            needed.add(kind)
    assert needed == set(PATTERNS)


def test_names_are_kinds_and_stand_once():
    names = [pattern.name for pattern in built_in()]
    assert len(names) == len(set(names))
    assert all(MARKER.fullmatch(f"REDACTED_{name}_00000000".encode()) for name in names)


def test_our_own_files_are_sound():
    found = list(resources("diagbundle.redact", "patterns"))
    assert found
    for name, _, contents in found:
        assert load(contents().decode("ascii"), name)


FILLERS = [
    b"eyJ", b"eyJ-", b"-eyJhbGci.", b"%3DeyJ", b"ZXlK-", b"sk-", b"-sk-a", b"AKIA", b"AKIAAAAAAAAAAAAAAAAA ", b"$6$", b"$1$a", b"\\$6\\$", b"+ASt", b"+ASt ",
    b"MIIEowIBAAKCAQEA", b"/MIIEowIBAAKCAQEA", b"MIG", b"ENC(", b"{AQAAAB", b'"kty"', b'"kty":"d":"', b"glpat-", b"ghp_.", b"hooks.slack.com/services/",
    b"a@", b"a@a.", b"a@b.c", b"@a.", b"%40a.", b"%2Ba", b"%2B@a.de ", b"4111", b"4111 ", b"DE89", b"DE89 3704 ", b"Private-Lines: 1\n", b"Private-Lines: 1 a\n",
    b"b3BlbnNzaC1rZXktdjE", b"AGE-PLUGIN-", b"Unseal Key 1: ", b":::", b"-us1", b"a-us1", b"_mmk", b":AA", b"1:AA", b"JQQJ99", b"9Q~", b"{sha}", b"$ANSIBLE_VAULT;1.1;AES256\n",
    b"SCRAM-SHA-256$1:", b"PVE:", b"PVEAPIToken=", b"accountkey=", b"xoxb-", b"K10", b"dt0", b":0101000000000000", b".atlasv1.", b"md5", b" *A",
]  # fmt: skip


@pytest.mark.parametrize("filler", FILLERS, ids=repr)
def test_time_is_linear_on_hostile_text(filler):
    data = (filler * (40_000 // len(filler) + 1))[:40_000]
    started = time.process_time()
    for pattern in PATTERNS.values():
        spans_of([pattern], data)
    assert time.process_time() - started < 2


# -- patterns of others

WHOLE = """
[[pattern]]
name = "acme_key"
title = "Key of Acme"
anchors = ["acme_", { text = "AC", run = 20 }]
regex = '(?:acme_|AC)(?P<secret>[0-9a-z]{10,})'
edge = true
hits = ["key acme_⟦0123456789abc⟧, x", "acme_abcdefghijk"]
misses = ["acme_short", "xacme_0123456789abc"]
"""


def test_a_file_of_a_vendor_becomes_patterns():
    (pattern,) = load(WHOLE, "acme.toml")
    assert (pattern.name, pattern.title) == ("acme_key", "Key of Acme")
    assert [(literal.text, literal.run) for literal in pattern.anchors] == [(b"acme_", 0), (b"AC", 20)]
    data = b"x acme_0123456789abc, AC0123456789012345678901 xacme_0123456789"
    assert shown(data, spans_of([pattern], data)) == [b"0123456789abc", b"0123456789012345678901"]


def test_its_cases_are_checked():
    assert [fault for pattern in load(WHOLE, "x") for fault in check(pattern)] == []
    wrong = (
        WHOLE.replace('"acme_short"', '"acme_0123456789"')
        .replace("⟦0123456789abc⟧", "⟦0123456789ab⟧c")
        .replace('"acme_abcdefghijk"', '"acme_abc"')
    )
    faults = [fault for pattern in load(wrong, "x") for fault in check(pattern)]
    assert [fault.split(":")[0] for fault in faults] == [
        "'acme_key' hides '0123456789abc' in", "'acme_key' finds nothing in", "'acme_key' finds a secret in",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said", "hint"),
    [
        ("edge", "egde", "x: [[pattern]] 1: unknown key: 'egde'", "did you mean 'edge'?"),
        ("edge = true", "edge = 1", "x: [[pattern]] 1: 'edge' must be true or false: '1'", ""),
        ("edge = true", 'check = "cards"', "'check' must be one of card, digits, iban, mail, mixed: 'cards'", "did you mean 'card'?"),
        ("edge = true", "check = []", "'check' must be one of", ""),
        ("edge = true", "back = 5000", "'back' must be a number from 1 to 1024: '5000'", ""),
        ('name = "acme_key"', "", "x: [[pattern]] 1: 'name' is missing", ""),
        ("acme_key", "Acme key", "'name' must be small letters, digits and _: 'Acme key'", ""),
        ("[0-9a-z]{10,})", "[0-9a-z]{10,}", "'regex' is not a regular expression: ", "it is one of Python's"),
        ("(?:acme_|AC)", "(?i)(?:acme_|AC)", "'regex' is not a regular expression: ", "instead of (?i) there is 'fold = true'"),
        ("(?:acme_|AC)(?P<secret>[0-9a-z]{10,})", "a*", "'regex' must not match nothing: a*", ""),
        ('["acme_", { text = "AC", run = 20 }]', "[]", "'anchors' must be a list of texts", ""),
        ('["acme_", { text = "AC", run = 20 }]', '["ac"]', "'anchors' must have 3 bytes or more: 'ac'", "'run' says how many"),
        ('["acme_", { text = "AC", run = 20 }]', '[{ text = "acme", runs = 3 }]', "'anchors': unknown key: 'runs'", "did you mean 'run'?"),
        ('["acme_", { text = "AC", run = 20 }]', "[{ run = 3 }]", "'anchors' have a 'text' or a 'shape' each", ""),
        ('["acme_", { text = "AC", run = 20 }]', '[{ shape = "cart" }]', "'shape' must be one of card, iban, mail: 'cart'", ""),
        ("[[pattern]]", "[[patern]]", "x: unknown key: 'patern'", "did you mean 'pattern'?"),
        ("[[pattern]]", "[pattern]", "'pattern' must be a table with two brackets, as in [[pattern]]", ""),
        ("name =", "name", "x is not TOML", ""),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused(old, new, said, hint):
    assert old in WHOLE
    with pytest.raises(UsageError) as refused:
        load(WHOLE.replace(old, new), "x")
    assert said in str(refused.value)
    assert hint in refused.value.hint


def test_a_file_without_a_pattern_or_with_one_twice_is_refused():
    with pytest.raises(UsageError, match="declares no pattern"):
        load("", "x")
    with pytest.raises(UsageError, match="stands twice: 'acme_key'"):
        load(WHOLE + WHOLE, "x")
