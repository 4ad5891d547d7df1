"""Opens what was encrypted, with keys as people have them: those of `age-keygen`, and where `pyrage` is installed SSH keys as well."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from diagbundle import trust
from diagbundle.bundle.escape import shown
from diagbundle.bundle.frames import ARMOR, is_encrypted
from diagbundle.errors import FormatError, IntegrityError, UsageError, WrongKeyError
from diagbundle.paths import unread
from diagbundle.transport import age, key

PassPhrase = Callable[[], str]
"""Asks for the pass phrase of a key file."""
_PLAIN_AGE = "`age --decrypt -i KEYFILE` opens it, and diagbundle as it is installed with pip"


@dataclass
class Keys:
    """Secret keys: ours, and what pyrage made of others."""

    own: list[str] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)


def read_keys(paths: Sequence[str], pass_phrase: Callable[[str], str]) -> Keys:
    """The secret keys in these files; a pass phrase is asked for by the file's name. Raises `UsageError`, which tells nothing of a key."""
    keys = Keys()
    for path in paths:
        data = _contents(path)
        try:
            _add(keys, data, lambda path=path: pass_phrase(shown(path)))  # type: ignore[misc]  # bound now
        except ValueError as error:
            raise UsageError(f"this is no key to open anything with: {shown(path)}: {error}", "`age-keygen -o FILE` makes one") from None
    return keys


def open_into(fd: int, keys: Keys, sink: Callable[[bytes], object]) -> None:
    """Give the text of a file to the sink, as far as it is authentic. Raises `WrongKeyError`, `FormatError`, `IntegrityError`."""
    others, is_armored = list(keys.others), os.pread(fd, len(ARMOR), 0) == ARMOR
    os.lseek(fd, 0, os.SEEK_SET)
    if is_armored:
        pyrage = _needed("what is written in letters (armor)")
        others += [pyrage.x25519.Identity.from_str(one) for one in keys.own]
    else:
        try:
            for piece in age.decrypted(fd, keys.own):
                sink(piece)
        except WrongKeyError:  # before any piece
            if not others:
                raise
        else:
            return
    os.lseek(fd, 0, os.SEEK_SET)
    _by_pyrage(fd, others, sink)


# -- key files


def _contents(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise unread(path, error, "key file", "name the file of your secret key: -i KEYFILE") from None
    try:
        return trust.contents(fd, shown(path), "a key file")
    finally:
        os.close(fd)


def _add(keys: Keys, data: bytes, pass_phrase: PassPhrase) -> None:
    """The keys in one file. Raises ValueError, which says why it holds none."""
    if b"PRIVATE KEY-----" in data[:64]:
        keys.others.append(_ssh(data, pass_phrase))
    elif is_encrypted(data):
        _add_lines(keys, _unlocked(data, pass_phrase))
    else:
        _add_lines(keys, data)


def _add_lines(keys: Keys, data: bytes) -> None:
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise ValueError("it holds no key")
    for line in found:
        if not key.is_secret(line):
            public = not key.fault(line)
            raise ValueError("it is a public key; its secret one opens files" if public else "a line is no AGE-SECRET-KEY-1…")
        key.secret(line)
        keys.own.append(line)


def _ssh(data: bytes, pass_phrase: PassPhrase) -> Any:
    pyrage = _needed("anything with an SSH key")
    try:
        return pyrage.ssh.Identity.from_buffer(data)
    except pyrage.IdentityError as error:
        if "decrypted first" not in str(error):
            raise ValueError(f"{error}") from None
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # rare, and slow to import
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    try:
        opened = form.load_ssh_private_key(data, pass_phrase().encode())
        plain = opened.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
        return pyrage.ssh.Identity.from_buffer(plain)
    except (ValueError, TypeError, pyrage.IdentityError):
        raise ValueError("the pass phrase does not open it") from None
    except UnsupportedAlgorithm:
        raise ValueError("it is locked in a way that is not known here; `ssh-keygen -p` unlocks a copy of it") from None


def _unlocked(data: bytes, pass_phrase: PassPhrase) -> bytes:
    """A file of keys that is itself encrypted with a pass phrase."""
    pyrage = _needed("a key file with a pass phrase")
    try:
        return bytes(pyrage.passphrase.decrypt(data, pass_phrase()))
    except pyrage.DecryptError:
        raise ValueError("the pass phrase does not open it") from None


# -- pyrage


def _pyrage() -> Any:
    """The library, or None: it is no part of the static file."""
    try:
        import pyrage  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415  # only some need it
    except ImportError:
        return None
    return pyrage


def _needed(what: str) -> Any:
    if (pyrage := _pyrage()) is None:
        raise UsageError(f"this program cannot open {what}", _PLAIN_AGE)
    return pyrage


class _Sink:
    """What pyrage writes to. It turns every error into one of its own, so ours is kept."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self.fault: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            self._sink(data)
        except BaseException as error:
            self.fault = error
            raise
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


def _by_pyrage(fd: int, identities: list[Any], sink: Callable[[bytes], object]) -> None:
    pyrage, into = _needed("this"), _Sink(sink)
    try:
        with open(fd, "rb", closefd=False) as file:
            pyrage.decrypt_io(file, into, identities)
    except pyrage.DecryptError as error:
        if into.fault:
            raise into.fault from None
        if "No matching keys" in str(error):
            raise WrongKeyError("it is encrypted to another key") from None
        raise FormatError("its header is damaged, or of a version that is not known here") from None
    except OSError:
        if into.fault:
            raise into.fault from None
        raise IntegrityError("it was altered, or is cut short") from None
