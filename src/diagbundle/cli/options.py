"""The options that `collect` and `plan` share, and what they make of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from diagbundle import carried, config
from diagbundle.collect import registry
from diagbundle.errors import UsageError
from diagbundle.host import MAGIC, Host
from diagbundle.model import Collector, File, Source, Stage

F = TypeVar("F", bound=Callable[..., Any])


def choice_options(function: F) -> F:
    """Options that say what is to be collected."""
    for option in reversed((
        _named("--only", help="Ask this collector and no other; several as NAME,NAME or one by one."),
        _named("--without", help="Leave this collector out. `reachability`: no network probes."),
        _named("--with", "with_", help="Ask this collector, too, which is otherwise left out."),
        click.option("--include", multiple=True, metavar="PATH", help="Collect this file or folder, too, whole."),
        click.option("--collector", multiple=True, metavar="FILE", help="A vendor's collector: a TOML file that belongs to root."),
        click.option("--since", metavar="TIME", help="Leave out logs last changed longer ago than this: 12h, 2d."),
        click.option("--root", metavar="FOLDER", help="Where the server's files lie, from within a container. No commands are run then."),
        click.option("--config", "config_file", metavar="FILE", help=f"Settings to use in place of {config.FILE}."),
    )):  # fmt: skip
        function = option(function)
    return function


def _named(*words: str, help: str) -> Callable[[F], F]:  # noqa: A002  # click's word
    """An option that takes names of collectors, several of them with commas between or one by one."""

    def apart(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for word in given for name in map(str.strip, word.split(",")) if name)

    return click.option(*words, multiple=True, metavar="NAME", callback=apart, help=help)


def redaction_options(function: F) -> F:
    """Options that say what is hidden."""
    for option in reversed((
        click.option("--redact/--no-redact", "redact", default=None, help="Hide secrets, as is usual, or leave all as it is."),
        click.option("--redact-rules", multiple=True, metavar="FILE", help="A file of further patterns of secrets."),
        click.option("--pseudonyms", is_flag=True, default=None, help="Replace addresses and names, too: the same by the same."),
        click.option("--names", metavar="FILE", help="Key and map of --pseudonyms. Default: a new file beside the bundle."),
    )):  # fmt: skip
        function = option(function)
    return function


def encryption_option(function: F) -> F:
    """The option that says to whom a bundle is encrypted."""
    return click.option(
        "--encrypt-to", multiple=True, metavar="KEY",
        help="Encrypt the bundle to this public key of age (age1...), to those in a file, or to that of `vendor`; `nobody`: do not.",
    )(function)  # fmt: skip


def load(flags: dict[str, Any]) -> config.Config:
    """The effective configuration of a command's flags."""
    path = flags.pop("config_file", None) or ""
    kit = carried.product()
    settings = config.load(flags, os.environ, path, kit.defaults if kit else config.NOTHING)
    if flags.get("names") and not settings.pseudonyms:
        raise UsageError(f"--names is where --pseudonyms keeps its key and map: {flags['names']}", "add --pseudonyms, or leave --names out")
    return settings


def chosen(settings: config.Config) -> tuple[list[Collector], registry.Registry]:
    """The collectors that are to be asked. Raises `UsageError`."""
    only = [name for name in settings.only if name != registry.INCLUDE] if settings.only and not settings.with_ else None
    found = registry.find(settings.collector, only=only)
    if settings.include or registry.INCLUDE in settings.only:
        found.collectors[registry.INCLUDE] = include(settings.include)
    collectors = registry.choose(found, settings.only, settings.without, settings.with_)
    return collectors, found


def include(paths: tuple[str, ...]) -> Collector:
    """The collector of what the user names."""
    absolute = [os.path.abspath(path) for path in paths]
    for path in absolute:
        if not os.path.lexists(path):
            raise UsageError(f"there is nothing to include: {path}")

    def sources(host: Host) -> Iterator[Source]:
        for path in absolute:
            yield File(f"{_literal(path)}/**" if os.path.isdir(host.path(path)) else path)

    return Collector(registry.INCLUDE, "What was named with --include", sources, stage=Stage.LOGS, origin="--include", needs="anyone")


def _literal(path: str) -> str:
    """A path in which nothing is a pattern."""
    return "".join(f"[{character}]" if character in MAGIC else character for character in path)


def host(settings: config.Config) -> Host:
    """The host that is to be looked at."""
    if settings.root == "/":
        return Host(live=True)
    if not os.path.isdir(settings.root):
        raise UsageError(f"there is no such folder: {settings.root}")
    return Host(root=os.path.abspath(settings.root))
