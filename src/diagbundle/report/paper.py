"""The paper that is approved: which file it is, and what leaves with it, in sentences that screen and printed page have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from diagbundle.bundle.format import STRUCK
from diagbundle.bundle.reader import Bundle
from diagbundle.numbers import counted
from diagbundle.report.leaving import Leaving, leaving

BINDS = "An approval is for exactly this file: if one byte of it is changed, it is another file with another number."
NEVER = {
    "password database": "password databases", "private key": "private keys", "credentials": "credentials of users and services",
    "memory of processes or of the kernel": "memory of processes and of the kernel", "secret of the kernel": "secrets of the kernel",
}  # fmt: skip
"""What is never read for the sake of secrecy: the reasons that `sources.never` gives, as a promise."""
ELSEWHERE = (
    "The same words may stand elsewhere, too, as a line of a log stands in the journal, a file of settings in a backup beside it "
    "(etc/passwd-), a command line in diagbundle/tables: `diagbundle grep` finds them."
)
_OUTCOMES = {
    "absent": "do not exist on this host", "denied": "were refused by the host", "failed": "could not be read",
    "partial": "are there only in part", "skipped": "were left out on purpose", "timeout": "did not answer in time",
}  # fmt: skip


@dataclass(frozen=True)
class Paper:
    """What is signed."""

    name: str
    size: int
    sha256: str
    sidecar: str
    """The file beside it with the same checksum, or ''."""
    signature: str
    """The file beside it that signs it, or ''."""
    host: str
    system: str
    """The host's distribution and kernel."""
    created: str
    finished: str
    uid: str
    case: str
    tool: str
    kit: str
    complete: bool
    reason: str
    leaving: Leaving
    kinds: Mapping[str, str]
    """Kinds of secrets in words."""

    @property
    def reference(self) -> str:
        """A short number to be cited, from the checksum."""
        return "-".join(self.sha256[at : at + 4] for at in range(0, 12, 4))

    @property
    def groups_of_digits(self) -> list[str]:
        """The checksum as it can be compared by eye."""
        return [self.sha256[at : at + 8] for at in range(0, 64, 8)]

    @property
    def by(self) -> str:
        """Who collected."""
        who = "root" if self.uid == "0" else "a user without all rights" if self.uid else "somebody"
        return f"{who} (uid {self.uid or 'unknown'})"

    @property
    def is_open(self) -> bool:
        """Whether secrets may leave as they are: redaction was off, or nobody knows."""
        return self.leaving.redacted is not True

    def hidden(self) -> str:
        """What was hidden, in a sentence; loud where nothing was."""
        told, count = self.leaving, sum(count for _, count in self.leaving.hidden)
        if told.redacted is False:
            return (
                "NOTHING WAS HIDDEN. It was collected with --no-redact: passwords, tokens and keys in logs and settings leave as they are."
            )
        if told.redacted is None:
            return f"NOT KNOWN. The bundle does not say whether secrets were hidden; {count:,} places are counted as hidden."
        where = f" in {counted(told.hidden_files, 'item')}" if count else ""
        return f"{counted(count, 'secret')}{where}. A mark like REDACTED_password_1a2b3c4d stands for each; they were never written."

    def names(self) -> str:
        """What becomes of names and addresses, in a sentence."""
        told, mails = self.leaving, " E-mail addresses are hidden." if self.leaving.redacted else ""
        if told.pseudonyms:
            count = sum(count for _, count in told.replaced)
            return f"Host names, network addresses and user names were replaced by stand-ins, {count:,} times. Their list stays here."
        if told.pseudonyms is False:
            return (
                f"They leave as they are: the name of this host ({self.host}), network addresses, names of other hosts, user names.{mails}"
            )
        return f"Not known. If they were not replaced, names of hosts and users and network addresses leave as they are.{mails}"

    def kinds_of(self, most: int | None = None) -> list[tuple[int, str]]:
        """How often which kind of secret was hidden, in words."""
        return [(count, f"{self.kinds.get(kind) or kind.replace('_', ' ')}") for kind, count in self.leaving.hidden[:most]]

    def rows(self, amount: Callable[[float], str]) -> list[tuple[str, ...]]:
        """The kinds of things, how many of each, how large, and how much was hidden in them; then all of them together."""
        told = self.leaving
        hidden = sum(count for _, count in told.hidden)
        kinds = [(each.title, f"{each.items:,}", amount(each.size), f"{each.hidden:,}") for each in told.groups]
        return [*kinds, ("all together", f"{told.items:,}", amount(told.size), f"{hidden:,}")]

    def left_out(self, most: int) -> list[tuple[int, str, list[tuple[str, int]]]]:
        """What was asked for and does not leave: how many, how it ended, and the reasons."""
        return [
            (left.count, _OUTCOMES.get(left.outcome, left.outcome), sorted(left.reasons, key=_telling)[:most])
            for left in self.leaving.left_out
        ]

    def struck(self) -> str:
        """That something was struck out before, or ''."""
        told = self.leaving
        return (
            f"{counted(told.removed, 'item')} struck out of it; it was made from the file with SHA-256 {told.removed_from}."
            if told.removed
            else ""
        )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        whole: dict[str, Any] = asdict(self) | {"reference": self.reference, "items": self.leaving.items, "unpacked": self.leaving.size}
        told: dict[str, Any] = whole.pop("leaving")
        told["suspects"] = [{"path": path, "line": line, "why": why} for path, line, why in told["suspects"]]
        for key in ("hidden", "replaced"):
            told[key] = dict(told[key])
        whole["kinds"] = {kind: self.kinds[kind] for kind in told["hidden"] if kind in self.kinds}
        return {**whole, **told}


def paper(bundle: Bundle, file: Mapping[str, str], kinds: Mapping[str, str]) -> Paper:
    """Of a bundle that `verify` has found whole. `file` has its `sha256` and the names of its `sidecar` and `signature`."""
    head = bundle.head
    host, kit = (value if isinstance(value := head.get(key), dict) else {} for key in ("host", "kit"))
    uid = host.get("uid")
    return Paper(
        name=bundle.path.rpartition("/")[2], size=bundle.frames.file_size, host=_text(host, "name") or "unknown",
        system=" · ".join(word for word in (_text(host, "os"), _text(host, "kernel") and f"kernel {_text(host, 'kernel')}") if word),
        created=_text(head, "created"), finished=_text(head, "finished"), uid=str(uid) if type(uid) is int else "",
        case=_text(head, "case"), tool=_text(head, "tool"), kit=_text(kit, "title"), complete=head["complete"],
        reason=_text(head, "reason"), leaving=leaving(bundle), kinds=kinds, **file,
    )  # fmt: skip


def _telling(reason: tuple[str, int]) -> tuple[bool, int]:
    """First what was kept back for secrecy's sake, then the most frequent."""
    return not reason[0].startswith(("never read", STRUCK)), -reason[1]


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value[:300] if isinstance(value, str) else ""
