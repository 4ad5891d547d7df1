"""Opens what lies on the desk, whatever it is."""

from __future__ import annotations

import os

from diagbundle.analyse.evidence.archive import is_foreign, unpacked
from diagbundle.analyse.evidence.bundle import BundleEvidence
from diagbundle.analyse.evidence.entry import Evidence
from diagbundle.analyse.evidence.folder import FolderEvidence
from diagbundle.bundle.reader import Bundle
from diagbundle.errors import UsageError


def open_evidence(path: str) -> Evidence:
    """What lies at a path. Raises `UsageError` where there is nothing, `BundleError` where it is damaged or unknown."""
    if os.path.isdir(path):
        return FolderEvidence(path)
    if not os.path.lexists(path):
        raise UsageError(f"there is no such file or folder: {path}")
    if is_foreign(path):
        return unpacked(path)
    return BundleEvidence(Bundle.open(path))
