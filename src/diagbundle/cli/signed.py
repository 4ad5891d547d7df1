"""What `verify` says of a signature, and of a file that is encrypted: nobody needs its key to see that it is as it was sealed."""

from __future__ import annotations

import os
from dataclasses import dataclass

from diagbundle.bundle import hashing
from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import SIDECAR, SIGNATURE
from diagbundle.bundle.frames import is_encrypted, open_file
from diagbundle.bundle.part import part_of, read_list
from diagbundle.bundle.reader import JOIN_ENCRYPTED
from diagbundle.errors import FormatError, IntegrityError, OutputError, UsageError
from diagbundle.transport import signature
from diagbundle.transport.signature import Signer


@dataclass(frozen=True)
class Signed:
    """What is known of a signature: whose it is, or why that could not be looked at."""

    signer: Signer | None
    source: str = ""
    """What the user named to know the signer by; '' where he did not ask."""
    fault: str = ""

    def __str__(self) -> str:
        """A sentence."""
        if not self.signer:
            return f"there is a signature beside it that was not looked at: {shown(self.fault)}"
        if not self.source:
            return f"signed by the key {self.signer}; whose that is was not checked: `diagbundle verify FILE --signer FILE` does"
        name = "a name that is hashed there" if self.signer.name.startswith("|1|") else shown(self.signer.name)
        return f"signed by {name}, as {shown(self.source)} knows it: {self.signer}"

    def as_object(self) -> dict[str, str | None]:
        """For programs."""
        who = self.signer
        return {
            "fingerprint": who.fingerprint if who else None,
            "kind": who.kind if who else None,
            "signer": who.name if who and self.source else None,
            "unchecked": self.fault or (None if self.source else "no --signer was named"),
        }


def refuse_revoked_alone(signer: str, revoked: str) -> None:
    """Raises `UsageError` for keys that are not to count, where nobody is named whose keys count."""
    if revoked and not signer:
        raise UsageError(
            f"--revoked takes keys from those of --signer, which is not there: {revoked}", "name the keys that count: --signer FILE"
        )


def signed(bundle: str, sidecar: str, signer: str, revoked: str) -> Signed | None:
    """What there is to say of the signature of a bundle's checksum; None where there is none and nobody asked.

    Raises `IntegrityError` where it does not hold, `OutputError` where that was asked and cannot be found out.
    """
    name = shown(os.path.basename(bundle))
    path = os.path.join(os.path.dirname(bundle), sidecar)
    if not sidecar:
        if not signer:
            return None
        raise IntegrityError(
            f"{name} is not signed: a signature is one of {name}{SIDECAR}, which is not beside it", "ask for that file and its .sig, too"
        )
    if not signer and not os.path.lexists(path + SIGNATURE):
        return None
    try:
        if signer:
            is_key = signer.lstrip().startswith(("ssh-", "ecdsa-", "sk-")) and not os.path.exists(signer)
            return Signed(signature.verified(path, signer, revoked), "the key that you gave" if is_key else os.path.basename(signer))
        return Signed(signature.signed_by(path))
    except IntegrityError as error:
        raise IntegrityError(f"{name}: {error}", error.hint) from None
    except OutputError as error:
        if signer:
            raise
        return Signed(None, fault=str(error))


def encrypted(path: str) -> bool:
    """Whether only whoever has the key can see what it is."""
    fd = open_file(path)
    try:
        return is_encrypted(os.pread(fd, 64, 0))
    finally:
        os.close(fd)


def sealed(path: str) -> str:
    """Name of the file with the checksum of an encrypted bundle, which agrees. Raises where there is none, or it does not."""
    name = shown(os.path.basename(path))
    listed = read_list(path + SIDECAR)
    if part := part_of(path):
        raise IntegrityError(f"{name} is {part}, and no bundle by itself", JOIN_ENCRYPTED)
    if len(listed) != 1:
        raise FormatError(
            f"{name} is encrypted, and no checksum is beside it: {name}{SIDECAR}",
            "ask for that file; or `diagbundle open FILE -i KEYFILE`, which finds out whether it is whole",
        )
    fd = open_file(path)
    try:
        sha256 = hashing.of_file(fd)
    except OSError as error:
        raise IntegrityError(f"{name} is damaged: it cannot be read: {error.strerror}") from None
    finally:
        os.close(fd)
    if sha256 != listed[0].sha256:
        raise IntegrityError(f"{name} is damaged: it does not match the checksum in {name}{SIDECAR}", "ask for the file again")
    return os.path.basename(path) + SIDECAR
