"""Texts that somebody may have written to keep redaction busy: none takes very much longer than the most usual secrets do."""

import time

import pytest

from diagbundle.redact.redactor import Redactor

SIZE = 16 << 10
USUAL = b"password=a "
"""A name at every eleventh byte, each with a value that is hidden."""
FILLERS = [
    b"f('password=a ", b"(password=a ", b"({password: a ", b"'password=a ", b'f("password=a ', b"(psk=", b"(otp: ", b"(PVEAPIToken=", b"(key'>",
    b"(Master-Key: ", b"(credentials: ", b'kind": "Secret=a ', b'(psk="', b"(psk='", b"(psk=\\", b"seed=42", b"password New value: ", b"name New value: ",
    b"invalid value: 5 for key password length ", b"u:p@(", b"u:p@tcp(", b"proxy=u:p@", b" -p", b"-p a ", b"mysql -p ", b'log("token=" + repr(raw)) ',
    b"password: ${X:} ", b"PVECSRF", b"SERVER_TRAFFIC_SECRET_", b"key dump ", b"$6$", b"tokens create ", b"auth with ", b"connect('a','b',", b"} = '",
    b"-payload >a ", b'variant string "', b" cs1Label=password", b" => 4 bytes @ 0x", b'" s "', b"name,value\n", b'LoginModule user_a="P7a" ',
    b"parameters: $1 = 'a' ", b"digest:a:", b"nsupdate -y a:", b"default login: a => ",
]  # fmt: skip
WORST = 12
"""How many times the usual a filler may take: a value that is followed to the end of its room at each name takes a hundred times."""


@pytest.fixture(scope="module")
def redactor():
    return Redactor(key=bytes(32))


def seconds(redactor, unit):
    """The best of two: others work on this machine, too."""
    data = unit * (SIZE // len(unit))
    times = []
    for _ in range(2):
        begin = time.process_time()
        redactor.spans(data, 0)
        times.append(time.process_time() - begin)
    return min(times)


@pytest.fixture(scope="module")
def usual(redactor):
    return seconds(redactor, USUAL)


@pytest.mark.parametrize("unit", FILLERS, ids=repr)
def test_a_filler_costs_little(redactor, usual, unit):
    assert seconds(redactor, unit) < WORST * usual


@pytest.mark.parametrize("unit", FILLERS, ids=repr)
def test_a_filler_costs_little_amid_lines(redactor, usual, unit):
    assert seconds(redactor, unit + b"\n") < WORST * usual
