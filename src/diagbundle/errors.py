"""Every error of diagbundle, one tree. A message is sentence, colon, value; a hint, if any, is a line of its own.

DiagbundleError                                              exit
├─ OutputError      no bundle could be written                  1
├─ UsageError       wrong flag, key, name                       2
├─ BundleError      damaged or refused bundle                   4
│  ├─ FormatError      not a bundle of a version we know
│  ├─ IntegrityError   it does not agree with itself
│  └─ WrongKeyError    encrypted to another key
└─ SourceError      becomes an outcome, never an exit           -
   ├─ SourceAbsent  SourceDenied  SourceTimeout  SourceFailed  SourceSkipped
"""

from __future__ import annotations

import errno

from diagbundle.outcome import Outcome

DEAF = " before"
"""Ends the reason of what was not asked because its program, or its place, did not answer an earlier question."""


class DiagbundleError(Exception):
    """Base of all; `exit_code` is what the program ends with."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class OutputError(DiagbundleError):
    """No bundle could be written."""

    exit_code = 1


class UsageError(DiagbundleError):
    """A wrong flag, key, name or file from the user."""

    exit_code = 2


class BundleError(DiagbundleError):
    """A damaged or refused bundle."""

    exit_code = 4


class FormatError(BundleError):
    """Not a bundle, or of a version that this program does not know."""


class IntegrityError(BundleError):
    """A bundle that does not agree with itself."""


class WrongKeyError(BundleError):
    """A bundle that none of the keys opens."""


class SourceError(DiagbundleError):
    """A source that could not be had; becomes an outcome in the manifest."""

    outcome = Outcome.FAILED


class SourceAbsent(SourceError):
    """There is no such thing on this host."""

    outcome = Outcome.ABSENT


class SourceDenied(SourceError):
    """The host refused."""

    outcome = Outcome.DENIED


class SourceTimeout(SourceError):
    """It did not answer in time."""

    outcome = Outcome.TIMEOUT


class SourceFailed(SourceError):
    """An error of the host."""

    outcome = Outcome.FAILED


class SourceSkipped(SourceError):
    """Not asked, on purpose."""

    outcome = Outcome.SKIPPED


_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP, errno.ENOSYS}
_DENIED = {errno.EACCES, errno.EPERM}


def from_os_error(error: OSError) -> SourceError:
    """The source error that an error of the operating system means; the number decides, not the class."""
    text = error.strerror or str(error)
    if error.errno in _ABSENT:
        return SourceAbsent(text)
    if error.errno in _DENIED:
        return SourceDenied(text)
    if error.errno == errno.ETIMEDOUT:
        return SourceTimeout(text)
    return SourceFailed(text)
