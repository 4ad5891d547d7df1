"""`diagbundle seal`: what was collected and looked at is made ready to leave: encrypted, signed, in parts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

import click

from diagbundle.bundle.format import SIDECAR, SIGNATURE
from diagbundle.bundle.part import LIST
from diagbundle.cli import encryption, options
from diagbundle.cli.sealing import Sealing, cut, interruptible, pass_on, sealing_options, signed

_STEP = 1 << 20


@click.command
@click.argument("bundle", type=click.Path())
@options.encryption_option
@sealing_options
@click.option(
    "-o", "--output", default="", metavar="FOLDER", type=click.Path(), help="Where to write. Default: beside BUNDLE."
)  # fmt: skip
def command(bundle: str, *, encrypt_to: tuple[str, ...], sign: str | None, max_part: str | None, output: str) -> None:
    """Make the file BUNDLE ready to leave, after it was looked at: encrypt it, sign it, cut it into parts. It stays as it is.

    Name one at least: with --encrypt-to it becomes NAME.tar.zst.age; --sign writes NAME.sha256.sig for what leaves, which
    `diagbundle verify --signer` and `ssh-keygen -Y verify -n diagbundle` check; --max-part writes NAME.001, NAME.002 and so on,
    and their list. The files to pass on go to standard output, one a line.

    \b
    Exit status: 0 done; 1 it could not be done, and nothing was written; 4 the
    bundle is damaged, and not sealed; 130 ended by Ctrl-C, nothing was written.
    """
    from diagbundle.bundle.escape import shown
    from diagbundle.cli.talk import say
    from diagbundle.errors import OutputError, UsageError

    sealing, to = Sealing(sign or "", max_part or "0"), encryption.recipients(encrypt_to)
    if not (to or sealing.key or sealing.most):
        raise UsageError("nothing is asked for: diagbundle seal", "name one at least: --encrypt-to KEY, --sign, --max-part 20M")
    if sealing.cannot:
        raise OutputError(f"it cannot be signed: {sealing.cannot}")
    if output and not os.path.isdir(output):
        raise UsageError(f"there is no such folder: {shown(output)}", "-o wants the folder to write to")
    work = _Work(bundle, output or os.path.dirname(bundle), sealing, to)
    with interruptible(lambda: None) as alive, work.kept_if_all():
        work.alive = alive
        work.run()
    for line in (*encryption.summary(to), *work.lines):
        say(line)
    for line in pass_on(*work.parts_and_beside()):
        say(line)
    for path in work.leaving:
        click.echo(shown(path))


class _Work:
    """One sealing. `made` is what is removed again if it cannot be ended."""

    def __init__(self, bundle: str, folder: str, sealing: Sealing, to: list[str]) -> None:
        self.bundle, self.sealing, self.to = bundle, sealing, to
        self.target = os.path.join(folder, os.path.basename(bundle)) + (".age" if to else "")
        self.alive: Callable[[], None] = lambda: None
        self.made: list[str] = []
        self.leaving: list[str] = []
        self.lines: list[str] = []

    def parts_and_beside(self) -> tuple[list[str], list[str]]:
        """The file that leaves, or its parts; and what leaves with it."""
        count = next((number for number, path in enumerate(self.leaving) if path.endswith((LIST, SIDECAR))), 1)
        return self.leaving[:count], self.leaving[count:]

    @contextlib.contextmanager
    def kept_if_all(self) -> Iterator[None]:
        """All of it, or nothing."""
        try:
            yield
        except BaseException:
            for path in self.made:
                with contextlib.suppress(OSError):
                    os.unlink(path)
            raise

    def run(self) -> None:
        """Check what was given, then write. Raises `BundleError`, `OutputError`."""
        self._check()
        fd = os.open(self.bundle, os.O_RDONLY | os.O_CLOEXEC)
        try:
            sha256 = self._encrypt(fd) if self.to else self._pass_on(fd)
        finally:
            os.close(fd)
        self._sidecar(sha256)
        if self.sealing.key:
            from diagbundle.transport import signature

            signer = signature.sign(self.target + SIDECAR, self.sealing.key, os.environ, self.alive)
            self.made.append(self.target + SIDECAR + SIGNATURE)
            self.leaving.append(self.made[-1])
            self.lines += signed(self.target, str(signer))

    def _check(self) -> None:
        """A damaged bundle is not sealed; one that is encrypted already can only be signed and cut."""
        from diagbundle.bundle.reader import Bundle
        from diagbundle.cli.signed import encrypted, sealed
        from diagbundle.cli.verify import watched
        from diagbundle.errors import UsageError

        if not encrypted(self.bundle):
            with Bundle.open(self.bundle) as opened:
                shown = watched(f"checking {opened.name}")
                opened.verify(lambda done, total: (self.alive(), shown(done, total))[1])
            return
        if self.to:
            raise UsageError(f"the file is encrypted already: {self.bundle}", "leave --encrypt-to out, or encrypt the bundle itself")
        if os.path.lexists(self.bundle + SIDECAR):
            sealed(self.bundle)

    def _encrypt(self, fd: int) -> str:
        """The encrypted file, or its parts; its checksum."""
        from diagbundle.bundle import hashing
        from diagbundle.newfile import NewFile
        from diagbundle.transport.age import Encryptor
        from diagbundle.transport.parts import Parts, ends_anywhere

        sha = hashing.sha256()
        sinks: list[Callable[[bytes], object]] = []
        encryptor = Encryptor(self.to, lambda data: [sink(data) for sink in sinks])
        total = encryptor.growth(os.fstat(fd).st_size)
        ends = ends_anywhere(total, self.sealing.most or total)
        output = Parts(self.target, ends, self.alive) if len(ends) > 1 else NewFile(self.target)
        sinks += [sha.update, output.write]
        with output:
            for piece in self._pieces(fd):
                encryptor.write(piece)
            encryptor.close()
            if isinstance(output, Parts):
                self._in_parts(output.finish())
            else:
                output.keep()
                self.made.append(self.target)
                self.leaving.append(self.target)
                self.lines += cut([self.target], self.target) if self.sealing.most else []
        return sha.hexdigest()

    def _pass_on(self, fd: int) -> str:
        """The file as it is, or its parts; its checksum."""
        from diagbundle.bundle import hashing
        from diagbundle.transport.parts import ends_of_parts, split

        ends = ends_of_parts(fd, self.sealing.most) if self.sealing.most else []
        if len(ends) > 1:
            self._in_parts(split(self.bundle, self.target, ends, self.alive))
        else:
            self.leaving.append(self.bundle)
            self.lines += cut([self.bundle], self.bundle) if self.sealing.most else []
        sha = hashing.sha256()
        for piece in self._pieces(fd):
            sha.update(piece)
        return sha.hexdigest()

    def _in_parts(self, paths: list[str]) -> None:
        listed = f"{self.target}.parts"
        self.made += [*paths, listed]
        self.leaving += [*paths, listed]
        self.lines += cut(paths, self.target)

    def _sidecar(self, sha256: str) -> None:
        """The checksum of the whole; one that is there already must say the same."""
        from diagbundle.bundle.escape import shown
        from diagbundle.bundle.format import sums_line
        from diagbundle.bundle.part import read_list
        from diagbundle.errors import IntegrityError
        from diagbundle.newfile import write_new

        path, name = self.target + SIDECAR, os.path.basename(self.target)
        self.leaving.append(path)
        if not os.path.lexists(path):
            write_new(path, sums_line(name, sha256))
            self.made.append(path)
        elif [one.sha256 for one in read_list(path)] != [sha256]:
            raise IntegrityError(f"{shown(name)} is damaged: it does not match the checksum in {shown(path)}", "nothing was sealed")

    def _pieces(self, fd: int) -> Iterator[bytes]:
        os.lseek(fd, 0, os.SEEK_SET)
        while piece := os.read(fd, _STEP):
            self.alive()
            yield piece
