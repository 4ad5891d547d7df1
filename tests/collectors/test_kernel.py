"""The kernel's ring buffer as rows."""

import os

import pytest

from diagbundle.collectors import kernel as module
from diagbundle.host import Host


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b"6,339,51,-;NET: Registered PF_INET\n", {"prio": 6, "seq": 339, "usec": 51, "flags": "-", "text": "NET: Registered PF_INET"}),
        (
            b"7,160,424069,-;pci_root PNP0A03:00: host bridge window; [io]\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n",
            {
                "prio": 7, "seq": 160, "usec": 424069, "flags": "-", "text": "pci_root PNP0A03:00: host bridge window; [io]",
                "fields": {"SUBSYSTEM": "acpi", "DEVICE": "+acpi:PNP0A03:00"},
            },
        ),
        (
            b"12,5,1,c,caller=T812;ev\\x0ail\\x1b[2J \\xc3\\xa4 \\x5cx41\n",
            {"prio": 12, "seq": 5, "usec": 1, "flags": "c,caller=T812", "text": "ev\nil\x1b[2J \u00e4 \\x41"},
        ),
        (b"4,6,2,-;\n", {"prio": 4, "seq": 6, "usec": 2, "flags": "-", "text": ""}),
        (b"4,6,x,-;a\\x09b\n c=d\n", {"raw": "4,6,x,-;a\tb\n c=d\n"}),
        (b"4,6;short\n", {"raw": "4,6;short\n"}),
        (b";\n", {"raw": ";\n"}),
        (b"-4,\xb2,+2,-;\n", {"raw": "-4,\udcb2,+2,-;\n"}),
        (b"4,%b,2,-;x" % (b"9" * 5000), {"raw": f"4,{'9' * 5000},2,-;x"}),
    ],
)  # fmt: skip
def test_records(record, expected):
    assert module.parse_record(record) == expected


def test_overwritten_records_are_passed_over_and_the_end_ends(monkeypatch):
    answers = iter([b"6,1,10,-;one\n", BrokenPipeError(), b"odd\n", b"6,9,90,-;nine\n", BlockingIOError(), b"6,10,99,-;never read\n"])

    def read(_descriptor, _size):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    host = Host()
    monkeypatch.setattr(host, "open", lambda _path: os.open("/dev/null", os.O_RDONLY))
    monkeypatch.setattr(os, "read", read)
    assert [row.get("text") or row["raw"] for row in module.kmsg(host)] == ["one", "odd\n", "nine"]


def test_this_machine():
    try:
        rows = list(module.kmsg(Host()))
    except Exception as error:  # noqa: BLE001
        pytest.skip(f"the kernel's log cannot be read here: {error}")
    numbers = [row["seq"] for row in rows]
    assert numbers == sorted(set(numbers))
    assert rows


def test_a_dump_itself_is_never_asked_for():
    import fnmatch

    paths = [source.path for source in module.kernel.sources(Host(root="/nonexistent")) if hasattr(source, "path")]
    dumps = ("/var/crash/127.0.0.1-2026/vmcore", "/var/crash/202611220200/dump.202611220200", "/proc/kcore", "/proc/vmcore", "/proc/kmsg")
    assert not [(dump, path) for dump in dumps for path in paths if fnmatch.fnmatchcase(dump, path)]
