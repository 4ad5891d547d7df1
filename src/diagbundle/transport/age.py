"""The age format, version 1 (https://age-encryption.org/v1): a header that wraps the file's key for each recipient, then chunks of 64 KiB.

Written as bytes come, without looking back, in constant memory; each chunk is authenticated, and the last one says that it is the last.
Of the kinds of recipients that there are, these are ours: X25519. Others are passed over, as the format demands.
"""

from __future__ import annotations

import binascii
import hmac
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from diagbundle.errors import FormatError, IntegrityError, UsageError, WrongKeyError
from diagbundle.transport import key
from diagbundle.transport.cipher import seal, shared, unseal

VERSION = b"age-encryption.org/v1"
ANY_VERSION = b"age-encryption.org/"
CHUNK = 64 << 10
TAG = 16
MAX_HEADER = 256 << 10
"""Bytes: room for some thousand recipients."""
WRAPPED = 32
"""Bytes of a wrapped key, with its tag; of a public key; of the header's checksum."""
_FILE_KEY = _NONCE = 16
_BASE = bytes([9]) + bytes(31)
"""The base point of Curve25519 (RFC 7748): what it shares with a secret key is the public one."""
_INFO = VERSION + b"/X25519"
_LINE = 64
"""Letters of a full line of base64; a shorter one ends the body of a stanza."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*")
_WORDS = re.compile(rb"[!-~]+(?: [!-~]+)*")


def sealed_size(size: int) -> int:
    """Bytes that so many become, behind header and nonce."""
    return size + TAG * max(1, -(-size // CHUNK))


class Encryptor:
    """Takes bytes, gives encrypted ones to a sink. After a fault of the sink it takes nothing more: no chunk may be sealed twice."""

    def __init__(self, recipients: Sequence[str], sink: Callable[[bytes], object]) -> None:
        """Raises `UsageError` for a recipient that is none."""
        file_key, nonce = os.urandom(_FILE_KEY), os.urandom(_NONCE)
        self._head = _wrapped(file_key, [_recipient(text) for text in recipients]) + nonce
        self._key = _derived(file_key, nonce, b"payload")
        self._sink = sink
        self._count = 0
        self._pending = bytearray()
        self._fault: BaseException | None = None

    def growth(self, size: int) -> int:
        """Bytes that the sink would get if so many more came, and then the end."""
        return len(self._head) + sealed_size(len(self._pending) + size)

    def write(self, data: bytes | memoryview) -> None:
        """Encrypt it; what may be the last chunk is held back."""
        view = memoryview(data)
        while len(self._pending) + len(view) > CHUNK:
            take = CHUNK - len(self._pending)
            if self._pending:
                self._pending += view[:take]
                self._chunk(self._pending)
                self._pending = bytearray()
            else:
                self._chunk(view[:take])
            view = view[take:]
        self._pending += view

    def close(self) -> None:
        """Seal the last chunk."""
        self._chunk(self._pending, is_last=True)
        self._pending = bytearray()

    def _chunk(self, text: bytearray | memoryview, *, is_last: bool = False) -> None:
        if self._fault:
            raise self._fault
        try:
            if self._head:
                self._sink(self._head)
                self._head = b""
            self._sink(seal(self._key, _nonce(self._count, is_last=is_last), text))
        except BaseException as error:
            self._fault = error
            raise
        self._count += 1


def decrypted(fd: int, identities: Sequence[str]) -> Iterator[bytes]:
    """The text of a file, as far as it is authentic, a chunk at a time; `identities` are secret keys (`AGE-SECRET-KEY-1…`).

    Raises at once `WrongKeyError`, or `FormatError` for what is no file of the age format; while it is read `IntegrityError`, behind all
    that is authentic, where it was cut or altered.
    """
    file = open(fd, "rb", buffering=2 * CHUNK, closefd=False)  # noqa: SIM115  # read by the iterator
    try:
        header = _read_header(file)
        file_key = _unwrapped(header, [key.secret(text) for text in identities])
        nonce = file.read(_NONCE)
    except OSError as error:
        raise IntegrityError(f"it cannot be read: {error.strerror}") from None
    if len(nonce) < _NONCE:
        raise FormatError("it ends behind its header: it is cut short")
    return _chunks(file, _derived(file_key, nonce, b"payload"))


# -- header


class Stanza(NamedTuple):
    """How the file's key is wrapped for one recipient: kind and arguments, and the wrapped key."""

    words: list[bytes]
    body: bytes


class Header(NamedTuple):
    """What stands before the chunks."""

    stanzas: list[Stanza]
    text: bytes
    """What is authenticated."""
    mac: bytes


def _recipient(text: str) -> bytes:
    try:
        return key.public(text)
    except ValueError as error:
        raise UsageError(f"this is no public key of age: {text}", str(error)) from None


def _wrapped(file_key: bytes, recipients: Sequence[bytes]) -> bytes:
    """The header."""
    if not recipients:
        raise UsageError("there is nobody to encrypt to")
    lines = [VERSION]
    for recipient in recipients:
        once = os.urandom(WRAPPED)
        share = shared(once, _BASE)
        try:
            wrap = _derived(shared(once, recipient), share + recipient, _INFO)
        except ValueError:
            raise UsageError("this public key of age is not a sound one: everybody could read what is encrypted to it") from None
        lines += [b"-> X25519 " + _base64(share), _base64(seal(wrap, bytes(12), file_key))]
    text = b"\n".join([*lines, b"---"])
    return text + b" " + _base64(_mac(file_key, text)) + b"\n"


def _unwrapped(header: Header, secrets: Sequence[bytes]) -> bytes:
    """The file's key, by the first of these that opens it. Raises `WrongKeyError`, `FormatError`, `IntegrityError`."""
    mine = [_x25519(stanza) for stanza in header.stanzas if stanza.words[0] == b"X25519"]
    for secret in secrets:
        public = shared(secret, _BASE)
        for share, body in mine:
            try:
                common = shared(secret, share)
            except ValueError:
                raise FormatError("a share in its header is not a sound one") from None
            try:
                file_key = unseal(_derived(common, share + public, _INFO), bytes(12), body)
            except ValueError:
                continue  # wrapped for somebody else
            if not hmac.compare_digest(_mac(file_key, header.text), header.mac):
                raise IntegrityError("its header was altered")
            return file_key
    kinds = sorted({stanza.words[0].decode() for stanza in header.stanzas})
    raise WrongKeyError(f"it is encrypted to another key ({', '.join(kinds)[:60]})")


def _x25519(stanza: Stanza) -> tuple[bytes, bytes]:
    if len(stanza.words) != 2 or len(stanza.body) != WRAPPED or len(share := _unbase64(stanza.words[1])) != WRAPPED:  # noqa: PLR2004
        raise FormatError("a recipient in its header is not written as the format demands")
    return share, stanza.body


def _read_header(file: BinaryIO) -> Header:
    first = _read_line(file)
    if first != VERSION:
        if first.startswith(ANY_VERSION):
            raise FormatError("it is of a version of the age format that this program does not know")
        raise FormatError("it is no file of the age format")
    text, stanzas = first + b"\n", []
    while (line := _read_line(file)).startswith(b"-> "):
        if not _WORDS.fullmatch(line, 3):
            raise FormatError("its header is damaged")
        body = [_read_line(file)]
        while len(body[-1]) == _LINE and len(body) * _LINE <= MAX_HEADER:
            body.append(_read_line(file))
        if len(body[-1]) > _LINE:
            raise FormatError("its header is damaged")
        stanzas.append(Stanza(line[3:].split(b" "), _unbase64(b"".join(body))))
        text += b"\n".join([line, *body, b""])
        if len(text) > MAX_HEADER:
            raise FormatError(f"its header is longer than {MAX_HEADER:,} bytes")
    if not line.startswith(b"--- ") or len(mac := _unbase64(line[4:])) != WRAPPED or not stanzas:
        raise FormatError("its header is damaged")
    return Header(stanzas, text + b"---", mac)


def _read_line(file: BinaryIO) -> bytes:
    line = file.readline(MAX_HEADER)
    if not line.endswith(b"\n"):
        raise FormatError("its header is cut short" if line.startswith((VERSION, b"-")) else "it is no file of the age format")
    return line[:-1]


def _base64(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def _unbase64(text: bytes) -> bytes:
    """What `_base64` wrote, in its one spelling."""
    try:
        data = b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        data = b""
    if not _BASE64.fullmatch(text) or _base64(data) != text:
        raise FormatError("its header is damaged")
    return data


# -- chunks


def _chunks(file: BinaryIO, payload_key: bytes) -> Iterator[bytes]:
    at, count = file.tell(), 0
    try:
        sealed = file.read(CHUNK + TAG)
        while True:
            more = file.read(CHUNK + TAG)
            text = _opened(payload_key, count, sealed, is_last=not more)
            if text is None:
                yield from _odd_end(payload_key, count, sealed, more)
                raise IntegrityError(f"from byte {at:,} on it was altered" + ", or is cut short" * (not more))
            if count and not text:
                raise IntegrityError("its last piece is empty, which nobody writes")
            yield text
            if not more:
                return
            at, count, sealed = at + len(sealed), count + 1, more
    except OSError as error:
        raise IntegrityError(f"it cannot be read: {error.strerror}") from None


def _odd_end(payload_key: bytes, count: int, sealed: bytes, more: bytes) -> Iterator[bytes]:
    """A chunk that is authentic, but the last one where more follows, or not the last one where nothing does: then the fault."""
    text = _opened(payload_key, count, sealed, is_last=bool(more)) if more or len(sealed) == CHUNK + TAG else None
    if text is not None:
        yield text
        raise IntegrityError("something stands behind its end" if more else "it is cut short: more should follow")


def _opened(payload_key: bytes, count: int, sealed: bytes, *, is_last: bool) -> bytes | None:
    try:
        return unseal(payload_key, _nonce(count, is_last=is_last), sealed)
    except ValueError:
        return None


def _nonce(count: int, *, is_last: bool) -> bytes:
    return count.to_bytes(11, "big") + bytes([is_last])


# -- keys


def _derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869) of 32 bytes, which is one round."""
    return hmac.digest(hmac.digest(salt, secret, "sha256"), info + b"\x01", "sha256")


def _mac(file_key: bytes, text: bytes) -> bytes:
    return hmac.digest(_derived(file_key, b"", b"header"), text, "sha256")
