"""Packages that are neither whole nor gone, and databases of packages that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class UnfinishedPackage(Fact):
    """A package whose installation or removal was not finished."""

    name: str = ""
    state: str = ""
    """As dpkg calls it: `half-configured`, `half-installed`, `unpacked`, `triggers-pending`, `triggers-awaited`; `reinst-required`."""


@dataclass(frozen=True)
class PackageList(Fact):
    """That a package manager was asked, and told: without this nothing is known of unfinished ones."""

    manager: str = ""
    count: int = 0
    complaint: str = ""
    """What it said on standard error, where that is about its database."""


@dataclass(frozen=True)
class TwicePackage(Fact):
    """An rpm that is installed in two versions: an update that was interrupted leaves the old one behind."""

    name: str = ""
    """With its architecture."""
    versions: tuple[str, ...] = ()
