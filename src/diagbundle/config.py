"""What the user has set: flag > environment > file > kit > default. One frozen `Config`; an unknown key is an error with a hint."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any

from diagbundle.errors import UsageError

FILE = "/etc/diagbundle/diagbundle.toml"
MOST_DIGITS = 9
PREFIX = "DIAGBUNDLE_"
_DURATION = re.compile(r"(\d{1,9}(?:\.\d+)?)\s*(s|m|h|d|w)?")
_SIZE = re.compile(r"(\d{1,18}(?:\.\d+)?)\s*([KMGT])?i?B?", re.IGNORECASE)
_WANTED = {"str": "a text", "int": "a number", "bool": "true or false"}
_BOOLEAN = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class Config:
    """Every setting, with its default."""

    output: str = ""
    """File or folder of the bundle, `-` for standard output; empty: the current folder, else one with room."""
    case: str = ""
    """Case number; part of the bundle's name."""
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    with_: tuple[str, ...] = ()
    """Names of collectors: nothing but these; not these; these, too."""
    include: tuple[str, ...] = ()
    """Further files and folders to collect, whole."""
    collector: tuple[str, ...] = ()
    """Files of vendors' collectors (TOML)."""
    since: str = ""
    """Leave out logs that were last changed before: `2d`, `12h`."""
    timeout: str = "30m"
    """Time for the whole run."""
    collector_timeout: str = "5m"
    """Time for one collector; logs may use all that is left."""
    sample_interval: str = "5s"
    """Time that lies at least between the two readings of counters."""
    max_size: str = "0"
    """Bytes that the bundle may have, `0` for no limit: `500M`, `2G`."""
    encrypt_to: tuple[str, ...] = ()
    """Public keys of age to which the bundle is encrypted, files of such, `vendor` for the one that a kit carries; `nobody`."""
    sign: str = ""
    """SSH key with which the bundle is signed, `host` for the host's own."""
    max_part: str = "0"
    """Bytes of the parts into which the bundle is cut, `0` for one file: `20M`."""
    width: int = 0
    """Readers at once; 0: one a processor, at most 4."""
    redact: bool = True
    """Hide passwords, tokens, keys and e-mail addresses."""
    redact_rules: tuple[str, ...] = ()
    """Files of further patterns of secrets (TOML)."""
    pseudonyms: bool = False
    """Replace addresses, host names and user names, too: the same by the same."""
    names: str = ""
    """File with the key and the map of the pseudonyms; empty: a new one beside the bundle."""
    root: str = "/"
    """Folder in which the host's files lie, where diagbundle runs in a container: `/host`."""

    def shown(self) -> dict[str, Any]:
        """Key and value, as in the file."""
        return {key.rstrip("_"): list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


NOTHING: Mapping[str, Any] = MappingProxyType({})
KEYS = {field.name.rstrip("_"): field for field in fields(Config)}


def load(flags: Mapping[str, Any], environment: Mapping[str, str], path: str = "", carried: Mapping[str, Any] = NOTHING) -> Config:
    """The effective configuration; `carried` are the settings of a kit. Raises `UsageError`."""
    values = typed(carried, "the kit") | _from_file(path or FILE, required=bool(path))
    values |= _from_environment(environment)
    values |= {key.rstrip("_"): value for key, value in flags.items() if value not in (None, (), "")}
    return sound(values)


def sound(values: Mapping[str, Any]) -> Config:
    """The configuration of these settings. Raises `UsageError` for values that cannot be."""
    config = Config(**{KEYS[key].name: value for key, value in values.items()})
    for key in ("since", "timeout", "collector_timeout", "sample_interval"):
        seconds(getattr(config, key) or "0", key)
    size(config.max_size)
    size(config.max_part)
    if config.width < 0:
        raise UsageError(f"the setting width wants a number of readers, 0 for as many as there are processors: {config.width}")
    return config


def typed(given: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """The settings of a table. Raises `UsageError` for unknown keys and values of a wrong kind."""
    return {key: _typed(key, value, origin) for key, value in given.items()}


def _from_file(path: str, *, required: bool) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            given = tomllib.load(file)
    except FileNotFoundError:
        if not required:
            return {}
        raise UsageError(f"there is no configuration file: {path}") from None
    except OSError as error:
        raise UsageError(f"the configuration file cannot be read: {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the configuration file is not TOML: {path}: {error}") from None
    return typed(given, path)


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    given = {key.removeprefix(PREFIX).lower(): value for key, value in environment.items() if key.startswith(PREFIX)}
    for ours in ("run", "identity"):  # what we mark the processes with that we start; the key file of `open`
        given.pop(ours, None)
    return {key: _typed(key, _words(key, value), f"{PREFIX}{key.upper()}") for key, value in given.items()}


def _words(key: str, value: str) -> Any:
    """A variable of the environment as a value: lists are separated by commas."""
    if key in KEYS and str(KEYS[key].type).startswith("tuple"):
        return [word.strip() for word in value.split(",") if word.strip()]
    if key in KEYS and KEYS[key].type == "bool":
        return _BOOLEAN.get(value.lower(), value)
    return int(value) if key in KEYS and KEYS[key].type == "int" and value.isdecimal() and len(value) <= MOST_DIGITS else value


def _typed(key: str, value: Any, origin: str) -> Any:
    if key not in KEYS:
        close = difflib.get_close_matches(key, KEYS, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"known are: {', '.join(KEYS)}"
        raise UsageError(f"unknown setting in {origin}: {key}", hint)
    kind = str(KEYS[key].type)
    if kind.startswith("tuple") and isinstance(value, list) and all(isinstance(word, str) for word in value):
        return tuple(value)
    if type(value).__name__ == kind:
        return value
    wanted = "a list of words" if kind.startswith("tuple") else _WANTED[kind]
    raise UsageError(f"the setting {key} in {origin} wants {wanted}: {value!r}")


def seconds(text: str, key: str = "time") -> float:
    """A span of time in seconds: `90`, `90s`, `30m`, `2d`. Raises `UsageError`."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise UsageError(f"the setting {key} is no span of time: {text!r}", "write it like 90s, 30m, 12h or 2d")
    return float(found[1]) * _SECONDS[found[2] or "s"]


def size(text: str) -> int:
    """A size in bytes: `500M`, `2G` (powers of 1024). Raises `UsageError`."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise UsageError(f"this is no size: {text!r}", "write it like 500M or 2G")
    return int(float(found[1]) * 1024 ** " KMGT".index((found[2] or " ").upper()))
