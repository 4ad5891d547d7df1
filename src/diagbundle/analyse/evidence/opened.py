"""Opens what lies on the desk, whatever it is."""

from __future__ import annotations

import os

from diagbundle.analyse.evidence.archive import is_foreign, unpacked
from diagbundle.analyse.evidence.bundle import BundleEvidence
from diagbundle.analyse.evidence.entry import Evidence
from diagbundle.analyse.evidence.folder import FolderEvidence
from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import ENCRYPTED_SUFFIX, OWN, SUFFIX
from diagbundle.bundle.frames import open_file
from diagbundle.bundle.part import LIST
from diagbundle.bundle.reader import Bundle
from diagbundle.errors import UsageError

_OF_A_HOST = frozenset((
    "boot", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "root", "run", "srv", "sys", "tmp", "usr", "var",
    OWN, "sos_commands", "sos_reports", "sos_logs", "installed-rpms",
))  # fmt: skip
"""What lies at the top of a host's files, of a bundle or of a report of sos."""


def open_evidence(path: str) -> Evidence:
    """What lies at a path. Raises `UsageError` where there is nothing, `BundleError` where it is damaged or unknown."""
    if os.path.isdir(path):
        return _folder(path)
    if not os.path.lexists(path):
        os.close(open_file(path))  # which says so
    if is_foreign(path):
        return unpacked(path)
    return BundleEvidence(Bundle.open(path))


def _folder(path: str) -> Evidence:
    """A folder is taken for a host's only if something in it may be: of any other one, nothing would be found wrong."""
    evidence = FolderEvidence(path)
    if not any(entry.path.partition("/")[0] in _OF_A_HOST for entry in evidence.entries):
        raise UsageError(f"this folder holds nothing of a host: {shown(path)}", _instead(path))
    return evidence


def _instead(path: str) -> str:
    """What may have been meant by a folder."""
    names = sorted(os.listdir(path))
    if any(name.endswith(LIST) for name in names):
        return "parts of a bundle lie in it: `diagbundle open FOLDER` makes one file of them"
    if files := [name for name in names if name.endswith((SUFFIX, SUFFIX + ENCRYPTED_SUFFIX))]:
        return f"name the file itself: {shown(os.path.join(path, files[0]))}"
    return "name a bundle, or the folder in which etc, proc and var of the host lie"
