"""Values with a structure of their own, as their programs make them: checksums that agree, headers that decode, none of them in use anywhere."""

import base64
import binascii
import json
import string
import struct
import uuid

B62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
ALPHABETS = {
    "b62": B62,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "b64": string.ascii_letters + string.digits + "+/",
    "b64url": string.ascii_letters + string.digits + "-_",
    "b32": string.ascii_uppercase + "234567",
    "b36": string.digits + string.ascii_lowercase,
    "B36": string.digits + string.ascii_uppercase,
    "digits": string.digits,
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "word": string.ascii_letters + string.digits + "_",
    "alnum_": string.ascii_letters + string.digits + "_",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "b58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "itoa64": "./" + string.digits + string.ascii_uppercase + string.ascii_lowercase,
}
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
IBAN = {
    "DE": "{18d}",
    "GB": "{4a}{14d}",
    "FR": "{10d}{11c}{2d}",
    "NL": "{4a}{10d}",
    "IL": "{19d}",
    "ES": "{20d}",
    "NO": "{11d}",
    "MT": "{4a}{5d}{18c}",
}
FENCE = "-" * 5
PRIVATE = " PRIVATE " + "KEY"
DER = {
    "rsa": (b"\x30\x82%s\x02\x01\x00\x02\x82\x01\x01\x00", 1188),
    "rsa4096": (b"\x30\x82%s\x02\x01\x00\x02\x82\x02\x01\x00", 2345),
    "pkcs8": (b"\x30\x82%s\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04\x82", 1214),
    "ec": (b"\x30\x77\x02\x01\x01\x04\x20", 114),
    "ec384": (b"\x30\x81\xa4\x02\x01\x01\x04\x30", 160),
    "ec8": (b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x6d", 109),
    "ed25519": (b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 32),
    "encrypted": (b"\x30\x82%s\x30\x40\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d\x30\x33", 1260),
    "pkcs12": (b"\x30\x82%s\x02\x01\x03\x30\x82", 2500),
    "cert": (b"\x30\x82%s\x30\x82\x02\xab\xa0\x03\x02\x01\x02\x02\x14", 900),
    "pub": (b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x0f\x00\x30", 268),
}
"""How ASN.1 of each kind begins (`%s` is the length in two bytes), and how many bytes follow."""


def chars(rng, alphabet, count):
    """Random characters of an alphabet."""
    return "".join(rng.choices(alphabet, k=count))


def b64(data):
    """Base64 as text, on one line."""
    return base64.b64encode(data).decode()


def b64url(data):
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def base62(number, width):
    """A number in base 62, filled with zeros."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = B62[digit] + digits
    return digits.rjust(width, "0")


def crc(rng, count="30"):
    """Characters with their CRC-32 behind them, as GitHub and npm write it."""
    body = chars(rng, B62, int(count))
    return body + base62(binascii.crc32(body.encode()), 6)


def crc_hex(rng, count="32"):
    """Characters, `_`, and their CRC-32 in hex, as Grafana writes it."""
    body = chars(rng, B62, int(count))
    return f"{body}_{binascii.crc32(body.encode()):08x}"


def jwt(rng, algorithm="RS256"):
    """A signed token; `none` has an empty signature, `JWE` five parts."""
    header = {"alg": algorithm, "typ": "JWT"}
    if algorithm == "JWE":
        header = {"alg": "dir", "enc": "A256GCM"}
        return ".".join([b64url(json.dumps(header).encode()), "", *(b64url(rng.randbytes(size)) for size in (12, 90, 16))])
    claims = {"sub": chars(rng, B62, 8), "iat": rng.randrange(10**9, 2 * 10**9), "iss": "https://id.example"}
    signature = {"none": 0, "HS256": 32, "ES256": 64}.get(algorithm, 256)
    return ".".join([b64url(json.dumps(header).encode()), b64url(json.dumps(claims).encode()), b64url(rng.randbytes(signature))])


def jwt64(rng):
    """A token in base64 again, as the values of Kubernetes Secrets."""
    return b64(jwt(rng).encode())


def ceph(rng):
    """A key of Ceph: type 1, time, length 16, key."""
    return b64(struct.pack("<HIIH16s", 1, rng.randrange(1_300_000_000, 1_800_000_000), rng.randrange(10**9), 16, rng.randbytes(16)))


def crypt(rng, scheme="6"):
    """A password hash as crypt(3) and its relatives write it."""
    salt, itoa = (lambda count: chars(rng, ALPHABETS["itoa64"], count)), ALPHABETS["itoa64"]
    forms = {
        "1": lambda: "$1$" + salt(8) + "$" + chars(rng, itoa, 22),
        "apr1": lambda: "$apr1$" + salt(8) + "$" + chars(rng, itoa, 22),
        "5": lambda: "$5$" + salt(16) + "$" + chars(rng, itoa, 43),
        "6": lambda: "$6$" + salt(16) + "$" + chars(rng, itoa, 86),
        "6r": lambda: "$6$rounds=65536$" + salt(16) + "$" + chars(rng, itoa, 86),
        "2b": lambda: "$2b$12$" + chars(rng, itoa, 53),
        "2y": lambda: "$2y$10$" + chars(rng, itoa, 53),
        "y": lambda: "$y$j9T$" + salt(22) + "$" + chars(rng, itoa, 43),
        "gy": lambda: "$gy$j9T$" + salt(22) + "$" + chars(rng, itoa, 43),
        "7": lambda: "$7$CU..../...." + salt(22) + "$" + chars(rng, itoa, 43),
        "argon2id": lambda: (
            "$argon2id$v=19$m=65536,t=3,p=4$" + b64(rng.randbytes(16)).rstrip("=") + "$" + b64(rng.randbytes(32)).rstrip("=")
        ),
        "pbkdf2-sha512": lambda: "$pbkdf2-sha512$25000$" + chars(rng, itoa, 22) + "$" + chars(rng, itoa, 86),
        "P": lambda: "$P$B" + chars(rng, itoa, 30),
    }
    return forms[scheme]()


def der(rng, kind="rsa"):
    """A key or certificate in ASN.1, in base64 without an armour."""
    return b64(der_bytes(rng, kind))


def der_bytes(rng, kind):
    """The ASN.1: the head as its kind has it, the rest random."""
    head, rest = DER[kind]
    size = len(head.replace(b"%s", b"")) - 2 + rest
    return (head.replace(b"%s", struct.pack(">H", size)) if b"%s" in head else head) + rng.randbytes(rest)


def openssh(rng):
    """The body of an OpenSSH private key on one line."""
    return b64(b"openssh-key-v1\x00\x00\x00\x00\x04none" + rng.randbytes(300))


def folded(text, join="\n", width=64):
    """A body in lines."""
    return join.join(text[place : place + width] for place in range(0, len(text), width))


def pem(rng, kind="RSA", join="\n"):
    """A private key in its fences; kind "" is PKCS#8, "OPENSSH" and "ENCRYPTED" are known."""
    body = {"RSA": "rsa", "EC": "ec", "": "pkcs8", "ENCRYPTED": "encrypted"}.get(kind)
    lines = folded(der(rng, body) if body else openssh(rng), join, 64 if body else 70)
    return join.join([fence(rng, f"BEGIN {kind}".rstrip()), lines, fence(rng, f"END {kind}".rstrip())])


def fence(_rng, words="BEGIN"):
    """The first or last line of a private key: `BEGIN RSA`, `END`, ..."""
    return FENCE + words + PRIVATE + FENCE


def public(rng, kind="PUBLIC KEY", join="\n"):
    """A public key or, kind `CERTIFICATE`, a certificate in its fences."""
    body = folded(der(rng, "cert" if kind == "CERTIFICATE" else "pub"), join)
    return join.join([f"{FENCE}BEGIN {kind}{FENCE}", body, f"{FENCE}END {kind}{FENCE}"])


def bech32(rng, human, size=32):
    """Bech32 with its sum: age's keys."""
    bits = "".join(f"{byte:08b}" for byte in rng.randbytes(size))
    data = [int(bits[place : place + 5].ljust(5, "0"), 2) for place in range(0, len(bits), 5)]
    spread = [ord(letter) >> 5 for letter in human] + [0] + [ord(letter) & 31 for letter in human]
    check, steps = 1, (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    for value in [*spread, *data, *[0] * 6]:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, step in enumerate(steps):
            check ^= step if top >> bit & 1 else 0
    check ^= 1
    return human + "1" + "".join(BECH32[value] for value in [*data, *(check >> 5 * (5 - place) & 31 for place in range(6))])


def age(rng):
    """A private key of age."""
    return bech32(rng, "age-secret-key-").upper()


def age_public(rng):
    """A public key of age."""
    return bech32(rng, "age")


def luhn(digits):
    """The digit that makes the whole pass Luhn's check."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card(rng, form="4"):
    """A card number: `4` Visa, `5` MasterCard, `M` Maestro, `3` American Express, `6` Discover; `4-` in groups by dashes, `4s` by blanks, `4!` with a wrong sum."""
    head, size = {
        "4": ("4", 16),
        "5": ("5" + rng.choice("12345"), 16),
        "M": ("5" + rng.choice("06789"), 16),
        "3": ("37", 15),
        "6": ("6011", 16),
    }[form[0]]
    body = head + chars(rng, string.digits, size - len(head) - 1)
    last = luhn(body)
    number = body + (str((int(last) + 1) % 10) if form.endswith("!") else last)
    join = {"-": "-", "s": " "}.get(form[1:2])
    return folded(number, join, 4) if join else number


def iban(rng, form="DE"):
    """An IBAN of a country; `DEs` in groups of four, `DE!` with a wrong sum."""
    kinds = {"d": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}
    country, body = form[:2], ""
    for part in IBAN[country].strip("{}").split("}{"):
        body += chars(rng, kinds[part[-1]], int(part[:-1]))
    number = int("".join(str(int(letter, 36)) for letter in f"{body}{country}00"))
    check = 98 - number % 97
    whole = f"{country}{(check if not form.endswith('!') else 2 + (check - 1) % 97):02d}{body}"
    return folded(whole, " ", 4) if form.endswith("s") else whole


MAKERS = {
    "crc": crc, "crchex": crc_hex, "jwt": jwt, "jwt64": jwt64, "ceph": ceph, "crypt": crypt, "der": der, "openssh": openssh, "pem": pem,
    "pemline": lambda rng, kind="RSA": pem(rng, kind, r"\n"), "fence": fence, "public": public,
    "derlines": lambda rng, kind="rsa": folded(der(rng, kind), "\n  "), "derescaped": lambda rng, kind="rsa": folded(der(rng, kind), r"\n"),
    "opensshlines": lambda rng: folded(openssh(rng), "\n  ", 70), "age": age, "agepub": age_public,
    "card": card, "iban": iban, "uuid": lambda rng: str(uuid.UUID(bytes=rng.randbytes(16), version=4)),
    "b64bytes": lambda rng, count="32": b64(rng.randbytes(int(count))), "b64urlbytes": lambda rng, count="32": b64url(rng.randbytes(int(count))),
}  # fmt: skip
