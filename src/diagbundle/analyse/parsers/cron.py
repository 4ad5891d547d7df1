"""What cron says of its jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Event, log_parser
from diagbundle.analyse.facts.cron import CronRun

_START = re.compile(r"\((?P<user>[^)\s]{1,64})\) CMD \((?P<command>.{1,500})\)\s*$")
_END = re.compile(r"\(CRON\) error \(grandchild #(?P<pid>\d{1,9}) failed with exit status (?P<status>\d{1,3})\)")


@log_parser(CronRun, ") cmd (", "failed with exit status")
def cron_runs(event: Event) -> Iterator[CronRun]:
    """`CRON[900]: (root) CMD (/srv/backup)`, later `CRON[899]: (CRON) error (grandchild #900 failed with exit status 2)`."""
    text = event.text[:700]
    if not event.facility.lower().startswith("cron"):
        return
    if found := _START.search(text):
        yield CronRun(event.pid, found["command"].strip(), found["user"], None, event.time, origin=event.origin)
    elif found := _END.search(text):
        yield CronRun(int(found["pid"]), status=int(found["status"]), time=event.time, origin=event.origin)
