"""Jobs of cron that fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, rule
from diagbundle.analyse.facts.cron import CronRun
from diagbundle.analyse.facts.spoken import DAY, between, often

AGAIN = 2
"""Failures of one job that are no accident."""
MAX_TOLD = 5


@rule("SVC011", "jobs of cron", CronRun, About)
def jobs(runs: Sequence[CronRun], about: Sequence[About]) -> Iterator[Finding]:
    """A job of cron ends with an error each time, and nobody reads the mail that cron writes of it.

    Found where cron's log says twice and more that the same job failed, the last time less than 2 days before the collection, and it has
    failed at its last run (a warning); what is less or older is a note. Cron of RHEL does not log how jobs end.
    What to do: run the command by hand as the same user, with the short PATH that cron gives; read the job's own log.
    """
    failures: dict[tuple[str, str], list[CronRun]] = {}
    starts: dict[tuple[str, str], list[CronRun]] = {}
    begun: dict[int, CronRun] = {}
    for run in sorted(runs, key=lambda each: each.time):
        if run.status is None:
            begun[run.pid] = run
            starts.setdefault((run.user, run.command), []).append(run)
        elif job := begun.get(run.pid):
            failures.setdefault((job.user, job.command), []).append(run)
    worst = sorted(failures.items(), key=lambda each: -len(each[1]))
    for (user, command), those in worst[:MAX_TOLD]:
        yield _failing(user, command, those, starts[user, command][-1], about[0].now)


def _failing(user: str, command: str, those: Sequence[CronRun], last: CronRun, now: float) -> Finding:
    lasting = len(those) >= AGAIN and last.time <= those[-1].time and (not now or now - those[-1].time < 2 * DAY)
    fails = "fails" if lasting else "failed"
    return Finding(
        Severity.WARNING if lasting else Severity.NOTE,
        f"the cron job {command[:120]} of {user} {fails} with exit status {those[-1].status}, {often(len(those))}",
        (*(run.origin for run in [*those[:1], *those[1:][-2:]]), last.origin),
        f"Run it by hand as {user} with the environment of cron (`env -i PATH=/usr/bin:/bin`), and read its own log",
        detail=between(run.time for run in those),
        subject=command[:120],
        since=those[0].time,
        latest=those[-1].time,
    )
