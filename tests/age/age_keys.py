"""Keys, made here, and what is encrypted to them."""

import os

from diagbundle.transport import key
from diagbundle.transport.age import _BASE, Encryptor
from diagbundle.transport.cipher import shared


def bech32(prefix: str, data: bytes) -> str:
    """A key as age writes it."""
    bits = int.from_bytes(data, "big") << 4
    values = [bits >> 5 * (key.SIZE - 1 - at) & 31 for at in range(key.SIZE)]
    rest = key.polymod([*key.expanded(prefix), *values, *[0] * key.CHECKSUM]) ^ 1
    return f"{prefix}1" + "".join(key.LETTERS[value] for value in [*values, *(rest >> 5 * (5 - at) & 31 for at in range(key.CHECKSUM))])


class Pair:
    """A new key: `public`, `secret`, and the path of a file with the secret one, once it was `written`."""

    def __init__(self) -> None:
        secret = os.urandom(32)
        self.public = bech32(key.PUBLIC, shared(secret, _BASE))
        self.secret = bech32(key.SECRET, secret).upper()

    def written(self, path) -> str:
        path.write_text(f"# created: today\n# public key: {self.public}\n{self.secret}\n")
        return str(path)


def encrypted(data, *recipients, step=1 << 20):
    """What the encryptor makes of these bytes, given to it in steps."""
    out = bytearray()
    encryptor = Encryptor(recipients, out.extend)
    for at in range(0, len(data), step):
        encryptor.write(data[at : at + step])
    encryptor.close()
    return bytes(out)
