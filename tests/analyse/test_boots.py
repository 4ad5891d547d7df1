"""Boots from `last` and `wtmpdb last`: a crash is told only where shutdowns are told, too."""

import pytest

from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.evidence.entry import Entry
from diagbundle.analyse.parsers.changes_host import last

WITHOUT_X = """
reboot   system boot  5.14.0-427.el9.x Thu Mar  5 06:20:01 2026 - still running
reboot   system boot  5.14.0-427.el9.x Wed Mar  4 06:20:01 2026 - Thu Mar  5 06:19:00 2026  (23:58)
reboot   system boot  5.14.0-362.el9.x Mon Feb  2 06:20:01 2026 - Wed Mar  4 06:19:00 2026 (29+23:58)
"""
WITH_X = """
reboot   system boot  6.12.38+deb13-am Thu Mar  5 06:20:01 2026 - still running
reboot   system boot  6.12.38+deb13-am Wed Mar  4 06:20:01 2026 - Thu Mar  5 06:19:00 2026  (23:58)
shutdown system down  6.12.38+deb13-am Wed Mar  4 06:19:00 2026 - Wed Mar  4 06:20:01 2026  (00:01)
reboot   system boot  6.12.38+deb13-am Mon Feb  2 06:20:01 2026 - Wed Mar  4 06:19:00 2026 (29+23:58)
"""
WTMPDB = """
s-reboot system boot  6.12.38+deb13-amd64  Thu Mar  5 06:20:01 2026 - still running
reboot   system boot  6.12.38+deb13-amd64  Mon Feb  2 06:20:01 2026 - Thu Mar  5 06:19:00 2026  (30+23:58)
shutdown system down  6.12.38+deb13-amd64  Thu Mar  5 06:19:00 2026 - Thu Mar  5 06:19:00 2026  (00:00)
"""


@pytest.mark.parametrize(
    ("text", "kinds", "kernel"),
    [
        (WITHOUT_X, ["reboot", "reboot", "reboot"], "5.14.0-427.el9.x"),
        (WITH_X, ["reboot", "reboot", "crash"], "6.12.38+deb13-am"),
        (WTMPDB, ["reboot", "reboot"], "6.12.38+deb13-amd64"),
        ("reboot   system boot  0.0.0.0          Thu Mar  5 06:20:01 2026   still running\n", ["reboot"], ""),
    ],
)
def test_boots(text, kinds, kernel):
    found = list(last(Document(Entry("last", there=True), text.encode())))
    assert [change.kind for change in found] == kinds
    assert found[-1].new == kernel
