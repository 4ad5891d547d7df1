"""Who sealed it: a signature by an SSH key over the file with the checksum, made and verified by `ssh-keygen -Y` (ADR 26).

There is no cryptography of ours here. `ssh-keygen` knows pass phrases, agents and tokens, and has what is needed for a key to be
judged: lists of signers, times, revocations. It signs since OpenSSH 8.1 and finds out who signed since 8.2.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import SIGNATURE
from diagbundle.errors import FormatError, IntegrityError, OutputError, UsageError
from diagbundle.newfile import write_new
from diagbundle.paths import unread
from diagbundle.transport.alive import Alive, nobody

NAMESPACE = "diagbundle"
"""What a signature is for: one that was made for anything else does not count here, nor ours anywhere else."""
HOST_KEYS = tuple(f"/etc/ssh/ssh_host_{kind}_key" for kind in ("ed25519", "ecdsa", "rsa"))
AGENT = ("SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_SK_PROVIDER", "DISPLAY", "HOME", "TERM")
"""Variables by which an agent, a token or a window for the pass phrase is found; nothing else of the caller's gets in."""
PERSON, MACHINE = 180.0, 30.0
"""Seconds for who must type a pass phrase or touch a token, and for who only computes."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MAX_SIGNATURE, _MAX_SIGNERS = 64 << 10, 16 << 20
_TYPE = r"(?:sk-)?(?:ssh|ecdsa)-[\w@.-]+"
_KEY = re.compile(rf"\s*({_TYPE})\s+(AAAA[\w+/=]+)(?:\s+(.*))?")
_KNOWN_HOST = re.compile(rf"@(revoked|cert-authority)\s+(\S+)\s+({_TYPE}\s+AAAA[\w+/=]+).*")
_GOOD = re.compile(r'Good "[^"]*" signature (?:for .* )?with (\S+) key (\S+)')
_REVOKED = "the key is revoked"
_WHY = {
    "namespace does not match": "it was made for another purpose than a bundle",
    "incorrect signature": "the file, or the signature, was altered, or they do not belong together",
    "not permitted": "who lists this key does not let it sign bundles",
    "expired": "the key is not valid any more",
    "not yet valid": "the key is not valid yet",
}


class Said(NamedTuple):
    """How a run of ssh-keygen ended, what it answered, and what it complained of."""

    exit: int
    out: str
    text: str


@dataclass(frozen=True)
class Signer:
    """Whose key signed: `ED25519`, `SHA256:…`, and by which name the list of signers knows it, '' where nobody looked."""

    kind: str
    fingerprint: str
    name: str = ""

    def __str__(self) -> str:
        """`SHA256:… (ED25519)`."""
        return f"{shown(self.fingerprint)} ({shown(self.kind)})"


# -- signing


def why_not() -> str:
    """Why this host cannot sign, or ''."""
    if not (program := _program()):
        return "ssh-keygen is not installed"
    said = _run([program, "-Y", "sign"], seconds=MACHINE)  # what it lacks is told; an old one does not know -Y
    return "" if "namespace" in said.text else "ssh-keygen here cannot sign: it is older than OpenSSH 8.1"


def key_to_sign(path: str = "") -> str:
    """The key: this one, else the host's own. Raises `UsageError` where there is none that can be read."""
    if not path:
        path = next((one for one in HOST_KEYS if os.path.exists(one)), "")
        if not path:
            raise UsageError("this host has no SSH key of its own to sign with: /etc/ssh/ssh_host_*_key", "name another one: --sign KEY")
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            start = file.read(4096) or b""  # of a pipe into which nothing was written yet: None
    except (OSError, ValueError) as error:
        if path in HOST_KEYS:
            raise UsageError(
                f"the host's own key cannot be read: {shown(path)}", "only root may sign with it; name another one: --sign KEY"
            ) from None
        raise unread(path, error, "key to sign with", "name the file of an SSH key, or leave KEY out: --sign, for the host's own") from None
    if b"PRIVATE KEY-----" not in start and not _KEY.match(start.decode("latin-1").partition("\n")[0]):
        raise UsageError(f"this is no SSH key to sign with: {shown(path)}", "name a private key, or the public half of one in an agent")
    return os.path.abspath(path)


def sign(path: str, key: str, environment: Mapping[str, str], alive: Alive = nobody) -> Signer:
    """Sign a file: PATH.sig. `environment` is the caller's, for his agent. Raises `OutputError`, and has written nothing then."""
    if not (program := _program()):
        raise OutputError("it was not signed: ssh-keygen is not installed")
    data = _contents(path, _MAX_SIGNATURE)
    try:
        with tempfile.TemporaryDirectory(prefix=".diagbundle-", dir=os.path.dirname(os.path.abspath(path))) as folder:
            copy = os.path.join(folder, "checksum")
            with open(copy, "xb") as file:
                file.write(data)
            words = [program, "-q", "-Y", "sign", "-f", key, "-n", NAMESPACE, copy]
            said = _run(words, seconds=PERSON, environment={name: environment[name] for name in AGENT if name in environment}, alive=alive)
            alive()  # Ctrl-C at the question for a pass phrase goes to both of us
            signature = _contents(copy + SIGNATURE, _MAX_SIGNATURE) if said.exit == 0 else b""
            if not signature:
                raise OutputError(f"it was not signed: ssh-keygen says: {_last_line(said.text)}")
            signer = _checked(program, data, copy + SIGNATURE)
    except OSError as error:
        raise OutputError(f"it was not signed: {error.strerror}") from None
    except IntegrityError as error:
        raise OutputError(f"it was not signed: {error}") from None
    write_new(path + SIGNATURE, signature)
    return signer


# -- verifying


def signed_by(path: str) -> Signer:
    """Whose key signed a file, by the signature beside it; whether he is to be trusted is not asked.

    Raises `IntegrityError` where it is not a signature of this file; `OutputError` where ssh-keygen cannot say.
    """
    return _checked(_needed(), _contents(path, _MAX_SIGNATURE), path + SIGNATURE)


def verified(path: str, signer: str, revoked: str = "") -> Signer:
    """The same, if the key is one of `signer`: a public key or a file of such, known_hosts, or allowed_signers as ssh-keygen wants it.

    `revoked` is a file of keys that do not count, as `ssh-keygen -r` wants it. Raises as `signed_by`, and `UsageError` for no signer.
    """
    program = _needed()
    lines, also_revoked = signers(signer)
    if revoked and not os.path.isfile(revoked):
        raise UsageError(
            f"there is no such file of revoked keys: {shown(revoked)}", "name one that `ssh-keygen -k` made, or a file of public keys"
        )
    if not os.path.lexists(path + SIGNATURE):
        raise IntegrityError(f"it is not signed: there is no {shown(os.path.basename(path))}{SIGNATURE}", "ask for that file, too")
    data, signature = _contents(path, _MAX_SIGNATURE), os.path.abspath(path) + SIGNATURE
    who = _checked(program, data, signature)
    with tempfile.TemporaryDirectory(prefix="diagbundle-") as folder:
        lists = [_file(folder, "revoked", also_revoked)] * bool(also_revoked) + [os.path.abspath(revoked)] * bool(revoked)
        allowed = _file(folder, "allowed", lines)
        found = _run([program, "-Y", "find-principals", "-f", allowed, "-s", signature], seconds=MACHINE)
        why = next((why for word, why in _WHY.items() if word in found.text), "")
        for name in filter(None, found.out.splitlines()):
            words = [program, "-Y", "verify", "-f", allowed, "-I", name, "-n", NAMESPACE, "-s", signature]
            plain = _run(words, seconds=MACHINE, data=data)
            if plain.exit != 0:
                why = _reason(plain.text)
            elif all(_run([*words, "-r", one], seconds=MACHINE, data=data).exit == 0 for one in lists):
                return Signer(who.kind, who.fingerprint, name)
            else:
                why = _REVOKED
        gone = _file(folder, "gone", [f"gone {line}" for line in also_revoked])
        if not why and _run([program, "-Y", "find-principals", "-f", gone, "-s", signature], seconds=MACHINE).exit == 0:
            why = _REVOKED
    if why:
        raise IntegrityError(f"the signature does not count: {why}: {who}", "ask whom you have the key from")
    raise IntegrityError(
        f"it is signed by another key than you named: {who}", "if that may be his, get his key again by another way than this file's"
    )


def signers(signer: str) -> tuple[list[str], list[str]]:
    """Lines of a file of allowed signers, and keys that are revoked, out of whatever names keys. Raises `UsageError`."""
    if _KEY.fullmatch(signer.strip()):
        lines = [signer]
    else:
        try:
            lines = _contents(signer, _MAX_SIGNERS).decode("utf-8", "replace").splitlines()
        except (OSError, ValueError, FormatError) as error:
            reason = ": there is no such file" if isinstance(error, FileNotFoundError) else f": {getattr(error, 'strerror', None) or error}"
            raise UsageError(
                f"this names no key: {shown(signer)}{reason}", "name a public key, a file of such, known_hosts or allowed_signers"
            ) from None
    allowed, revoked = [], []
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if key := _KEY.fullmatch(line):
            allowed.append(f"{_name(key[3] or '')} {key[1]} {key[2]}")
        elif host := _KNOWN_HOST.fullmatch(line.strip()):
            if host[1] == "revoked":
                revoked.append(host[3])
            else:
                allowed.append(f"{host[2]} cert-authority {host[3]}")
        elif "PRIVATE KEY-----" in line:
            raise UsageError(f"this is a private key, which tells nobody who signed: {shown(signer)}", "name its public half, KEY.pub")
        elif re.search(rf"\s{_TYPE}\s+AAAA", line):
            allowed.append(line)
    if not allowed and not revoked:
        raise UsageError(f"there is no public key in it: {shown(signer)}", "name a public key, known_hosts or allowed_signers")
    return allowed, revoked


def _name(comment: str) -> str:
    """A comment of a key as the name of whose it is, as far as a name may be so."""
    return re.sub(r"[^\w@.+-]+", "_", comment.strip()).strip("_") or "the-key-that-you-named"


def _file(folder: str, name: str, lines: list[str]) -> str:
    """A file of these lines for ssh-keygen, in a folder of our own."""
    path = os.path.join(folder, name)
    with open(path, "x", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def _checked(program: str, data: bytes, signature: str) -> Signer:
    """Whose key made a signature of this data."""
    if not os.path.lexists(signature):
        raise IntegrityError(f"it is not signed: there is no {shown(os.path.basename(signature))}", "ask for that file, too")
    _contents(signature, _MAX_SIGNATURE)
    words = [program, "-Y", "check-novalidate", "-n", NAMESPACE, "-s", os.path.abspath(signature)]
    said = _run(words, seconds=MACHINE, data=data)
    good = _GOOD.search(said.out)
    if said.exit == 0 and good:
        return Signer(good[1], good[2])
    raise IntegrityError(f"the signature is not one of this file: {_reason(said.text)}", "ask for file, checksum and signature again")


def _reason(text: str) -> str:
    return next((why for word, why in _WHY.items() if word in text), f"ssh-keygen says: {_last_line(text)}")


def _last_line(text: str) -> str:
    """The line that tells most."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "Could not verify" not in line]
    return shown(lines[-1][:200]) if lines else "nothing, and failed"


# -- ssh-keygen


def _program() -> str:
    return shutil.which("ssh-keygen", path=_PATH) or ""


def _needed() -> str:
    if not (program := _program()):
        raise OutputError("who signed cannot be told: ssh-keygen is not installed", "install OpenSSH's client, 8.2 or later")
    return program


def _run(
    words: list[str], *, seconds: float, data: bytes | None = None, environment: Mapping[str, str] | None = None, alive: Alive = nobody
) -> Said:
    """Run it in a fixed environment. Without data it has our terminal: who signs may be asked for a pass phrase."""
    try:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as talk:
            process = subprocess.Popen(
                words, stdin=None if data is None else subprocess.PIPE, stdout=out, stderr=talk, cwd="/",
                env={"PATH": _PATH, "LC_ALL": "C", **(environment or {})},
            )  # fmt: skip
            try:
                if process.stdin:
                    with suppress(BrokenPipeError), process.stdin as pipe:
                        pipe.write(data or b"")  # less than a pipe holds
                code = _wait(process, seconds, alive)
            finally:
                process.kill()
            texts = [os.pread(file.fileno(), _MAX_SIGNATURE, 0).decode("utf-8", "replace") for file in (out, talk)]
    except OSError as error:
        return Said(1, "", f"it could not be started: {error.strerror}")
    return Said(code, *texts) if code is not None else Said(1, "", f"it did not end within {seconds:g} s")


def _wait(process: subprocess.Popen[bytes], seconds: float, alive: Alive) -> int | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        alive()
        try:
            return process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    return None


def _contents(path: str, most: int) -> bytes:
    """A small regular file. Raises OSError, and `FormatError` where it is none, or larger than such a file can be."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise FormatError(f"it is not a regular file: {shown(path)}")
        data = file.read(most + 1)
    if len(data) > most:
        raise FormatError(f"it is larger than {most:,} bytes: {shown(path)}")
    return data
