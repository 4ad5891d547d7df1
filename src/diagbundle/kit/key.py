"""A public key as `age` writes it: `age1…`, 32 bytes in Bech32, whose checksum finds a letter that was mistyped."""

from __future__ import annotations

LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
PREFIX = "age"
SIZE = 52
"""Letters of 32 bytes, five bits each."""
CHECKSUM = 6
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def fault(text: str) -> str:
    """Why a text is no public key, or ''."""
    if text.upper().startswith("AGE-SECRET-KEY-"):
        return "it is the secret key, which belongs into no file that leaves you: its public key begins with age1"
    prefix, _, data = text.rpartition("1")
    if prefix != PREFIX or len(data) != SIZE + CHECKSUM or any(letter not in LETTERS for letter in data):
        return f"it is age1 and {SIZE + CHECKSUM} small letters and digits"
    values = [LETTERS.index(letter) for letter in data]
    # 32 bytes fill 51 letters and one bit of the last.
    if polymod([*expanded(PREFIX), *values]) != 1 or values[SIZE - 1] & 0b1111:
        return "its checksum is wrong: a letter is another one, or missing"
    return ""


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
