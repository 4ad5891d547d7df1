"""Packed logs leave as plain text, UTF-16 as UTF-8, and what is no text not at all."""

import bz2
import gzip
import io
import lzma
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.errors import SourceSkipped
from diagbundle.redact import unpack
from diagbundle.redact.binary import HEAD
from diagbundle.redact.opened import opened

LINE = b"2026-11-21T23:15:00Z srv-fra-01 app[%d]: request %d took %d ms\n"
TEXT = b"".join(LINE % (n % 7, n, n * 37 % 991) for n in range(6000))
with open(sys.executable, "rb") as file:
    PROGRAM = file.read(90_000)
MARKER = b"REDACTED_binary_00000000"
PACKERS = {
    "gzip": (".gz", gzip.compress),
    "xz": (".xz", lambda data: lzma.compress(data, preset=0)),
    "lzma": (".lzma", lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE, preset=0)),
    "bzip2": (".bz2", bz2.compress),
    "zstd": (".zst", lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data)),
}
each_method = pytest.mark.parametrize("method", PACKERS)


def read(data, name="/var/log/x", cut=1 << 20):
    opening = opened(name, (data[at : at + cut] for at in range(0, len(data), cut)))
    return b"".join(opening), opening


def why(data, name="/var/log/x"):
    with pytest.raises(SourceSkipped) as caught:
        next(opened(name, iter([data])))
    return str(caught.value)


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


# -- packed


@each_method
def test_a_packed_log_is_plain_and_called_so(method):
    suffix, pack = PACKERS[method]
    text, opening = read(pack(TEXT), "/var/log/syslog.2" + suffix)
    assert (text, opening.name, opening.method, opening.fault) == (TEXT, "/var/log/syslog.2", method, "")
    assert opening.said() == f"unpacked ({method})"


@pytest.mark.parametrize(("program", "method"), [("gzip", "gzip"), ("xz", "xz"), ("lzma", "lzma"), ("bzip2", "bzip2"), ("zstd", "zstd")])
def test_files_of_real_programs(tmp_path, program, method):
    if not shutil.which(program):
        pytest.skip(f"no {program} here")
    (tmp_path / "log").write_bytes(TEXT)
    packed = subprocess.run([program, "-c", tmp_path / "log"], check=True, capture_output=True).stdout
    text, opening = read(packed)
    assert (text, opening.method, opening.fault) == (TEXT, method, "")


@pytest.mark.parametrize(
    ("name", "plain"),
    [("messages.1", "messages.1"), ("a/b.GZ", "a/b"), (".gz", ".gz"), ("log-gz", "log"), ("x.xz", "x.xz"), ("d.gz/log", "d.gz/log")],
)
def test_the_bytes_say_what_it_is_and_the_name_only_what_it_is_called(name, plain):
    assert read(gzip.compress(TEXT), name)[1].name == plain
    text, opening = read(TEXT, name)
    assert (text, opening.name, opening.method) == (TEXT, name, "")


@each_method
def test_members_behind_each_other_are_one_text(method):
    pack = PACKERS[method][1]
    text, opening = read(pack(TEXT) + pack(b"") + pack(b"the end\n"))
    assert (text, opening.fault) == (TEXT + b"the end\n", "")


@each_method
def test_zeros_behind_it_are_filling(method):
    text, opening = read(PACKERS[method][1](TEXT) + bytes(70_000))
    assert (text, opening.fault) == (TEXT, "")


@each_method
def test_what_else_stands_behind_it_stays_out_and_is_told(method):
    text, opening = read(PACKERS[method][1](TEXT) + b"hunter2 " * 3)
    assert text == TEXT
    assert opening.fault == "24 bytes behind its end are of another kind"


@each_method
@pytest.mark.parametrize("share", [0.6, 0.9, 0.999])
def test_a_packed_log_that_was_cut_gives_what_is_there(method, share):
    lines = noise(1_000_000).hex().encode()  # what is not packed well comes out early
    packed = PACKERS[method][1](lines)
    text, opening = read(packed[: int(len(packed) * share)])
    assert lines.startswith(text)
    assert opening.fault == "it ends too early"
    assert len(text) > len(lines) * share - 1_000_000


def test_gzip_gives_all_that_stands_before_the_cut():
    packed = gzip.compress(TEXT)[:-9]
    inner = zlib.decompressobj(wbits=31)
    assert read(packed)[0] == inner.decompress(packed) + inner.flush()


@each_method
def test_a_damaged_one_gives_what_stands_before_the_damage(method):
    lines = noise(800_000).hex().encode()
    packed = bytearray(PACKERS[method][1](lines))
    packed[len(packed) * 9 // 10] ^= 0xFF
    text, opening = read(bytes(packed))
    assert opening.fault.startswith("it is damaged") or opening.fault == "it ends too early"
    assert text[: len(text) // 2] == lines[: len(text) // 2]
    assert len(text) > 100_000


@each_method
def test_one_of_which_nothing_can_be_had_stays_out(method):
    assert why(PACKERS[method][1](TEXT)[:14]).startswith(f"binary, cannot be redacted: {method}, it ")


@each_method
def test_an_empty_log(method):
    text, opening = read(PACKERS[method][1](b""), "a" + PACKERS[method][0])
    assert (text, opening.name, opening.fault) == (b"", "a", "")
    assert read(b"")[0] == b""


@pytest.mark.parametrize("inner", PACKERS)
@each_method
def test_packed_twice_stays_out(method, inner):
    assert why(PACKERS[method][1](PACKERS[inner][1](TEXT))) == f"binary, cannot be redacted: {inner} inside {method}"


# -- bombs


@pytest.fixture
def small_bounds(monkeypatch):
    monkeypatch.setattr(unpack, "FREE", 4 << 20)
    monkeypatch.setattr(unpack, "RATIO", 100)


def bomb(method, size):
    if method == "zstd":  # 128 KiB of zeros in four bytes, again and again
        block = (((128 << 10) << 3) | (1 << 1)).to_bytes(3, "little") + b"a"
        last = (1 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"a"
        return b"\x28\xb5\x2f\xfd\x00\x58" + block * (size >> 17) + last
    return PACKERS[method][1](b"a" * size)


@each_method
def test_a_bomb_is_cut(method, small_bounds):
    text, opening = read(bomb(method, 64 << 20))
    assert 3 << 20 < len(text) <= 7 << 20
    assert opening.fault.startswith(f"it grows to more than {len(text):,} bytes")


@each_method
def test_a_log_of_one_line_again_and_again_is_no_bomb(method):
    lines = b"disk error, sector 12345\n" * 100_000
    text, opening = read(PACKERS[method][1](lines))
    assert (text == lines, opening.fault) == (True, "")


def test_more_in_gives_more_out(small_bounds):
    packed = gzip.compress(TEXT) * 100
    assert len(read(packed)[0]) == len(TEXT) * 100 > 4 << 20


MEASURED = """
import sys, time
from diagbundle.redact import unpack
from diagbundle.redact.opened import opened
unpack.FREE = 40 << 20
began, size = time.process_time(), 0
with open(sys.argv[1], "rb") as file:
    opening = opened("x", iter(lambda: file.read(1 << 20), b""))
    for piece in opening: size += len(piece)
with open("/proc/self/status") as file:
    peak = file.read().split("VmHWM:")[1].split()[0]
print(size, round(time.process_time() - began, 2), peak, opening.fault, sep="|")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "least", "fault"),
    [
        (lambda: bomb("zstd", 8 << 30), 39, "grows"),
        (lambda: packed_by("gzip", 64 << 20), 39, "grows"),
        (lambda: packed_by("xz", 64 << 20), 39, "grows"),
        (lambda: packed_by("xz", 64 << 20, "-9") * 2, 32, "window"),
        (lambda: packed_by("zstd", 160 << 20, "--long=27"), 32, "window"),
        (lambda: packed_by("bzip2", 8 << 20), 8, ""),
    ],
    ids=["zstd", "gzip", "xz", "xz -9", "zstd --long", "bzip2"],
)
def test_bombs_cost_little_memory_and_time(make, least, fault, tmp_path):
    (tmp_path / "bomb").write_bytes(make())
    told = subprocess.run([sys.executable, "-c", MEASURED, tmp_path / "bomb"], check=True, capture_output=True, text=True).stdout
    size, seconds, peak, said = told.strip().split("|")
    assert least << 20 <= int(size) <= 64 << 20
    assert fault in said
    assert float(seconds) < 6
    assert int(peak) < 60 << 10, "more than 60 MiB"


def packed_by(program, size, *words):
    """`size` bytes of one line, packed by a program."""
    source = subprocess.Popen(
        ["sh", "-c", f"yes 'disk error on sector 12345 of sda, trying again' | head -c {size}"], stdout=subprocess.PIPE
    )
    return subprocess.run([program, "-c", *words], check=True, stdin=source.stdout, capture_output=True).stdout


# -- charsets


WORDS = "2026-11-21 user=müller paßwort=geheim €5 \U0001f512\r\nnext line\n" * 300


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("cut", [1, 3, 1000, 1 << 20])
def test_a_marked_charset_becomes_utf8(charset, cut):
    text, opening = read(("\ufeff" + WORDS).encode(charset), cut=cut)
    assert (text.decode(), opening.charset) == (WORDS, charset.upper())
    assert opening.said() == f"{charset.upper()} became UTF-8"


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(charset):
    text, opening = read(WORDS.encode(charset))
    assert (text.decode(), opening.charset) == (WORDS, charset.upper())


def test_packed_utf16():
    assert read(gzip.compress(WORDS.encode("utf-16")))[0].decode() == WORDS


def test_half_a_letter_at_the_end_is_no_loss_of_the_rest():
    assert read(("\ufeff" + WORDS).encode("utf-16-le") + b"x")[0].decode() == WORDS + "\ufffd"


def test_a_mark_before_random_bytes_is_none():
    assert "unknown kind" in why(b"\xff\xfe" + noise(5000))


@pytest.mark.parametrize("words", [b"a\0b\0c\0", b"find\0.\0-name\0x\0", b"\0".join(b"-%c" % c for c in range(97, 123)) + b"\0"])
def test_words_between_nuls_are_no_utf16(words):
    text, opening = read(words, "/proc/1/cmdline")
    assert (text, opening.charset) == (words, "")


# -- text


SHELL = b"PATH=/usr/bin\0HOME=/root\0TERM=xterm\0EMPTY=\0LS_COLORS=rs=0:di=01;34\0" * 30
TEXTS = {
    "a log with a hole from a crash": TEXT + bytes(100_000) + TEXT,
    "a log that begins with a hole": bytes(50_000) + TEXT,
    "nothing but a hole": bytes(20_000),
    "an environment": SHELL,
    "a short environment": b"A=1\0B=2\0",
    "a command line": b"/usr/bin/java\0-Dx=y\0-cp\0a.jar:b.jar\0Main\0",
    "colours": b"\x1b[1;31mFAILED\x1b[0m \x1b[32mok\x1b(B\x1b[m\r\n" * 400,
    "a typescript": b"\x1b]0;root@x\x07root@x:~# ls\x08\x08\x08\r\n" * 300,
    "latin-1": "Gerät fährt über Grüße, später größer\n".encode("latin-1") * 300,
    "greek": "έγινε υπηρεσία ξεκίνησε κανονικά\n".encode("iso-8859-7") * 300,
    "koi8": "служба запущена без ошибок\n".encode("koi8-r") * 300,
    "shift-jis": "サービスを開始しました\n".encode("shift-jis") * 300,
    "gbk": "服务已启动 没有错误\n".encode("gbk") * 300,
    "utf-8": "サービスを開始しました Grüße €\n".encode() * 300,
    "a short latin-1 word": "Störung\n".encode("latin-1"),
    "broken utf-8": (b"caf\xc3 \xff\xfe ol\xe9 " + TEXT[:200]) * 30,
    "kernel hex": b"".join(b"[%5d.0] RIP: 0010:%016x Code: 48 8b 04 25 ff\n" % (n, n * 7919) for n in range(300)),
    "separated by ^A": b"8=FIX.4.2\x019=65\x0135=A\x0149=SERVER\x0156=CLIENT\x01108=30\x0110=062\x01\n" * 300,
    "separated by ^_ and ^^": b"key\x1fvalue\x1eother key\x1fits longer value, many words of it so that\x1e\n" * 200,
    "a stray handshake": TEXT[:2000] + b'10.1.2.3 - - "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" 400 157\n' + TEXT[:2000],
    "end of file as DOS has it": TEXT + b"\x1a",
    "numbers like a cpio": b"070701 2026 done\n" * 20,
    "ascii only": bytes(range(32, 127)) * 50,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("cut", [7, 1024, 1 << 20])
def test_what_is_text_leaves_as_it_is(text, cut):
    assert read(text, cut=cut)[0] == text


def test_a_line_of_many_megabytes():
    line = b"x=1;" * (5 << 20)
    assert read(line)[0] == line


# -- no text


def files_of_a_database(tmp_path):
    database = sqlite3.connect(tmp_path / "x.db")
    database.execute("create table t (secret text)")
    database.commit()
    return (tmp_path / "x.db").read_bytes()


def tar_of(form, name="log"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        info = tarfile.TarInfo(name)
        info.size = 5
        archive.addfile(info, io.BytesIO(b"text\n"))
    return buffer.getvalue()


def zip_of():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("log", "text\n")
    return buffer.getvalue()


def old_tar():
    """A header as it was before POSIX: without `ustar`."""
    head = bytearray(tar_of(tarfile.USTAR_FORMAT)[:1024])
    head[257:512] = bytes(255)
    head[148:156] = b"%06o\0 " % (sum(head[:148]) + 8 * 32 + sum(head[156:512]))
    return bytes(head)


LOGIN = struct.pack("<h2xi32s4s32s256shhiii16s20s", 7, 321, b"pts/0", b"ts/0", b"ada", b"client", 0, 0, 77, 1_795_000_000, 5, b"", b"")
BINARIES = {
    "a program": (PROGRAM, "a program or core file"),
    "sqlite": (files_of_a_database, "an SQLite database"),
    "journal": (b"LPKSHHRH" + bytes(200) + TEXT, "a journal file; its entries are in sos_commands/logs/journalctl_"),
    "tar": (lambda _: tar_of(tarfile.GNU_FORMAT), "a tar archive"),
    "old tar": (lambda _: old_tar(), "a tar archive"),
    "zip": (lambda _: zip_of(), "a zip archive"),
    "cpio": (b"070701" + b"%08x" % 7 * 13 + b"log\0text\n", "a cpio archive"),
    "ar, as deb": (b"!<arch>\ndebian-binary   1342943816  0     0     100644  4         `\n2.0\n", "an archive"),
    "compress": (b"\x1f\x9d\x90" + noise(100), "compressed in a way"),
    "lz4": (b"\x04\x22\x4d\x18" + noise(100), "compressed in a way"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "an image"),
    "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF\0" + TEXT, "an image"),
    "java keystore": (b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1" + noise(100), "a Java keystore"),
    "keytab": (b"\x05\x02\0\0\0\x46\0\2\0\x0bEXAMPLE.COM\0\4host", "a Kerberos keytab"),
    "ticket cache": (b"\x05\x04\0\x0c\0\1\0\x08\xff\xff\xff\xff\0\0\0\0", "a Kerberos ticket cache"),
    "der": (b"\x30\x82\x04\xa4\x02\x01\0\x02\x82\x01\x01\0" + noise(50), "a DER file"),
    "a short der": (b"\x30\x2e\x02\x01\0\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20" + noise(32), "a DER file"),
    "keybox": (b"\0\0\0\x20\1\1\0\2KBXf" + bytes(20), "an OpenPGP file"),
    "a core": (b"\x7fELF\2\1\1\0" + bytes(8) + b"\4\0\x3e\0", "a program or core file"),
    "pcap": (b"\xd4\xc3\xb2\xa1\2\0\4\0" + bytes(16), "a capture of packets"),
    "sar": (b"\x96\xd5\x75\x21\x0c\x06\1\0" + bytes(50), "sar data; its figures are in sos_commands/sar/"),
    "tdb": (b"TDB file\n" + bytes(23) + TEXT, "a database"),
    "berkeley db": (bytes(12) + b"\x61\x15\x06\0" + bytes(100) + b"text", "a database"),
    "random bytes": (noise(3000), "bytes of an unknown kind"),
    "floats": (struct.pack("<2000d", *(n**0.5 for n in range(2000))), "bytes of an unknown kind"),
    "numbers": (struct.pack("<2000i", *(n + 70 for n in range(2000))), "bytes of an unknown kind"),
}


@pytest.mark.parametrize(("data", "what"), BINARIES.values(), ids=BINARIES)
@pytest.mark.parametrize("method", ["", "gzip"])
def test_what_is_no_text_stays_out_and_is_named(data, what, method, tmp_path):
    data = data(tmp_path) if callable(data) else data
    said = why(PACKERS[method][1](data) if method else data)
    inside = f"{what.partition(';')[0]}, in gzip" if method and ";" in what else what
    assert said.startswith(f"binary, cannot be redacted: {inside}")


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("/var/log/wtmp", LOGIN, "login records; its records are in diagbundle/tables/"),
        ("/var/log/wtmp.1", LOGIN, "login records"),
        ("/var/log/wtmp-20261101", LOGIN * 9, "login records"),
        ("/run/utmp", LOGIN, "login records"),
        ("/var/log/btmp.1", LOGIN, "records of failed logins"),
        ("/var/log/lastlog", bytes(292 * 5), "records of last logins"),
        ("/var/log/faillog", bytes(320), "counts of failed logins"),
        ("/var/log/account/pacct", b"\0\3" + bytes(62), "process accounting"),
        ("/var/log/sa/sa07", b"\x10\xd4" + bytes(99), "sar data"),
        ("/x/secring.gpg", b"\xa5\x03\x14\x1f" + "schlüssel".encode("latin-1"), "keys"),
    ],
)
def test_what_is_called_like_one_and_holds_no_text(name, data, what):
    assert why(data, name).startswith(f"binary, cannot be redacted: {what}")
    assert read(TEXT, name)[0] == TEXT


def test_packed_login_records_are_known_by_their_name():
    assert why(gzip.compress(LOGIN), "/var/log/wtmp.1.gz").startswith("binary, cannot be redacted: login records, in gzip;")


@pytest.mark.parametrize("size", [16, 32, 64, 256, 512, 4096])
def test_keys_of_random_bytes_stay_out(size):
    out = 0
    for seed in range(200):
        try:
            read(noise(size, seed))
        except SourceSkipped:
            out += 1
    assert out >= (160 if size == 16 else 194)


# -- a text that turns


def test_a_stretch_that_is_no_text_becomes_a_marker_and_lines_keep_their_numbers():
    stretch = noise(50_000)
    text, opening = read(TEXT + stretch + b"\n" + TEXT)
    assert opening.hidden == text.count(MARKER) == 1
    before, after = text.split(MARKER)
    assert before == TEXT or (before.startswith(TEXT) and len(before) < len(TEXT) + 300)
    assert after.lstrip(b"\n") == TEXT
    assert text.count(b"\n") == (TEXT + stretch + b"\n" + TEXT).count(b"\n")
    assert opening.said() == "1 stretches of it are no text"


@pytest.mark.parametrize("data", [gzip.compress(noise(90_000)), PROGRAM, WORDS.encode("utf-16-le")])
def test_a_tail_that_is_no_text_is_hidden(data):
    text, _ = read(TEXT + data)
    left = text[len(TEXT) :].replace(MARKER, b"").strip(b"\n")
    assert len(left) < len(data) / 20


def test_the_marker_comes_from_who_reads():
    seen = []
    text = b"".join(opened("x", iter([TEXT + noise(5000)]), lambda stretch: seen.append(stretch) or b"REDACTED_binary_12345678"))
    assert text.count(b"REDACTED_binary_12345678") == len(seen)
    assert all(stretch in noise(5000) or stretch.startswith(TEXT[-20:]) for stretch in seen)


PARTS = st.sampled_from([
    TEXT[:3000], TEXT[:77], noise(2500), noise(90), noise(40_000, 3), bytes(1500), bytes(3), SHELL[:500], b"\n", b"\x01\x02", b"x" * 2100,
    "größer".encode("latin-1"), WORDS[:200].encode("utf-16-le"), b"\xff\xfe", b"A=1\0", MARKER, gzip.compress(b"abc"),
])  # fmt: skip
MIXED = st.lists(PARTS, max_size=8).map(b"".join)


def outcome(data, sizes, name="x.gz"):
    """What comes out: the text and what is said, or why nothing does."""
    chunks, at, number = [], 0, 0
    while at < len(data):
        size = sizes[number % len(sizes)]
        chunks.append(data[at : at + size])
        at, number = at + size, number + 1
    opening = opened(name, iter(chunks))
    try:
        return b"".join(opening), opening.name, opening.fault, opening.said()
    except SourceSkipped as skipped:
        return str(skipped)


@settings(max_examples=150, deadline=None)
@given(MIXED, st.lists(st.integers(1, 5000), min_size=1, max_size=5), st.sampled_from(["", *PACKERS]))
def test_where_the_reads_were_cut_makes_no_difference(data, sizes, method):
    data = PACKERS[method][1](data) + data[:50] if method else data
    assert outcome(data, sizes) == outcome(data, [1 << 20])


@settings(max_examples=150, deadline=None)
@given(MIXED, st.lists(st.integers(1, 5000), min_size=1, max_size=5))
def test_nor_does_it_in_a_text_that_turns(tail, sizes):
    data = TEXT[:HEAD] + tail + noise(700) + TEXT[:500]
    assert outcome(data, sizes) == outcome(data, [1 << 20])


def test_a_segment_is_judged_whole_wherever_the_reads_were_cut():
    line = b"x" * 200 + noise(300, 7).replace(b"\n", b"\1")
    data = TEXT[:HEAD].rpartition(b"\n")[0] + b"\n" + line + b"\n" + TEXT
    whole = outcome(data, [1 << 20])
    assert MARKER in whole[0]
    assert b"xxx" not in whole[0]
    for cut in range(1, 500, 13):
        assert outcome(data, [data.index(b"xxx") + cut]) == whole


def test_a_stretch_goes_on_to_the_end_of_its_line():
    line = noise(1024, 7).replace(b"\n", b"\1") + b"the rest of a record, " * 100 + b"\n"
    start = TEXT[:HEAD].rpartition(b"\n")[0] + b"\n"
    assert read(start + line + TEXT)[0] == start + MARKER + b"\n" + TEXT


@settings(max_examples=150, deadline=None)
@given(MIXED)
def test_opening_again_changes_nothing(tail):
    once = outcome(TEXT[:HEAD] + tail, [1 << 20], "x")[0]
    assert once.count(b"\n") == (TEXT[:HEAD] + tail).count(b"\n")
    assert outcome(once, [1 << 20], "x")[0] == once


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(
        [gzip.compress(b"x")[:10], b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh91AY&SY", b"\x5d\0\0\x80\0" + b"\xff" * 8 + b"\0", b"\xff\xfe"]
    ),
)
def test_any_bytes_have_an_outcome(data, head):
    outcome(head + data, [13])


@pytest.mark.slow
@pytest.mark.parametrize(
    "block",
    [
        b"\x01\n",
        b"\0",
        b"a\0",
        b"\0\n",
        b"\x01\x02\x03\x04\x05\x06\x10\x11\x12",
        b"\n",
        b"\x80\x01",
        b"x\x01" * 600 + b"\n",
        noise(4000),
        TEXT[:500] + b"\x01",
    ],
    ids=lambda block: repr(block[:12]),
)
def test_time_grows_with_size_alone(block):
    def seconds(size):
        data = (TEXT[:HEAD] + block * (size // len(block)))[:size]
        began = time.process_time()
        read(data, cut=1 << 20)
        return time.process_time() - began

    short, long = min(seconds(1 << 18) for _ in range(3)), min(seconds(1 << 20) for _ in range(2))
    assert long < max(0.05, short * 8)
    assert long < 3


def test_plain_text_passes_at_the_speed_of_memory():
    chunks = [TEXT * 3] * 100
    began = time.process_time()
    for _ in opened("x", iter(chunks)):
        pass
    assert len(chunks[0]) * 100 / (time.process_time() - began) > 2e9
