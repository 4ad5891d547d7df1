"""Files that users name: why one cannot be read, and how a new one gets its name and takes no other's."""

from __future__ import annotations

import contextlib
import errno
import os
from itertools import islice

from diagbundle.errors import UsageError

_NEAR = 2000
"""Files of a folder among which a name is looked for that is nearly right."""
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def unread(path: str, error: OSError | ValueError, what: str = "file", hint: str = "") -> UsageError:
    """Why a file that the user named cannot be read. The hint is for a name under which nothing lies, and that is like no other."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return UsageError(f"there is no such {what}: {path}", _near(path) or hint)
    if isinstance(error, IsADirectoryError):
        return UsageError(f"this is a folder, and a {what} is wanted: {path}", "name the file itself")
    if isinstance(error, PermissionError):
        return UsageError(f"you may not read this {what}: {path}", "ask its owner, or try as root")
    text = error.strerror if isinstance(error, OSError) else "it holds a NUL byte"
    return UsageError(f"the {what} cannot be read: {path}: {text}")


def _near(path: str) -> str:
    """A hint, where a file of a similar name lies."""
    from difflib import get_close_matches  # noqa: PLC0415  # needed when something is wrong, and not at every start

    folder, name = os.path.split(path)
    with contextlib.suppress(OSError, ValueError), os.scandir(folder or ".") as entries:
        if close := get_close_matches(name, [entry.name for entry in islice(entries, _NEAR)], 1):
            return f"did you mean {os.path.join(folder, close[0])}?"
    return ""


def rename(before: str, after: str) -> None:
    """Without overwriting: a hard link fails where the name is taken; file systems without them get a plain rename.

    Raises OSError, which is `FileExistsError` where the name is taken.
    """
    try:
        os.link(before, after)
        os.unlink(before)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(after):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), after) from None
        os.rename(before, after)
