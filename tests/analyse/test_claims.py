"""Claims are confirmed, contradicted, or there is no evidence; what is read from tickets is taken carefully. `ACCEPT=1` writes the expectations anew, for a look."""

import json
import os
import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.analyse import claims
from diagbundle.analyse.claims.claim import Claim, Standing
from diagbundle.analyse.claims.kinds import error
from diagbundle.analyse.claims.kinds.identity import is_kernel
from diagbundle.analyse.claims.statements import STATEMENTS
from diagbundle.analyse.claims.values import amount, is_version, span, when
from diagbundle.analyse.engine import analyse
from diagbundle.analyse.evidence.folder import FolderEvidence
from diagbundle.analyse.facts.distribution import is_prefix, named
from diagbundle.analyse.log.times import zone_named
from diagbundle.analyse.registry import Registry, known
from diagbundle.cli.analysis import finder
from diagbundle.errors import UsageError

CASES = pathlib.Path(__file__).parent.parent / "cases" / "claims"
FOUND = sorted(path.parent for path in CASES.glob("*/claims.txt"))
TICKETS = sorted(CASES.glob("tickets/*.txt"))
BERLIN = zone_named("Europe/Berlin")
THURSDAY = 1772704800.0  # 2026-03-05 10:00 UTC


def accepted(path, said):
    if os.environ.get("ACCEPT"):
        path.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")
    return json.loads(path.read_text())


def judged(folder, said):
    evidence = FolderEvidence(str(folder))
    registry = known()
    analysis = analyse(evidence, Registry(registry.parsers, [], []), finder)
    return claims.judge(said, analysis, evidence, finder)


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: folder.name)
def test_every_claim_stands_as_the_evidence_says(folder):
    said = claims.read((folder / "claims.txt").read_text().splitlines())
    answers = [
        f"{each.claim} -> {each.status.upper()}: {each.sentence} [{' '.join(map(str, each.origins))}]"
        for each in judged(folder / "tree", said)
    ]
    assert answers == accepted(folder / "expect.json", answers)


def test_what_is_confirmed_or_contradicted_cites_a_line():
    for folder in FOUND:
        for each in judged(folder / "tree", claims.read((folder / "claims.txt").read_text().splitlines())):
            assert each.status is Standing.NO_EVIDENCE or each.origins, each
            assert not each.sentence.removesuffix("Inc.").endswith(".")


def test_nothing_fails_where_nothing_is_there():
    answers = judged(CASES / "nothing" / "tree", claims.read((CASES / "nothing" / "claims.txt").read_text().splitlines()))
    assert {each.status for each in answers if each.claim.kind != "file"} == {Standing.NO_EVIDENCE}
    assert not [each for each in answers if "could not be judged" in each.sentence]


@pytest.mark.parametrize("path", TICKETS, ids=lambda path: path.stem)
def test_a_ticket_makes_these_claims(path):
    said = [str(claim) for claim in claims.of_ticket(path.read_text(), path.name)]
    assert said == accepted(path.with_suffix(".json"), said)


def test_every_kind_has_an_example_that_can_be_read():
    for kind in claims.every_kind().values():
        assert claims.read([kind.example])[0].kind == kind.name
        assert kind.title
        assert kind.judge.__doc__


def test_every_statement_leads_to_a_kind():
    assert {kind for kind, _, _ in STATEMENTS} <= set(claims.every_kind())


@pytest.mark.parametrize(
    ("word", "message"),
    [("kernel", "KIND=VALUE"), ("kernel=", "KIND=VALUE"), ("=4.6", "KIND=VALUE"), ("krenel=4.6", "no kind of claim called 'krenel'")],
)
def test_what_is_no_claim_is_refused(word, message):
    with pytest.raises(UsageError, match=message):
        claims.read([word])


def test_a_wrong_kind_has_a_hint():
    with pytest.raises(UsageError) as caught:
        claims.read(["krenel=4.6"])
    assert "did you mean 'kernel'" in caught.value.hint


@pytest.mark.parametrize(
    ("word", "claim"),
    [
        ("Kernel Version: 5.14", "kernel=5.14"), ("OS = 'RHEL 8.9'", "os=RHEL 8.9"), ("service nginx=running", "service=nginx running"), ("nginx service: failed", "service=nginx failed"),
        ("port 443: open", "port=443 open"), ("openssl version=3.0.7", "package=openssl 3.0.7"), ("host-name=db1", "hostname=db1"), ("bare metal=yes", "virtual=physical"), ("physical=no", "virtual=virtual"),
    ],
)  # fmt: skip
def test_keys_are_known_by_all_their_names(word, claim):
    assert str(claims.read([word])[0]) == claim


@pytest.mark.parametrize(
    ("text", "id_", "version"),
    [
        ("RHEL 8.9", "rhel", "8.9"), ("Red Hat Enterprise Linux release 8.9 (Ootpa)", "rhel", "8.9"), ("RedHat 7", "rhel", "7"), ("rhel8", "rhel", "8"), ("RHEL-9.4", "rhel", "9.4"), ("Red Hat Enterprise Linux 8 Update 9", "rhel", "8.9"),
        ("CentOS Stream 9", "centos-stream", "9"), ("CentOS Linux release 7.9.2009 (Core)", "centos", "7.9.2009"), ("centos7", "centos", "7"), ("Rocky Linux 9.3", "rocky", "9.3"), ("Alma 8", "almalinux", "8"), ("AlmaLinux release 9.4", "almalinux", "9.4"),
        ("Oracle Linux Server 8.9", "ol", "8.9"), ("OL8", "ol", "8"), ("Amazon Linux 2023", "amzn", "2023"), ("AL2", "amzn", "2"), ("Ubuntu 22.04.3 LTS", "ubuntu", "22.04.3"), ("ubuntu focal", "ubuntu", "20.04"), ("Debian 12", "debian", "12"),
        ("Debian GNU/Linux 12 (bookworm)", "debian", "12"), ("SLES 15 SP5", "sles", "15.5"), ("SUSE Linux Enterprise Server 12 SP5", "sles", "12.5"), ("SLES15SP4", "sles", "15.4"), ("SLE-15", "sles", "15"), ("SLES for SAP Applications 15.4", "sles", "15.4"),
        ("openSUSE Leap 15.5", "opensuse-leap", "15.5"), ("Fedora Linux 39", "fedora", "39"), ("Alpine Linux v3.19", "alpine", "3.19"), ("EL8", "el", "8"), ("VMware Photon OS 5.0", "photon", "5.0"),
    ],
)  # fmt: skip
def test_every_usual_spelling_of_a_distribution_is_known(text, id_, version):
    found = named(f"we use {text}, and more")
    assert found
    assert (found[0].id, found[0].version) == (id_, version)


@pytest.mark.parametrize(
    "text",
    ["", "the model is fine", "kernel-4.18.0.el8_9.x86_64", "alpinist 3", "global 2", "research 8", "coloriginal 8", "well8 done", "8.9"],
)
def test_other_words_are_no_distribution(text):
    assert named(text) is None


@pytest.mark.parametrize(
    ("said", "version", "is_so"),
    [
        ("4.18", "4.18.0-513.el8", True),
        ("4.1", "4.18.0", False),
        ("5.x", "5.14.0", True),
        ("4.18.0-51", "4.18.0-513", False),
        ("5", "5.4.0", True),
        ("5", "55.1", False),
        ("6.1.*", "6.1.0-18", True),
    ],
)
def test_a_kernel_is_meant_by_its_beginning(said, version, is_so):
    assert is_kernel(said, version) is is_so


def test_versions_are_beginnings():
    assert is_prefix("8", "8.9")
    assert not is_prefix("8.9", "8.10")
    assert is_prefix("22.4", "22.04.3")
    assert is_version("1.18", "1:1.18.0-6ubuntu14")
    assert not is_version("1.1", "1.18.0")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("64 GB", 64 << 30),
        ("1.5TiB", 1.5 * (1 << 40)),
        ("512 MB RAM", 512 << 20),
        ("lots", None),
        ("64 gigs", 64 << 30),
        ("64 apples", None),
        ("v2.5", None),
    ],
)
def test_amounts(text, count):
    assert amount(text) == count


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("41 days", 41 * 86400),
        ("2 days 4 hours", 2 * 86400 + 4 * 3600),
        ("a week", 604800),
        ("three months", 3 * 2629800),
        ("5m", 300),
        ("long", None),
    ],
)
def test_spans(text, seconds):
    found = span(text)
    assert (found and found[0]) == seconds


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("yesterday", "2026-03-04", "2026-03-05"),
        ("today", "2026-03-05", "2026-03-06"),
        ("on Mar 3", "2026-03-03", "2026-03-04"),
        ("Dec 24", "2025-12-24", "2025-12-25"),
        ("2026-01-23", "2026-01-23", "2026-01-24"),
        ("23.01.2026", "2026-01-23", "2026-01-24"),
    ],
)
def test_days_are_those_of_the_hosts_zone(text, first, last):
    from datetime import datetime

    at = [datetime.fromisoformat(each).replace(tzinfo=BERLIN).timestamp() for each in (first, last)]
    assert list(when(text, THURSDAY, BERLIN)) == at


@pytest.mark.parametrize(
    ("said", "line", "is_so"),
    [
        ("connection reset by peer", "read: Connection  Reset by peer", True), ("timeout after 30 ms on 10.0.0.1", "timeout after 31 ms on 10.9.9.9:80", True), ("can't open file", "can't open file", True),
        ("disk sdb failed", "disk sdc failed", False), ("reset by peer", "preset by peers", False), ('"No route to host"', "connect: No route to host", True), ("error: out of memory", "Out of memory: Killed process 17", True),
    ],
)  # fmt: skip
def test_a_quoted_message_is_found_whatever_its_numbers_case_and_signs(said, line, is_so):
    quote = error.quoted(said)
    assert (error.share_of(quote, line) == 1) is is_so
    assert not is_so or any(word in " ".join(line.lower().split()) for word in (quote.run, *quote.fragments))


def test_a_message_is_found_among_very_many_that_are_like_it(tmp_path):
    lines = [f"Mar  5 10:{n // 60 % 60:02}:{n % 60:02} web04 app[7]: could not connect to the server {n}" for n in range(9000)]
    lines[4500] = "Mar  5 11:15:00 web04 app[7]: could not connect to the queue of invoices"
    (tmp_path / "var/log").mkdir(parents=True)
    (tmp_path / "var/log/messages").write_text("\n".join(lines) + "\n")
    one, many, none = judged(
        tmp_path,
        claims.read(
            [
                "error=could not connect to the queue of invoices",
                "error=could not connect to the server 17",
                "error=could not connect to the moon",
            ]
        ),
    )
    assert (one.status, [origin.line for origin in one.origins]) == (Standing.CONFIRMED, [4501])
    assert "once" in one.sentence
    assert "at least" in many.sentence
    assert none.status is Standing.NO_EVIDENCE


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_any_text_can_be_a_ticket(text):
    for claim in claims.of_ticket(text):
        assert claim.value
        assert claim.kind in claims.every_kind()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_mutated_ticket_can_be_read(data):
    text = data.draw(st.sampled_from(TICKETS)).read_text()
    at = data.draw(st.integers(0, len(text)))
    assert isinstance(claims.of_ticket(text[:at] + data.draw(st.text(max_size=20)) + text[at + data.draw(st.integers(0, 40)) :]), list)


@pytest.fixture(scope="module")
def desk():
    evidence = FolderEvidence(str(CASES / "rhel8_sosreport" / "tree"))
    return analyse(evidence, Registry(known().parsers, [], []), finder), evidence


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(claims.every_kind())), value=st.text(max_size=60) | st.from_regex(r"[/a-z0-9. :-]{1,30}", fullmatch=True)
)
def test_any_value_can_be_judged(desk, kind, value):
    if kind == "error" and not error.quoted(value):
        return
    answer = claims.judge([Claim(kind, value)], *desk, finder)[0]
    assert "could not be judged" not in answer.sentence


def test_a_long_hostile_value_takes_no_time():
    for text in (
        "a" * 100_000,
        "1." * 50_000,
        "not " * 25_000,
        '"' * 50_000,
        "/" * 50_000,
        "RHEL " * 20_000,
        "service is " * 10_000,
        "kernel:" * 9_000,
        "up for " * 9_000,
    ):
        claims.of_ticket(text)
        named(text)
        error.quoted(text)
        amount(text[:2000]), span(text[:2000])
