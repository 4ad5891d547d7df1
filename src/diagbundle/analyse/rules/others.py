"""A host that keeps the logs of others."""

from collections.abc import Iterator

from diagbundle.analyse.api import Finding, Severity, rule
from diagbundle.analyse.facts.others import OtherHost

NAMED = 5


@rule("LOG030", "logs of other hosts that are kept here", OtherHost)
def others_speak(others: list[OtherHost]) -> Iterator[Finding]:
    """This host keeps the logs of others: a log server, or a relay.

    What others say accuses them and not this host, so it was not judged. A line is taken for another host's where the name in it is none of
    ours (host name, /etc/hosts), in a file in which our own name stands, too, or that of several hosts, or that lies below a folder for
    others. To judge those hosts, collect a bundle on each of them.
    """
    if others:
        most = sorted(others, key=lambda other: (-other.lines, other.name))
        names = ", ".join(other.name for other in most[:NAMED]) + (f" and {len(most) - NAMED} more" if len(most) > NAMED else "")
        yield Finding(
            Severity.NOTE,
            f"this host keeps logs of {len(most)} other{'' if len(most) == 1 else 's'}, which were not judged: {names}",
            tuple(other.origin for other in most[:NAMED]),
            "Collect a bundle on those hosts, if they are what the trouble is about",
            detail=f"{sum(other.lines for other in most):,} of their lines would have been judged here",
        )
