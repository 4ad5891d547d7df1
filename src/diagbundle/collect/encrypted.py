"""Where an encrypted bundle goes: what is written is encrypted before it reaches the file or the pipe below."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diagbundle.bundle import hashing
from diagbundle.collect.output import FileOutput, PipeOutput, Sealed
from diagbundle.transport.age import CHUNK, TAG, Encryptor

_SPARE = CHUNK + 2 * TAG
"""Bytes that are held back until their chunk is full, and what is added to them."""


class EncryptedOutput:
    """An output around another one.

    Nothing that was encrypted is taken back: two chunks of one number but another content would betray both. So room is reserved first.
    """

    cut = None

    def __init__(self, below: FileOutput | PipeOutput, recipients: Sequence[str]) -> None:
        """Raises `UsageError` for a recipient that is none."""
        self._below = below
        self._sha = hashing.sha256()
        self._encryptor = Encryptor(recipients, self._put)
        self.path, self.folder = below.path, below.folder

    @property
    def alive(self) -> Callable[[], None]:
        """Called while much is written or read."""
        return self._below.alive

    @alive.setter
    def alive(self, alive: Callable[[], None]) -> None:
        self._below.alive = alive

    @property
    def hurried(self) -> Callable[[], str]:
        """Why it has to end soon, or ''."""
        return self._below.hurried

    @hurried.setter
    def hurried(self, hurried: Callable[[], str]) -> None:
        self._below.hurried = hurried

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been written."""
        return self._below.is_empty

    @property
    def kept(self) -> int:
        """Bytes of a bundle for which there is room already."""
        return max(0, int(self.content(self._below.kept)))

    def content(self, size: float) -> float:
        """Bytes of a bundle that fit into so many of the output."""
        return size - size / CHUNK * TAG - _SPARE if size < float("inf") else size

    def keep(self, size: int) -> None:
        """From now on there is room for so many more bytes of a bundle, whoever fills the disk."""
        self._below.keep(size + size // CHUNK * TAG + _SPARE if size else 0)

    def write(self, data: bytes | memoryview) -> None:
        """All of it. Raises OSError before any of it is encrypted, where there is no room for it."""
        self._below.reserve(self._encryptor.growth(len(data)))
        self._encryptor.write(data)

    def seal(self, sha256: str, *, complete: bool, check: bool = True) -> Sealed:  # noqa: ARG002  # of the bundle; nobody here can read it
        """The last chunk, then as the output below does it. The checksum is that of the encrypted bytes."""
        self._encryptor.close()
        return self._below.seal(self._sha.hexdigest(), complete=complete, check=check)

    def discard(self) -> None:
        """Remove what was begun."""
        self._below.discard()

    def _put(self, data: bytes) -> None:
        self._below.write(data)
        self._sha.update(data)
