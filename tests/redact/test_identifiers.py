"""Identifiers: stand-ins are permutations that keep kinship and class, and the rewriter finds all of them and nothing else."""

import os
import random
import re
import stat
import tomllib
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import pairwise

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.cli import translate
from diagbundle.errors import OutputError, UsageError
from diagbundle.redact.identifiers import learn, procnet, rewrite
from diagbundle.redact.identifiers.addresses import CLOSED_V4, KEPT_V4, KEPT_V6, Addresses
from diagbundle.redact.identifiers.domains import SUFFIXES
from diagbundle.redact.identifiers.pseudonym import STANDIN, Pseudonyms, Translator, new_key, read_map, write_map
from diagbundle.redact.identifiers.rewrite import Rewriter

CASES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cases", "redact", "identifiers.toml")
with open(CASES, "rb") as _file:
    HITS, MISSES = tomllib.load(_file).values()
KEY = bytes(range(32))
ADDRESSES = Addresses(KEY)
PEOPLE = [b"hmoreau", b"rpetrov", b"alice", b"zoe.quist", b"k_ito"]
SERVERS = [b"srv-gru-05", b"web-01", b"cache7", b"dbmaster", b"srv-gru-05-standby"]
GROUPS = [b"ACMECORP"]
ENGINES = ["twin", "c"] if rewrite._rewrite else ["twin"]
NUMBERS = st.integers(0, 2**32 - 1)
MACS = st.integers(0, 2**48 - 1)
SETTINGS = settings(max_examples=120, deadline=None)


def pseudonyms(key=KEY):
    return Pseudonyms(key, {"user": PEOPLE, "host": SERVERS, "domain": [*GROUPS, b"corp.acme.com"]})


def engine(kind="twin", made=None, **more):
    made = made or pseudonyms()
    return Rewriter(made.known(), SUFFIXES, made.standin, twin=kind == "twin", **more)


def rewritten(text, kind="twin", made=None):
    return engine(kind, made).rewrite(text, 0, len(text), ())[0]


def four(number):
    return str(IPv4Address(number)).encode()


def six(number):
    return str(IPv6Address(number)).encode()


def shared(one, two, width):
    """Leading bits that two numbers have in common."""
    return width - (one ^ two).bit_length()


def near(width):
    """Two numbers that share some leading bits, more often than chance has it."""
    number = st.integers(0, 2**width - 1)
    return st.builds(lambda one, two, bits: (one, one ^ (two >> bits)), number, number, st.integers(0, width - 1))


# ---- addresses


@SETTINGS
@given(near(32))
def test_ipv4_keeps_prefixes(pair):
    one, two = (int(IPv4Address(ADDRESSES.ipv4(four(number)).decode())) for number in pair)
    kept = [any(IPv4Address(number) in ip_network(net) for net in KEPT_V4) for number in pair]
    assert shared(one, two, 32) == shared(*pair, 32)
    assert all(new == old for new, old, stays in zip((one, two), pair, kept, strict=True) if stays)


@SETTINGS
@given(near(128))
def test_ipv6_keeps_prefixes_of_networks(pair):
    one, two = (int(IPv6Address(ADDRESSES.ipv6(six(number)).decode())) for number in pair)
    assert min(shared(one, two, 128), 64) == min(shared(*pair, 128), 64)


@pytest.mark.parametrize("first", [0x2001 << 112, 0xFD00 << 112, 0x20010DB8 << 96, 0xFE80 << 112, 0xFFFF << 32, 0x0064FF9B << 96])
@SETTINGS
@given(rest=st.integers(0, 2**32 - 1), eui=st.booleans())
def test_ipv6_goes_back_and_keeps_its_class(first, rest, eui):
    number = first | (rest << 40 | 0xFFFE << 24 | 0x123456 if eui and first >> 112 else rest)
    new = ADDRESSES.ipv6(six(number))
    assert ADDRESSES.v6_number(int(IPv6Address(new.decode())), back=True) == number
    for net in map(ip_network, (*KEPT_V6, "2000::/3", "fc00::/7", "::ffff:0:0/96")):
        assert (IPv6Address(number) in net) == (IPv6Address(new.decode()) in net)


@SETTINGS
@given(NUMBERS)
def test_ipv4_goes_back_and_keeps_its_class(number):
    new = ADDRESSES.ipv4(four(number))
    assert ADDRESSES.ipv4(new, back=True) == four(number)
    for net in map(ip_network, (*KEPT_V4, *CLOSED_V4)):
        assert (IPv4Address(number) in net) == (IPv4Address(new.decode()) in net)


@pytest.mark.parametrize("net", ["10.20.30.0/24", "192.168.1.0/24", "172.31.255.0/24", "100.64.0.0/24", "8.8.8.0/24", "203.0.112.0/24"])
def test_ipv4_is_a_permutation_of_a_network(net):
    images = {ADDRESSES.ipv4(str(host).encode()) for host in ip_network(net)}
    assert len(images) == 256
    assert len({image.rpartition(b".")[0] for image in images}) == 1


@SETTINGS
@given(MACS)
def test_mac_keeps_its_vendor_and_goes_back(number):
    text = b":".join(b"%02x" % byte for byte in number.to_bytes(6, "big"))
    new = ADDRESSES.mac(text)
    assert new[:8] == text[:8]
    assert ADDRESSES.mac(new, back=True) == text
    group = number >> 40 & 1 or number == 0
    assert not group or new == text


@SETTINGS
@given(MACS.filter(lambda number: not number >> 40 & 1), st.sampled_from([0xFE80 << 112, 0xFD12 << 112, 0x2001047 << 100]))
def test_an_address_made_of_a_mac_agrees_with_it(number, prefix):
    octets = number.to_bytes(6, "big")
    eui = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    new = int(IPv6Address(ADDRESSES.ipv6(six(prefix | int.from_bytes(eui, "big"))).decode())).to_bytes(16, "big")
    mac = bytes([new[8] ^ 2]) + new[9:11] + new[13:]
    assert new[11:13] == b"\xff\xfe"
    assert mac == bytes.fromhex(ADDRESSES.mac(octets.hex().encode()).decode())


@SETTINGS
@given(near(64), st.sampled_from([0xFD12 << 48, 0x2001047 << 36]))
def test_no_other_address_comes_to_look_like_one_made_of_a_mac(pair, prefix):
    numbers = [prefix << 64 | number for number in (pair[0], pair[0] & ~(0xFFFF << 24) | (0xFFFE ^ pair[1] >> 50) << 24)]
    for number in numbers:
        new = int(IPv6Address(ADDRESSES.ipv6(six(number)).decode()))
        assert shared(new >> 24 & 0xFFFF, 0xFFFE, 16) == shared(number >> 24 & 0xFFFF, 0xFFFE, 16)


def test_all_spellings_of_an_address_are_one():
    spellings = [
        b"2001:470:0:0:0:0:0:1",
        b"2001:0470::0001",
        b"2001:470::1",
        b"2001:470:0:0::1",
        b"2001:0470:0000:0000:0000:0000:0000:0001",
    ]
    assert len({ADDRESSES.ipv6(text.upper() if odd else text) for odd, text in enumerate(spellings)}) == 1
    assert ADDRESSES.ipv6(b"::ffff:10.1.2.3") == b"::ffff:" + ADDRESSES.ipv4(b"10.1.2.3")
    assert ADDRESSES.ipv6(b"::ffff:a01:203") == b"::ffff:" + ADDRESSES.ipv4(b"10.1.2.3")
    assert ADDRESSES.ipv6(b"fe80::5054:ff:fe12:3456%eth0").endswith(b"%eth0")
    mac = ADDRESSES.mac(b"52:54:00:12:34:5e")
    assert ADDRESSES.mac(b"52-54-00-12-34-5E") == mac.upper().replace(b":", b"-")
    assert ADDRESSES.mac(b"5254.0012.345e").replace(b".", b"") == mac.replace(b":", b"")


def test_another_key_gives_other_stand_ins():
    other = Addresses(bytes(32))
    for text in (b"10.1.2.3", b"185.9.8.7"):
        assert other.ipv4(text) != ADDRESSES.ipv4(text)
    assert other.mac(b"52:54:00:12:34:56") != ADDRESSES.mac(b"52:54:00:12:34:56")
    assert pseudonyms(bytes(32)).standin("user", b"alice") != pseudonyms().standin("user", b"alice")


def test_the_same_key_gives_the_same_in_every_run():
    made = Pseudonyms(KEY, {})
    given_out = [
        made.standin(kind, text)
        for kind, text in [("ipv4", b"10.1.2.3"), ("mac", b"52:54:00:12:34:56"), ("user", b"alice"), ("host", b"a.example.com")]
    ]
    assert given_out == [b"10.246.79.136", b"52:54:00:79:bb:d7", b"user-e5pye6j7", b"host-ea77wbpd.dom-y3q6fgjc.invalid"]


# ---- names


def test_names_nest_as_their_domains_do():
    made = pseudonyms()
    one, two, other = (made.standin("host", name) for name in (b"web-01.corp.example.com", b"db-1.corp.example.com", b"x.example.org"))
    assert made.standin("host", b"WEB-01") + b"." + made.standin("host", b"Corp.Example.Com") == one
    assert one.partition(b".")[2] == two.partition(b".")[2]
    assert one.count(b".") == 3
    assert other.rpartition(b".")[0] not in one
    assert re.fullmatch(rb"[a-z0-9.-]+", one + two + other)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("host", b"a.b.example.com"),
        ("host", b"web-01"),
        ("host", b"srv.local"),
        ("user", b"alice"),
        ("user", b"PC7$"),
        ("domain", b"ACMECORP"),
        ("host", b"x.s3.amazonaws.com"),
    ],
)
def test_a_stand_in_stands_for_itself(kind, text):
    made = pseudonyms()
    once = made.standin(kind, text)
    assert once != text
    assert made.standin(kind, once) == once
    assert Pseudonyms(KEY, {}).standin(kind, once) == once


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("user", b"root"),
        ("user", b"1000"),
        ("user", b"www-data"),
        ("host", b"localhost"),
        ("host", b"127.0.0.1"),
        ("host", b"deb.debian.org"),
        ("host", b"::1"),
        ("host", b"localhost.localdomain"),
    ],
)
def test_what_names_nobody_stays(kind, text):
    assert pseudonyms().standin(kind, text) == text


def test_hosts_named_after_addresses_agree_with_them():
    made = pseudonyms()
    dashed = made.standin("ipv4", b"10.1.2.3").replace(b".", b"-")
    assert made.standin("host", b"ip-10-1-2-3.ec2.internal").startswith(b"ip-" + dashed + b".")
    assert made.standin("host", b"10-1-2-3.ns.pod.cluster.local").startswith(dashed + b".")
    assert made.standin("host", b"3.2.1.10.in-addr.arpa") == b".".join(reversed(dashed.split(b"-"))) + b".in-addr.arpa"
    number = int(IPv6Address("2001:470::7"))
    name = b".".join(bytes([digit]) for digit in reversed(b"%032x" % number)) + b".ip6.arpa"
    assert (
        made.standin("host", name) == b".".join(bytes([digit]) for digit in reversed(b"%032x" % ADDRESSES.v6_number(number))) + b".ip6.arpa"
    )


# ---- the map


@pytest.mark.parametrize("number", range(8))
def test_what_is_turned_comes_back(tmp_path, number):
    key = bytes([number]) * 32
    made = pseudonyms(key)
    text = b"\n".join(_filled(line, random.Random(number))[0] for number, line in enumerate(HITS))
    hidden = rewritten(text, made=made)
    path = str(tmp_path / "map")
    write_map(path, key, made.map())
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    back = Translator(*read_map(path)).back(hidden)
    assert _plain(back) == _plain(text)
    (tmp_path / "text").write_bytes(hidden)
    for arguments, fed in (([path, str(tmp_path / "text")], None), ([path], hidden)):
        assert CliRunner().invoke(translate.command, arguments, input=fed).stdout_bytes == back


def _plain(text):
    """IPv6 in one spelling, names in lower case: what a stand-in does not keep."""

    def short(match):
        try:
            return six(int(IPv6Address(match[0].decode())))
        except ValueError:
            return match[0]

    return re.sub(rb"[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f.]*", short, text.lower())


def test_a_map_is_nobodys_else(tmp_path):
    path = str(tmp_path / "map")
    key = new_key()
    write_map(path, key, pseudonyms().map())
    with pytest.raises(OutputError):
        write_map(path, key, ())
    os.symlink(path, tmp_path / "link")
    with pytest.raises(OutputError):
        write_map(str(tmp_path / "link"), key, ())
    assert read_map(path)[0] == key
    os.chmod(path, 0o640)
    with pytest.raises(UsageError) as caught:
        read_map(path)
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x",
        b"{}",
        b'{"diagbundle_pseudonyms": 2, "key": "00"}',
        b'{"diagbundle_pseudonyms": 1, "key": "00"}\n',
        b"[]",
        b'{"diagbundle_pseudonyms": 1, "key": "' + b"00" * 32 + b'"}\n{}\n',
        b"\xff",
    ],
)
def test_no_map_is_said_to_be_none(tmp_path, text):
    path = tmp_path / "map"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(UsageError):
        read_map(str(path))


# ---- the rewriter


def _filled(template, rng):
    """The template with values in its gaps, and those values."""
    values = []

    def value(match):
        values.append(KINDS[match[1]](rng))
        return f"⟦{len(values) - 1}⟧"

    marked = re.sub("⟦(\\w+)⟧", value, template)
    pieces = re.split("⟦[0-9]+⟧", marked)
    text = b"".join(piece.encode() + value for piece, value in zip(pieces, [*values, b""], strict=True))
    return text, [piece.encode() for piece in pieces], values


def _octets(rng, *first):
    return [*first, *(rng.randrange(256) for _ in range(4 - len(first)))]


def _quad(octets):
    return ".".join(map(str, octets)).encode()


def _private(rng):
    return _octets(rng, *rng.choice([(10,), (192, 168), (172, rng.randrange(16, 32)), (100, rng.randrange(64, 128))]))


def _mac(rng, sign=":"):
    return sign.join(f"{byte:02x}" for byte in [rng.choice([0x52, 0, 0x3C, 0xA4]), *rng.choices(range(256), k=5)]).encode()


def _six(rng, first):
    groups = [f"{rng.randrange(65536):x}" for _ in range(7)]
    text = ":".join([first, *groups]) if rng.random() < 0.3 else ":".join([first, *groups[: rng.randrange(1, 4)]]) + "::" + groups[-1]
    return (text.upper() if rng.random() < 0.2 else text).encode()


def _word(rng, low=4, high=10):
    return "".join(rng.choices("abcdefghijklmnoprstuvw", k=rng.randint(low, high))) + rng.choice(["", "7", "_x"])


def _label(rng):
    return _word(rng).replace("_", "-") + rng.choice(["", f"-{rng.randrange(99):02}", str(rng.randrange(9))])


def _fqdn(rng):
    end = rng.choice(["com", "net", "org", "de", "co.uk", "internal", "local", "corp", "io", "eu"])
    labels = [_label(rng) + "-1" for _ in range(rng.randint(2, 3))]
    return ".".join([*labels, end]).encode()


def _eui(rng):
    return b"fe80::%x:%xff:fe%02x:%x" % (rng.randrange(0x200, 0x2FF), rng.randrange(1, 255), rng.randrange(256), rng.randrange(65536))


KINDS = {
    "v4": lambda rng: _quad(_private(rng)),
    "v4dash": lambda rng: _quad(_private(rng)).replace(b".", b"-"),
    "pub": lambda rng: _quad(_octets(rng, rng.choice([23, 45, 62, 81, 93, 104, 151, 178, 185]))),
    "v6": lambda rng: (
        _six(rng, rng.choice(["2001:470", "2a02:8070"])) if rng.random() < 0 else _six(rng, rng.choice(["2a02", "2600", "2c0f"]))
    ),
    "ula": lambda rng: _six(rng, f"fd{rng.randrange(256):02x}"),
    "linked": _eui,
    "mac": _mac,
    "dashmac": lambda rng: _mac(rng, "-").upper(),
    "bare": lambda rng: _mac(rng, ""),
    "cisco": lambda rng: b"5254.%04x.a%03x" % (rng.randrange(65536), rng.randrange(4096)),
    "arpa": lambda rng: _quad(_private(rng)[::-1]) + b".in-addr.arpa",
    "fqdn": _fqdn,
    "realm": lambda rng: b"%s.EXAMPLE.COM" % _label(rng).upper().encode(),
    "user": lambda rng: ("u" + _word(rng)).encode(),
    "host": lambda rng: ("h" + _label(rng)).encode(),
    "person": lambda rng: rng.choice(PEOPLE),
    "server": lambda rng: rng.choice(SERVERS),
    "SERVER": lambda rng: rng.choice(SERVERS).upper(),
    "group": lambda rng: rng.choice(GROUPS),
}


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("template", HITS)
def test_all_identifiers_of_a_line_go(template, kind):
    made = pseudonyms()
    for seed in range(4):
        text, pieces, values = _filled(template, random.Random(f"{seed} {template}"))
        out = rewritten(text, kind, made)
        match = re.fullmatch(b"(.+?)".join(map(re.escape, pieces)), out, re.DOTALL)
        assert match, f"words around are lost: {text!r} -> {out!r}"
        left = [value for value, new in zip(values, match.groups(), strict=True) if new == value]
        assert not left, f"{left}: {text!r} -> {out!r}"


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("line", MISSES)
def test_what_is_no_identifier_stays(line, kind):
    text = line.encode()
    assert rewritten(text, kind) == text


@pytest.mark.parametrize("kind", ENGINES)
def test_secrets_are_replaced_and_end_identifiers(kind):
    text = b"https://bob:SECRET@web-01.acme.de/x?10.0.0.1=SECRET10.0.0.2 SECRET"
    spans = [(match.start(), match.end(), b"HIDDEN") for match in re.finditer(b"SECRET", text)]
    out, counts = engine(kind).rewrite(text, 0, len(text), spans)
    made = pseudonyms()
    expected = b"https://bob:HIDDEN@%s/x?%s=HIDDEN%s HIDDEN" % (
        made.standin("host", b"web-01.acme.de"),
        made.standin("ipv4", b"10.0.0.1"),
        made.standin("ipv4", b"10.0.0.2"),
    )
    assert out == expected
    assert counts == {"host": 1, "ipv4": 2}


@pytest.mark.parametrize("kind", ENGINES)
def test_disorder_is_refused(kind):
    for start, end, spans in [
        (0, 9, ()),
        (3, 2, ()),
        (-1, 2, ()),
        (0, 4, [(2, 1, b"")]),
        (0, 4, [(0, 9, b"")]),
        (0, 4, [(2, 3, b""), (1, 2, b"")]),
    ]:
        with pytest.raises(ValueError, match=r"spans must be|the part lies"):
            engine(kind).rewrite(b"abcd", start, end, spans)


@pytest.mark.parametrize("kind", ENGINES)
def test_an_error_of_whoever_knows_the_stand_ins_is_an_error(kind):
    def fails(kind, text):
        raise RuntimeError(kind)

    with pytest.raises(RuntimeError):
        Rewriter({}, (), fails, twin=kind == "twin").rewrite(b"at 10.0.0.1", 0, 11, ())


BITS = [
    b"10.0.0.1", b"1.2.3.4", b"192.168.7.7", b"2001:470::1", b"fe80::5054:ff:fe12:3456", b"::ffff:10.0.0.1", b"aa:bb:cc:dd:ee:ff", b"aa-bb-cc-dd-ee-ff", b"aabb.ccdd.eeff",
    b"web-01", b"alice", b"srv-gru-05", b"ACMECORP", b"a.example.com", b"com.example.app", b"x.conf", b".com", b"example.de-access.log", b"www.x.it", b"user=", b'"user":"',
    b"for user ", b"password for ", b" from ", b"uid=1000(", b")", b"/home/", b"host=", b"host: ", b"Mar 10 00:00:00 ", b"2024-03-10T00:00:00Z ", b"<34>1 ", b"sshd[1]: ", b"sudo:", b" : TTY=",
    b") CMD (", b"(", b"\\n", b"\\u003d", b"%3D", b"%20", b"\\", b"\n", b" ", b".", b":", b"::", b"-", b"_", b"/", b"//", b"@", b'"', b"'", b"=", b",", b"version ", b"v", b"Chrome/", b"enx001122334455",
    b"ip-10-0-0-1", b"10-0-0-1.ns.pod", b"MAC=", b"00:01:00:01:", b" > ", b".443", b"\xff\xc3", b"\x00", b"1", b"a", b"f", b"00:", b"abcd:", b"$", b"[", b"in-addr.arpa", b"cafe", b"max-age", b"k_ito",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(BITS) | st.binary(max_size=3), max_size=40).map(b"".join)


@pytest.mark.skipif("c" not in ENGINES, reason="no compiler where this was installed")
@settings(max_examples=400, deadline=None)
@given(TEXTS, st.data())
def test_the_twin_gives_the_same(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=6)))
    spans = [(cuts[i], cuts[i + 1], b"*") for i in range(1, len(cuts) - 2, 2)]
    tag = lambda kind, text: b"<%s %s>" % (kind.encode(), text)  # noqa: E731
    names = {name: b"<%s>" % name for name in (*PEOPLE, *SERVERS, *GROUPS, b"cafe")}
    one, two = (Rewriter(names, (*SUFFIXES, b"acme.zz"), tag, twin=twin) for twin in (True, False))
    for start, end in ((0, len(text)), (cuts[0], cuts[-1])):
        assert one.rewrite(text, start, end, spans) == two.rewrite(text, start, end, spans)


@pytest.mark.parametrize("kind", ENGINES)
def test_cuts_do_not_matter(kind):
    rng = random.Random(1)
    text = b"\n".join([b"(a-srv-gru-05 : TTY=pts/0", *(_filled(rng.choice(HITS), rng)[0] for _ in range(12))])
    made = engine(kind)
    whole = made.rewrite(text, 0, len(text), ())[0]
    for cut in range(120):
        cuts = [0, cut, *sorted(rng.sample(range(cut, len(text)), 5)), len(text)]
        assert b"".join(made.rewrite(text, start, end, ())[0] for start, end in pairwise(cuts)) == whole


def test_a_full_memory_is_emptied_and_nothing_changes():
    text = b"".join(b"%d.%d.%d.%d\n" % (10, i >> 16, i >> 8 & 255, i & 255) for i in range(40_000)) * 2
    asked = []
    made = Rewriter({}, (), lambda _, text: asked.append(text) or b"<" + text + b">")
    out = made.rewrite(text, 0, len(text), ())[0]
    assert out == re.sub(rb"(.+)\n", rb"<\1>\n", text)
    assert len(asked) >= 40_000


@pytest.mark.parametrize(
    "piece",
    [
        b"a.",
        b"1.",
        b"10.0.0.1.",
        b"a:",
        b"::",
        b"ab:cd:",
        b"aa-",
        b"\\n",
        b"%3D",
        b"user=",
        b"web-01.",
        b"web-01-",
        b"host: ",
        b"/home/",
        b"ip-10-0-0-",
        b"alice",
        b"x" * 50,
        b"\n<1>1 ",
    ],
)
def test_hostile_texts_take_linear_time(piece):
    import time

    made = engine(ENGINES[-1])
    took = []
    for size in (200_000, 800_000) if "c" in ENGINES else (20_000, 80_000):
        text = piece * (size // len(piece))
        before = time.process_time()
        made.rewrite(text, 0, len(text), ())
        took.append(time.process_time() - before)
    assert took[1] < 12 * took[0] + 0.2


# ---- the kernel's tables, and names learned


def test_tables_of_the_kernel():
    made = pseudonyms()

    def turned(name, line):
        out, at = [], 0
        for span in procnet.rows(name)(line):
            out += [line[at : span.start], made.standin(span.kind, line[span.start : span.end])]
            at = span.end
        return b"".join(out) + line[at:]

    new = ADDRESSES.ipv4(b"10.1.2.3").split(b".")
    hexed = b"".join(b"%02X" % int(octet) for octet in reversed(new))
    assert turned("/proc/net/tcp", b"   0: 0100007F:0016 0302010A:1F90 0A") == b"   0: 0100007F:0016 " + hexed + b":1F90 0A"
    assert (
        turned("proc/7/net/tcp6", b" 0: 0000000000000000FFFF00000302010A:0016 01") == b" 0: 0000000000000000FFFF0000" + hexed + b":0016 01"
    )
    assert (
        turned("proc/net/route", b"eth0\t0302010A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0")
        == b"eth0\t" + hexed + b"\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0"
    )
    mac = ADDRESSES.mac(b"525400123456")
    assert (
        turned("/proc/net/if_inet6", b"fe80000000000000505400fffe123456 02 40 20 80 eth0")
        == b"fe80000000000000505400fffe%s 02 40 20 80 eth0" % mac[6:]
    )
    assert procnet.rows("/proc/net/dev") is None
    assert procnet.rows("/var/log/tcp") is None


@pytest.mark.parametrize(("how", "text", "names"), [
    (learn.hostname, b"web-01.corp.acme.com\n", {("host", b"web-01.corp.acme.com"), ("host", b"web-01"), ("domain", b"corp.acme.com")}),
    (learn.hosts, b"127.0.0.1 localhost\n::1 ip6-localhost\n10.0.0.1 db-7.acme.com billing # x\n", {("host", b"db-7.acme.com"), ("host", b"db-7"), ("domain", b"acme.com"), ("host", b"billing")}),
    (learn.resolv, b"# x\nsearch corp.acme.com acme.com\nnameserver 10.0.0.1\n", {("domain", b"corp.acme.com"), ("domain", b"acme.com")}),
    (learn.passwd, b"root:x:0:0::/root:/bin/sh\nsvc:x:99:99::/:/bin/false\nzoe:x:1001:1001:Z:/home/zoe:/bin/sh\nodd\n", {("user", b"zoe")}),
    (learn.krb5, b"default_realm = CORP.ACME.COM\n CORP.ACME.COM = {\n kdc = dc-1.corp.acme.com:88\n }\n .acme.com = CORP.ACME.COM\n", {("domain", b"corp.acme.com"), ("host", b"dc-1"), ("host", b"dc-1.corp.acme.com"), ("domain", b"acme.com")}),
    (learn.sssd, b"[domain/ad.acme.com]\nldap_uri = ldaps://dc-2.acme.com:636\n", {("domain", b"ad.acme.com"), ("host", b"dc-2"), ("host", b"dc-2.acme.com"), ("domain", b"acme.com")}),
    (learn.samba, b"[global]\n workgroup = ACMECORP\n netbios name = FILE7\n", {("domain", b"acmecorp"), ("host", b"file7")}),
    (learn.known_hosts, b"|1|abc= ssh-rsa AAAA\n[gw-1.acme.com]:2222,10.0.0.1 ssh-rsa AAAA\n", {("host", b"gw-1"), ("host", b"gw-1.acme.com"), ("domain", b"acme.com")}),
    (learn.iqn, b"InitiatorName=iqn.1994-05.com.redhat:node-17\n", {("host", b"node-17")}),
    (learn.cloud, b'{"v1": {"local_hostname": "vm-12", "users": [{"username": "zoe"}]}}', {("host", b"vm-12"), ("user", b"zoe")}),
    (learn.cluster, b"nodelist {\n node {\n ring0_addr: node-a1\n }\n}\n<node id='1' uname=\"node-a2\"/>", {("host", b"node-a1"), ("host", b"node-a2")}),
    (learn.certificate, b"Subject: C = DE, CN = shop.acme.com\n DNS:*.acme.com", {("host", b"shop.acme.com"), ("domain", b"acme.com"), ("host", b"acme.com")}),
    (learn.homes, b"zoe\nlost+found\n.x\n", {("user", b"zoe")}),
    (learn.log, b"Mar 10 00:00:00 vm-12 sshd[1]: Accepted password for zoe from 10.0.0.1 port 1\n", {("host", b"vm-12"), ("user", b"zoe")}),
])  # fmt: skip
def test_names_are_learned(how, text, names):
    wide = learn.wide(how(text))
    assert {(kind, name) for kind, some in wide.items() for name in some} == names


@pytest.mark.parametrize("how", [*set(learn.FILES.values()), learn.log, learn.certificate, learn.homes])
@settings(max_examples=60, deadline=None)
@given(text=TEXTS | st.binary(max_size=200))
def test_learning_never_fails(how, text):
    learn.wide(how(text))


@pytest.mark.parametrize(
    "name", [b"db", b"web", b"admin", b"root", b"max", b"localhost", b"com", b"10.0.0.1", b"user-abcde2fg", b"", b"a b"]
)
def test_what_floods_is_not_looked_for(name):
    assert learn.wide([("host", name), ("user", name), ("domain", name)]) == {"host": [], "domain": [], "user": []}


def test_stand_ins_look_like_no_word():
    made = pseudonyms()
    for number in range(300):
        assert STANDIN.fullmatch(made.standin("user", b"someone%d" % number))
    assert not STANDIN.fullmatch(b"host-computer")
