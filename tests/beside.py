"""A bench on which a bad collector of a vendor runs between two good ones, by the real program, and what every such run owes."""

import hashlib
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confined import Ended, confined

from diagbundle.bundle.reader import Bundle
from diagbundle.cli import collect as collect_command
from diagbundle.cli import main
from diagbundle.collect import registry

GOOD = ("aa_good", "zz_good")
GROWTH = 64 << 20
"""Bytes of memory that the main process may take, whatever a collector does."""
MAX_REASON = 4200


@dataclass
class Seen:
    """What came of one run: the rows of the bad collectors, of the good ones, and of diagbundle itself."""

    ended: Ended
    bundle: Path
    complete: bool = False
    bad: list[dict] = field(default_factory=list)
    good: list[dict] = field(default_factory=list)
    own: list[dict] = field(default_factory=list)

    @property
    def outcomes(self):
        return Counter(f"{row['kind']} {row['outcome']}" for row in self.bad)

    @property
    def told(self):
        """Why the collector itself is missing: `outcome: reason`, or ''."""
        rows = [row for row in self.bad if row["kind"] == "collector"]
        assert len(rows) <= 1, rows
        return f"{rows[0]['outcome']}: {rows[0]['reason']}" if rows else ""


class Bench:
    """Files to collect, one of them a large log; two good collectors that ask for them; a place for a vendor's package."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.vendor = top / "site/acme-1.0.dist-info"
        self.vendor.mkdir(parents=True)
        (self.vendor / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        (top / "small").write_bytes(b"small\n")
        (top / "large.log").write_bytes(os.urandom(1 << 19).hex().encode() * 12)
        for name, path, stage in zip(GOOD, ("small", "large.log"), ("volatile", "logs"), strict=True):
            text = f'title = "Good"\nstage = "{stage}"\n[[file]]\npaths = ["{top}/{path}"]\n[[command]]\nargv = ["echo", "{name}"]\n'
            self.put(f"{name}.toml", text)
        registry.find()  # ours are imported once, before the runs

    def put(self, name: str, data: str | bytes) -> Path:
        path = self.top / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        path.chmod(0o600)
        return path

    def run(self, folder, offers, *words, seconds=20.0, own_time="2s", limits=None, asked=None, growth=GROWTH, prepare=lambda: None):  # noqa: PLR0913  # each of them is a case's
        """`diagbundle collect` with entry points (name -> module:attribute); all of them are asked for, or those of `asked`."""
        (self.vendor / "entry_points.txt").write_text(f"[{registry.GROUP}]\n" + "".join(f"{name} = {at}\n" for name, at in offers.items()))
        asked = list(offers) if asked is None else asked
        only = [word for name in (GOOD[0], *asked, GOOD[1]) for word in ("--only", name)]
        files = [word for name in GOOD for word in ("--collector", str(self.top / f"{name}.toml"))]

        def collect():
            sys.path.insert(0, str(self.top / "site"))
            collect_command._be_a_good_guest = lambda: None  # last in line for a busy machine, a second would be nothing
            settings = {"COLLECTOR_TIMEOUT": own_time, "WIDTH": str(1 + len(asked)), "SAMPLE_INTERVAL": "0s"}
            os.environ.update({f"{'DIAGBUNDLE'}_{key}": value for key, value in settings.items()})
            prepare()
            return main.run(["collect", *only, *files, "-o", ".", "--yes", *words])

        ended = confined(folder / "run", collect, seconds + 30, limits)
        assert ended.seconds < seconds, f"it took {ended.seconds:.1f} s"
        return self.examined(ended, growth)

    def examined(self, ended, growth):
        """What every run owes, whatever a collector does."""
        assert ended.code in (0, 3), ended.said
        assert ended.left == [], ended.left
        assert [target for target in ended.descriptors if "eventpoll" not in target] == []
        assert ended.growth <= growth, f"{ended.growth:,} bytes"
        seen = Seen(ended, _only_the_bundle(ended))
        with Bundle.open(str(seen.bundle)) as opened:
            assert opened.verify().damages == []
            seen.complete = opened.head["complete"]
            for row in opened.rows():
                {"diagbundle": seen.own, **dict.fromkeys(GOOD, seen.good)}.get(row["collector"], seen.bad).append(row)
        assert ended.code == (0 if seen.complete else 3)
        assert all(row.get("reason") and len(row["reason"]) <= MAX_REASON for row in seen.bad if row["outcome"] != "collected")
        assert [row["outcome"] for row in seen.good] == ["collected"] * 4
        evidence = {row["source"]: row["sha256"] for row in seen.good if row["kind"] == "file"}
        assert evidence == {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in (self.top / "small", self.top / "large.log")
        }
        return seen


def slowly(names, *slow):
    """Cases, of which some run with the slow tests only: they take long, or are much like another one."""
    assert set(slow) <= set(names)
    return [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in names]


def _only_the_bundle(ended):
    """The bundle, where nothing else lies beside it, and nothing raw was shown."""
    (bundle,) = ended.folder.glob("*.tar.zst")
    expected = {bundle.name, f"{bundle.name}.sha256", "stdout", "stderr", "tell", "tmp"}
    assert {path.name for path in ended.folder.iterdir()} == expected
    assert list((ended.folder / "tmp").iterdir()) == []
    assert ended.printed == f"{bundle}\n".encode()
    assert re.search(rb"[^\n\x20-\x7e]", ended.said) is None, ended.said
    return bundle
