"""Secrets behind names that other languages write in several words, and behind the wide colon."""

import pytest
from made import cases

from diagbundle.redact.named import foreign
from diagbundle.redact.scan import scanner

FINDS = [(literal, pattern.find) for pattern in foreign.PATTERNS for literal in pattern.anchors]
ANCHORS = scanner([literal for literal, _ in FINDS]).anchors


def spans(data):
    return sorted({(span.start, span.end) for at, index in ANCHORS(data) for span in FINDS[index][1](data, at)})


@pytest.mark.parametrize("case", cases("foreign"))
def test_case(case):
    data, secrets = case.made()
    assert [data[start:end] for start, end in spans(data)] == [data[start:end] for start, end in secrets]


@pytest.mark.parametrize("phrase", foreign._PHRASES)
def test_every_phrase_is_found_small_and_large(phrase):
    for text in (phrase, phrase.capitalize()):
        head = f"{text}: ".encode()
        assert spans(head + b"Kestrel-93xQ\n") == [(len(head), len(head) + 12)]


@pytest.mark.parametrize("filler", ["mot de passe : ", "\uff1a", "\u5bc6\u7801\uff1a", "clé "])
def test_hostile_text_ends(filler):
    assert spans((filler * 20_000).encode()) is not None
