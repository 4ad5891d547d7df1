"""Find collectors: ours, those that a kit carries, those of other packages, and TOML drop-ins; all become `Collector`.

We run as root, so Python is executed from installed packages only, never from a folder.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

from diagbundle import carried
from diagbundle.collect import declared
from diagbundle.collect.packages import GROUP, carried_offers, collectors_in, offered
from diagbundle.errors import UsageError
from diagbundle.host import Host
from diagbundle.model import Collector, Source, Stage, nothing
from diagbundle.resources import place, resources
from diagbundle.trust import trusted_contents

PACKAGE = "diagbundle.collectors"
DROP_INS = "/etc/diagbundle/collectors.d"
INCLUDE = "include"
"""The collector of what a user names with --include."""

Asking = Callable[[Host], Iterable[Source]]


def collector(  # noqa: PLR0913 - the fields of a Collector, by name
    *,
    title: str,
    stage: Stage = Stage.STATE,
    samples: Asking = nothing,
    folder: str = "",
    needs: str = "root",
    default: bool = True,
    waits: bool = False,
) -> Callable[[Asking], Collector]:
    """Make a collector of a function that yields sources; its name is the function's."""

    def made(function: Asking) -> Collector:
        return Collector(
            name=function.__name__, title=title, sources=function, stage=stage, samples=samples,
            folder=folder, needs=needs, default=default, waits=waits, origin=function.__module__,
        )  # fmt: skip

    return made


def is_ours(found: Collector) -> bool:
    """Whether a collector came with diagbundle, and not from another package or a drop-in."""
    return found.origin.startswith(place(PACKAGE))


@dataclass
class Registry:
    """What was found, by name, and what was not taken, with the reason."""

    collectors: dict[str, Collector] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of origin and reason: a line of the manifest each."""
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    """The same for what gave way to a collector of the kit: nothing is missing for that."""

    def add(self, found: Collector) -> None:
        """Take a collector; two of one name are an error, whoever offers them."""
        if (other := self.collectors.get(found.name)) is not None:
            raise UsageError(
                f"two collectors are called '{found.name}': {other.origin} and {found.origin}",
                hint="rename one of them; a file in " + DROP_INS + " bears the name of its collector",
            )
        self.collectors[found.name] = found


def find(extra_files: Iterable[str] = (), drop_in_folder: str = DROP_INS, only: Collection[str] | None = None) -> Registry:
    """All collectors: ours, the kit's, other packages', drop-ins and `extra_files`. Raises `UsageError`.

    Of ours, `only` these are imported, if each of them has a file of its name: that starts faster.

    A drop-in or a package that cannot be taken is recorded and the rest goes on; a file that was named by hand must be taken.
    The vendor's older drop-in may lie on the server: it gives way to what the kit carries.
    """
    registry = built_in(only)
    ours = set(registry.collectors)
    for origin, make in chain(_carried(), carried_offers()):
        for found in _made(registry, origin, make):
            registry.add(found)
    of_kit = set(registry.collectors) - ours
    for origin, make in chain(offered(), _drop_ins(drop_in_folder)):
        for found in _made(registry, origin, make):
            if found.name in of_kit:
                registry.passed_over.append((origin, f"{carried.program_name()} brings a collector of this name, which is asked instead"))
            else:
                registry.add(found)
    for path in extra_files:
        registry.add(trusted_file(path))
    registry.collectors = dict(sorted(registry.collectors.items()))
    return registry


def built_in(only: Collection[str] | None = None) -> Registry:
    """The collectors that came with diagbundle."""
    registry = Registry()
    for origin, make in _ours(only):
        for found in _made(registry, origin, make):
            registry.add(found)
    return registry


def choose(registry: Registry, only: Iterable[str] = (), without: Iterable[str] = (), with_: Iterable[str] = ()) -> list[Collector]:
    """The collectors that are to be asked, by name. Raises `UsageError` for a name that is not known."""
    only, without, with_ = list(only), set(without), list(with_)
    for name in (*only, *sorted(without), *with_):
        if name not in registry.collectors:
            raise UsageError(f"no collector is called '{name}'", hint=_hint(registry, name))
    for name in (*only, *with_):
        if name in without:
            raise UsageError(f"a collector is asked for and left out at once: '{name}'")
    wanted = {*(only or (name for name, found in registry.collectors.items() if found.default)), *with_} - without
    if not wanted:
        raise UsageError("no collector is left to ask", hint="leave out fewer; `diagbundle collectors` lists all")
    return [found for name, found in registry.collectors.items() if name in wanted]


def _hint(registry: Registry, name: str) -> str:
    for origin, reason in registry.refused:
        if os.path.basename(origin) == f"{name}.toml":
            return f"{origin} was refused: {reason}"
    nearest = declared.did_you_mean(name, registry.collectors)
    listing = f"`diagbundle collectors` lists all {len(registry.collectors)}"
    return f"{nearest} {listing}" if nearest else listing


# -- where they come from: each place gives pairs of an origin and a function that makes collectors

Found = tuple[str, Callable[[], Iterable[Collector]]]


def _made(registry: Registry, origin: str, make: Callable[[], Iterable[Collector]]) -> list[Collector]:
    """What `make` gives. A bulkhead: a fault in one collector must not cost the others."""
    try:
        return list(make())
    except UsageError as error:
        registry.refused.append((origin, f"{error}" + (f" ({error.hint})" if error.hint else "")))
    except Exception as error:  # noqa: BLE001 - see above
        registry.refused.append((origin, f"{type(error).__name__}: {error}"))
    return []


def _ours(only: Collection[str] | None) -> Iterator[Found]:
    """The collectors of the package."""
    found = list(resources(PACKAGE))
    stems = {name.partition(".")[0] for name, _, _ in found}
    for name, origin, contents in found:
        stem, dot, suffix = name.partition(".")
        if only is not None and stems.issuperset(only) and stem not in only:
            continue
        if dot and suffix == "toml":
            yield origin, partial(_of_toml, contents, origin)
        elif suffix in ("py", "pyc") and not stem.startswith("_"):
            yield origin, partial(_of_module, f"{PACKAGE}.{stem}", origin)


def _carried() -> Iterator[Found]:
    """The collectors that a kit carries as TOML."""
    kit = carried.product()
    for _, origin, data in kit.contents("collectors") if kit else ():
        yield origin, partial(_parsed, data, origin)


def _of_toml(contents: Callable[[], bytes], origin: str) -> list[Collector]:
    return _parsed(contents(), origin)


def _parsed(data: bytes, origin: str) -> list[Collector]:
    return [declared.parse(data, origin)]


def _of_module(name: str, origin: str) -> list[Collector]:
    module = importlib.import_module(name)
    # A collector that a module imported from another one is the other's.
    return [replace(found, origin=origin) for found in collectors_in(vars(module).values()) if found.origin in (name, "")]


def _drop_ins(folder: str) -> Iterator[Found]:
    """The files of the drop-in folder; '' for none."""
    try:
        names = sorted(os.listdir(folder)) if folder else []
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield folder, partial(_refuse, f"it cannot be listed: {error.strerror}")
        return
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith(".toml") and not name.startswith("."):
            yield path, partial(_trusted, path)
        elif name.endswith(".py"):
            yield path, partial(_refuse, "only TOML is read here; Python comes as a package with an entry point")


def _trusted(path: str) -> list[Collector]:
    return [trusted_file(path)]


def _refuse(reason: str) -> list[Collector]:
    raise UsageError(reason)


def trusted_file(path: str) -> Collector:
    """The collector in a TOML file that nobody but root (or we ourselves) can have written. Raises `UsageError`.

    It decides what we read as root.
    """
    path = os.path.abspath(path)
    if not path.endswith(".toml"):
        raise UsageError(
            f"a collector file must be TOML and end in .toml: {path}", hint=f"Python comes as a package with an entry point in {GROUP}"
        )
    return declared.parse(trusted_contents(path, "a collector file"), path)
