"""What support needs to know of an Acme server's pools. An example: the product is invented."""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Row, Source, Table, collector


@collector(title="Acme pools: the state, directory and log of each one", folder="acme")
def acme_pools(host: Host) -> Iterator[Source]:
    """Ask for each pool that runs; a pool that is configured and does not run costs no question to the control program."""
    yield Command(("acmectl", "pools"), timeout=10)
    for pool in _configured(host):
        yield File(f"/var/log/acme-pools/{pool}.log", timeout=600)
        why_not = "" if host.exists(f"/run/acme/{pool}.pid") else "the pool does not run"
        yield Command(("acmectl", "pool", "show", pool), timeout=5, skip=why_not)
    yield Table("acme_pools", rows=_pools)


def _configured(host: Host) -> list[str]:
    """Names in /etc/acme/pools, one a line; `#` begins a comment."""
    return [line.split()[0] for line in host.lines("/etc/acme/pools") if not line.startswith("#")]


def _pools(host: Host) -> Iterator[Row]:
    """One row a pool: its name and the number of its main process, `null` if it does not run."""
    for pool in _configured(host):
        text = host.text(f"/run/acme/{pool}.pid").strip()
        yield {"pool": pool, "pid": int(text) if text.isdecimal() else None}
