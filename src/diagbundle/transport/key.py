"""Keys as `age` writes them, `age1…` and `AGE-SECRET-KEY-1…`: 32 bytes in Bech32 (BIP 173), whose checksum finds a mistyped letter."""

from __future__ import annotations

LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
PUBLIC, SECRET = "age", "age-secret-key-"
SIZE = 52
"""Letters of 32 bytes, five bits each."""
CHECKSUM = 6
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def fault(text: str) -> str:
    """Why a text is no public key, or ''."""
    try:
        public(text)
    except ValueError as error:
        return str(error)
    return ""


def public(text: str) -> bytes:
    """The bytes of a public key. Raises ValueError, which says why it is none."""
    if is_secret(text):
        raise ValueError("it is the secret key, which belongs into no file that leaves you: its public key begins with age1")
    return _decoded(PUBLIC, text, f"it is age1 and {SIZE + CHECKSUM} small letters and digits")


def secret(text: str) -> bytes:
    """The bytes of a secret key. Raises ValueError, which says why it is none."""
    if text != text.upper():
        raise ValueError("it is written in capital letters")
    return _decoded(SECRET, text.lower(), f"it is AGE-SECRET-KEY-1 and {SIZE + CHECKSUM} capital letters and digits")


def is_secret(text: str) -> bool:
    """Whether this wants to be a secret key."""
    return text.upper().startswith("AGE-SECRET-KEY-")


def _decoded(prefix: str, text: str, form: str) -> bytes:
    found, _, data = text.rpartition("1")
    if found != prefix or len(data) != SIZE + CHECKSUM or any(letter not in LETTERS for letter in data):
        raise ValueError(form)
    values = [LETTERS.index(letter) for letter in data]
    # 32 bytes fill 51 letters and one bit of the last.
    if polymod([*expanded(prefix), *values]) != 1 or values[SIZE - 1] & 0b1111:
        raise ValueError("its checksum is wrong: a letter is another one, or missing")
    bits = 0
    for value in values[:SIZE]:
        bits = bits << 5 | value
    return (bits >> 4).to_bytes(32, "big")


def expanded(prefix: str) -> list[int]:
    """The prefix, as the checksum counts it."""
    return [*(ord(letter) >> 5 for letter in prefix), 0, *(ord(letter) & 31 for letter in prefix)]


def polymod(values: list[int]) -> int:
    """The remainder that a Bech32 text leaves: 1 for a sound one (BIP 173)."""
    rest = 1
    for value in values:
        top, rest = rest >> 25, (rest & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            rest ^= generator if top >> bit & 1 else 0
    return rest
