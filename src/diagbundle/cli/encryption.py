"""To whom a bundle is encrypted, and with what an encrypted one is opened: the words of the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from diagbundle import carried, trust
from diagbundle.bundle.escape import shown
from diagbundle.errors import BundleError, IntegrityError, UsageError, WrongKeyError

if TYPE_CHECKING:
    from diagbundle.transport.opening import Keys

VENDOR, NOBODY = "vendor", "nobody"
HOW = "a public key of age begins with age1: `age-keygen` makes it, with the secret one that opens"
IDENTITY = "DIAGBUNDLE_IDENTITY"
PLACE = "~/.config/diagbundle/identity"
OTHER_KEY = "name the file of another secret key with -i; to which one it was encrypted knows who sent it"
AGAIN = "ask for the file again; `diagbundle salvage FILE -i KEYFILE` gets out what stands before that"


def recipients(words: Sequence[str]) -> list[str]:
    """The public keys that are meant, each once; none for `nobody`. Raises `UsageError`."""
    if NOBODY in words and len(words) > 1:
        raise UsageError(f"to nobody and to somebody: {' '.join(f'--encrypt-to {word}' for word in words)}")
    keys = list(dict.fromkeys(key for word in words if word != NOBODY for key in _meant(word)))
    if keys:
        from diagbundle.transport.age import Encryptor  # only who encrypts waits for this

        Encryptor(keys, len)  # what is wrong with a key is told before anything is done
    return keys


def _meant(word: str) -> list[str]:
    """The public keys that one word means."""
    from diagbundle.transport import key

    if word == VENDOR:
        if not (vendors := carried.public_key()):
            raise UsageError("this program carries no key of a vendor: --encrypt-to vendor", "name the key itself: --encrypt-to age1...")
        return [vendors]
    if key.is_secret(word):
        raise UsageError("--encrypt-to wants the public key, and this is the secret one", "the public one begins with age1")
    if word.startswith("age1"):
        if why := key.fault(word):
            raise UsageError(f"this is no public key of age: {shown(word)}: {why}", HOW)
        return [word]
    return _in_file(word)


def _in_file(path: str) -> list[str]:
    """The public keys in a file, one a line; `#` begins a comment."""
    from diagbundle.paths import unread
    from diagbundle.transport import key

    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError | ValueError):
            raise UsageError(f"this is neither a public key of age nor a file of such: {shown(path)}", HOW) from None
        raise unread(path, error, "file of public keys") from None
    try:
        lines = trust.contents(fd, shown(path), "a file of public keys").decode("utf-8", "replace").splitlines()
    finally:
        os.close(fd)
    found = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    for line in found:
        if why := key.fault(line):
            raise UsageError(f"a line in {shown(path)} is no public key of age: {why}", HOW)
    if not found:
        raise UsageError(f"there is no public key in this file: {shown(path)}", HOW)
    return found


def statement(keys: Sequence[str]) -> list[str]:
    """What the admin is told before anything is collected: lines."""
    if keys:
        return [
            "  encrypts to",
            *(f"           {told([key])}" for key in keys),
            "           only who has the secret key of that can open the file. You cannot",
            "           look into it here: to do that first, collect with",
            "           `--encrypt-to nobody`, look, and encrypt it with `diagbundle seal`",
        ]
    kit = carried.product()
    if not (kit and kit.key):
        return []
    return [f"  encrypts nothing; `--encrypt-to vendor` does, to the key of {shown(kit.title)}"]


def summary(keys: Sequence[str]) -> list[str]:
    """The same when it is done."""
    return [f"  encrypted to {told(keys)}", "  only who has the secret key of that can open it"] if keys else []


def told(keys: Sequence[str]) -> str:
    """The recipients, for people."""
    vendors, kit = carried.public_key(), carried.product()
    return ", ".join(f"{key} (of {shown(kit.title)})" if kit and key == vendors else key for key in keys)


# -- opening


def keys(given: Sequence[str]) -> Keys:
    """The secret keys in the files that were named with -i; else those of this user. Raises `UsageError`."""
    from diagbundle.transport.opening import read_keys

    usual = os.environ.get(IDENTITY) or os.path.expanduser(PLACE)
    paths = list(given) or [usual] * os.path.lexists(usual)
    if not paths:
        raise UsageError(
            "it is encrypted, and no key to open it was named", f"name the file of your secret key with -i, or lay it at {PLACE}"
        )
    return read_keys(paths, _pass_phrase)


def decrypt(fd: int, path: str, opening: Keys, sink: Callable[[bytes], object]) -> None:
    """Give the text of an encrypted file to the sink, as far as it is authentic. Raises `BundleError`, which names the file."""
    from diagbundle.cli.verify import watched
    from diagbundle.transport.opening import open_into

    progress, size, done = watched(f"opening {shown(os.path.basename(path))}"), os.fstat(fd).st_size, 0

    def counted(piece: bytes) -> None:
        nonlocal done
        sink(piece)
        done += len(piece)
        progress(done, size)

    try:
        open_into(fd, opening, counted)
    except BundleError as error:
        hint = error.hint or (OTHER_KEY if isinstance(error, WrongKeyError) else AGAIN)
        raise type(error)(f"{shown(os.path.basename(path))} cannot be opened: {error}", hint) from None


@contextmanager
def laid_open(path: str, given: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A file to be read for the time being, and why it is not all: what stands before the fault of an encrypted one, or the file itself."""
    from diagbundle.bundle.format import ENCRYPTED_SUFFIX
    from diagbundle.bundle.frames import is_encrypted, open_file
    from diagbundle.cli.private import private_folder  # `collect` needs none of it, and would start more slowly

    fd = open_file(path)
    try:
        if not is_encrypted(os.pread(fd, 64, 0)):
            yield path, ""
            return
        opening = keys(given)
        with private_folder(os.path.dirname(os.path.abspath(path))) as folder:
            plain, fault = os.path.join(folder, os.path.basename(path).removesuffix(ENCRYPTED_SUFFIX) or "bundle"), ""
            with open(plain, "xb") as file:
                try:
                    decrypt(fd, path, opening, file.write)
                except IntegrityError as error:
                    fault = str(error)
            yield plain, fault
    finally:
        os.close(fd)


def _pass_phrase(path: str) -> str:
    import click

    if not sys.stdin.isatty():
        raise UsageError(f"a pass phrase is needed, and there is no terminal to ask at: {path}", "name a key file without one")
    return str(click.prompt(f"Pass phrase of {path}", hide_input=True, err=True))
