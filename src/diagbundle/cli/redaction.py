"""What `collect` and `redact` hide, by the settings: the redactor, and the file of key and map that stays with the customer."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from diagbundle import config
from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import ENCRYPTED_SUFFIX, SUFFIX
from diagbundle.collect.identity import ask_or_do
from diagbundle.collect.job import Raw
from diagbundle.errors import SourceError, UsageError
from diagbundle.host import Host
from diagbundle.numbers import counted
from diagbundle.sources.read import open_file
from diagbundle.trust import trusted_contents

if TYPE_CHECKING:
    from diagbundle.redact.span import Pattern

RULES = "/etc/diagbundle/redact.d/*.toml"
TOLD = 6
"""Kinds that are named one by one."""
LEARN_SECONDS = 10.0
LEARN_BYTES, MOST_FILES = 4 << 20, 2000
"""Bytes of the end of a log, and files of a folder, from which names are learned."""


def told(counts: Mapping[str, int]) -> str:
    """How much was hidden, in words: the most frequent kinds first."""
    from diagbundle.redact.span import IDENTIFIERS

    secrets = {kind: count for kind, count in counts.items() if kind not in IDENTIFIERS}
    names = sum(count for kind, count in counts.items() if kind in IDENTIFIERS)
    kinds = sorted(secrets.items(), key=lambda item: -item[1])
    more = [f"{sum(count for _, count in kinds[TOLD:]):,} others"] * (len(kinds) > TOLD)
    listing = ", ".join([f"{kind.replace('_', ' ')} {count:,}" for kind, count in kinds[:TOLD]] + more)
    hidden = sum(secrets.values())
    parts = [f"{counted(hidden, 'secret')} hidden ({listing})"] * bool(secrets)
    return (
        "; ".join([*parts, *[f"{names:,} address{'es and names' if names > 1 else ' or name'} replaced"] * bool(names)])
        or "nothing had to be hidden"
    )


def to_look_at(suspects: Sequence[tuple[str, Mapping[str, Any]]], most: int) -> list[str]:
    """The lines in which a second look still sees something, for people."""
    if not suspects:
        return []
    lines = [f"  please look at these lines before it leaves; they may hold a secret that was not recognised ({len(suspects):,}):"]
    lines += [f"    {shown(path)}:{one['line']}  {shown(one['word'])}  {shown(one['why'])}" for path, one in suspects[:most]]
    return lines + [f"    and {len(suspects) - most:,} more: --format json names all"] * (len(suspects) > most)


def further(files: Iterable[str]) -> list[Pattern]:
    """The patterns of vendors and customers. Raises `UsageError`: what cannot be read does not go missing in silence."""
    from diagbundle.redact.rules import load

    found = []
    for path in (*sorted(glob.glob(RULES)), *files):
        found += load(trusted_contents(path, "a file of patterns").decode("utf-8", "replace"), path)
    return found


class Redaction:
    """What is hidden in this run, and who keeps the key."""

    def __init__(self, settings: config.Config, host: Host) -> None:
        """Names are learned from the files of `host`. Raises `UsageError`."""
        self.redactor: Any = Raw()
        self.place = ""
        """File of key and map."""
        self._known: set[Any] = set()
        self._is_new = True
        if not settings.redact:
            if settings.pseudonyms or settings.redact_rules:
                raise UsageError("--pseudonyms and --redact-rules want redaction, and --no-redact turns it off", "leave one of them out")
            return
        from diagbundle.redact.redactor import Redactor

        pseudonyms = self._pseudonyms(settings, host) if settings.pseudonyms else None
        self.redactor = Redactor(further(settings.redact_rules), pseudonyms=pseudonyms)

    def _pseudonyms(self, settings: config.Config, host: Host) -> Any:
        from diagbundle.redact.identifiers import pseudonym

        self.place, self._is_new = settings.names, not (settings.names and os.path.lexists(settings.names))
        self.key, given = (pseudonym.new_key(), []) if self._is_new else pseudonym.read_map(settings.names)
        self._known = set(given)
        return pseudonym.Pseudonyms(self.key, _learned(host))

    @property
    def on(self) -> bool:
        """Whether anything is hidden at all."""
        return not isinstance(self.redactor, Raw)

    @property
    def pseudonyms(self) -> Any:
        """The stand-ins, or None."""
        return self.redactor.pseudonyms if self.on else None

    def host_name(self, name: str) -> str:
        """Of this host, as it may be told."""
        return self.pseudonyms.standin("host", name.encode("utf-8", "surrogateescape")).decode() if self.pseudonyms else name

    def keep(self, place: str) -> None:
        """Key and map go beside this bundle, where no other file was named. Raises `UsageError`."""
        if not self.pseudonyms or self.place:
            return
        if place == "-":
            raise UsageError("with --pseudonyms and standard output a file for key and map must be named", "--names FILE")
        bare = place.removesuffix(ENCRYPTED_SUFFIX).removesuffix(SUFFIX)
        self.place = f"{bare}.names"  # it is the same file for a bundle that will be called partial
        if os.path.lexists(self.place):
            raise UsageError(f"there is a file of this name already: {self.place}", f"--names {self.place} takes key and map from it")

    def begin(self) -> None:
        """What is needed once is there before anything is read: the expressions, and on the disk the key."""
        if self.on:
            self.redactor.warm()
        if self.pseudonyms and self._is_new:
            from diagbundle.redact.identifiers.pseudonym import write_map

            self._known = set(self.pseudonyms.map())
            write_map(self.place, self.key, self._known)

    def end(self) -> None:
        """The names that came to it meanwhile."""
        if self.pseudonyms:
            from diagbundle.redact.identifiers.pseudonym import add_to_map

            add_to_map(self.place, [one for one in self.pseudonyms.map() if one not in self._known])

    def statement(self) -> list[tuple[str, str]]:
        """What the admin is told beforehand: word and line."""
        if not self.on:
            return [("hides", "nothing, as --no-redact asks: passwords and keys in logs and configuration go with it")]
        lines = [("hides", "passwords, tokens, keys and e-mail addresses, before anything is written")]
        if self.pseudonyms:
            lines += [("replaces", "addresses, host and user names; key and map stay here, in")]
            lines += [("", self.place)]
        return lines


def _learned(host: Host) -> dict[str, list[bytes]]:
    """Names of this host and its users, from a child: a file system may hang."""
    found = ask_or_do(lambda: _names(host), LEARN_SECONDS) or {}
    return {kind: [_bytes(name) for name in names] for kind, names in found.items()}


def _names(host: Host) -> dict[str, list[str]]:
    """From the files that hold names, and from what logs and, in a folder of texts, all files say last."""
    from diagbundle.redact.identifiers import learn

    met = [name for path, read in learn.FILES.items() for name in read(_bytes(host.text(path)))]
    met += learn.homes(_bytes("\n".join(path.rpartition("/")[2] for path in host.glob("/home/*"))))
    for path in learn.LOGS if host.live else islice(host.walk("/"), MOST_FILES):
        met += learn.log(_end(host, path))
    return {kind: [name.decode("utf-8", "surrogateescape") for name in names] for kind, names in learn.wide(met).items()}


def _end(host: Host, path: str) -> bytes:
    """The last part of a file; nothing of what cannot be read."""
    try:
        with closing(open_file(host, path)) as opened:
            os.lseek(opened.descriptor, max(0, (opened.size or 0) - LEARN_BYTES), os.SEEK_SET)
            return b"".join(opened.chunks())
    except (SourceError, OSError):
        return b""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
