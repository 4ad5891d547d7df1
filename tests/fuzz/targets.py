"""The table of targets: a name, what is called with the bytes, the seeds, how they are mutated, and which error is an allowed answer."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from diagbundle.errors import BundleError, DiagbundleError, UsageError

from . import answers, bundles, field, hiding, judging, mutate, network, readers

HERE = os.path.dirname(os.path.abspath(__file__))


def no_seeds():
    """All seeds lie in the folder."""
    return []


@dataclass(frozen=True)
class Target:
    """One way in for hostile bytes."""

    name: str
    run: Callable[[bytes], None]
    answers: tuple[type[DiagbundleError], ...] = ()
    """Errors that are an answer; everything else that is raised is a defect."""
    made: Callable[[], list[bytes]] = no_seeds
    mutated: Callable = mutate.mutated

    def seeds(self):
        """Small real inputs: those that are made, and those in the folder of the target's name."""
        return [*self.made(), *_files(os.path.join(HERE, "seeds", self.name))] or [b""]

    def found(self):
        """Inputs that once failed, by name: they must not again."""
        return dict(zip(_names(folder := os.path.join(HERE, "found", self.name)), _files(folder), strict=True))


def _names(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def _files(folder):
    for name in _names(folder):
        with open(os.path.join(folder, name), "rb") as file:
            yield file.read()


def _manifests():
    return [bundles.good()[1]]


def _headers():
    return [stream[at : at + 1536] for stream in bundles.streams() for at in (0, 1024)][:40]


def _hosts_of_all():
    """Every host that is a seed of a collector, with the collector's name in it."""
    return [field.for_child(name, seed) for name in field.collectors() for seed in _files(os.path.join(HERE, "seeds", "collector", name))]


DESK = (
    Target("bundle/file", readers.bundle_file, (BundleError,), lambda: list(bundles.vectors())),
    Target("bundle/stream", readers.bundle_stream, (BundleError,), bundles.streams),
    Target("bundle/manifest", readers.bundle_manifest, (BundleError,), _manifests),
    Target("bundle/unpack", readers.bundle_unpack, (BundleError,), bundles.streams),
    Target("bundle/headers", readers.tar_headers, (BundleError,), _headers),
    Target("bundle/lines", readers.manifest_lines, (BundleError,), _manifests),
    Target("cli/shown", readers.shown, (), _manifests),
    Target("toml/collector", readers.toml_collector, (UsageError,)),
    Target("toml/config", readers.settings, (UsageError,)),
    Target("values", readers.values),
    Target("wire", readers.wire, (), lambda: [answers.messages()]),
    Target("saved", readers.saved, (DiagbundleError,), mutated=mutate.mutated_host),
)
HIDING = (
    Target("redact/text", hiding.text, made=hiding.seeds),
    Target("redact/replaced", hiding.replaced, made=hiding.seeds),
    Target("redact/opened", hiding.opened, made=hiding.packed),
    Target("redact/patterns", hiding.patterns, (UsageError,), hiding.files_of_patterns),
)
JUDGING = (
    Target("judge/piece", judging.piece, made=judging.pieces),
    Target("judge/line", judging.line, made=judging.lines),
    Target("judge/host", judging.host, made=judging.cases, mutated=mutate.mutated_host),
)
NETWORK = tuple(Target(f"network/{run.__name__}", run, made=made) for run, made in network.SEEDS.items())
FIELD = (
    Target("host/paths", readers.host_paths, mutated=mutate.mutated_host),
    Target("host/who_is", field.who_is, mutated=mutate.mutated_host),
    Target("host/resolver", network.resolver, mutated=mutate.mutated_host),
    Target("host/child", field.child, made=_hosts_of_all, mutated=mutate.mutated_host),
    *(Target(name, run, mutated=mutate.mutated_host) for name, run in field.targets().items()),
)
ALL = {target.name: target for target in (*DESK, *HIDING, *JUDGING, *NETWORK, *FIELD)}


@cache
def seeds_of(name):
    """The seeds of a target, made once."""
    return ALL[name].seeds()


def input_of(name, seed, number):
    """The mutated input of this number: the same for the same seed, whatever ran before."""
    from random import Random

    random = Random(f"{seed} {name} {number}")
    seeds = seeds_of(name)
    data = random.choice(seeds)
    return ALL[name].mutated(data, seeds, random)
