"""Values: pass words of several tempers, and what only looks like one. Each maker gives (public head, secret, public tail)."""

import base64
import random
import string
import uuid
from collections.abc import Callable

Value = tuple[str, str, str]
Maker = Callable[[random.Random], str | Value]

LETTERS, DIGITS = string.ascii_letters, string.digits
B62 = DIGITS + LETTERS
ALPHABETS = {
    "b62": B62,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "b64": B62 + "+/",
    "url": B62 + "-_",
    "b32": string.ascii_uppercase + "234567",
    "num": DIGITS,
    "low": string.ascii_lowercase,
    "UP": string.ascii_uppercase,
    "b36": string.ascii_lowercase + DIGITS,
    "B36": string.ascii_uppercase + DIGITS,
    "crypt": "./" + B62,
    "bech": "qpzry9x8gf2tvdw0" + "s3jn54khce6mua7l",
    "BECH": "QPZRY9X8GF2TVDW0" + "S3JN54KHCE6MUA7L",
    "A-P": string.ascii_uppercase[:16],
    "end2": "AQgw",
    "end4": "AEIMQUYcgkosw048",
}
SEASONS = ["Winter", "Sommer", "Herbst", "Spring", "Falcon", "Bayern", "Madrid", "Orange", "Dragon", "Summer", "Printemps", "Lisboa"]
NOUNS = [
    "harbor",
    "violet",
    "pepper",
    "copper",
    "lantern",
    "meadow",
    "pigeon",
    "velvet",
    "walnut",
    "anchor",
    "basil",
    "cobalt",
    "ember",
    "fjord",
    "garnet",
    "heron",
]
BARE = "!%^*_+-.~@#=/?:"
LINE = BARE + "$&;,'\" \\"
UMLAUTS = "äöüßéèñçåøîÆ"


def drawn(rng: random.Random, alphabet: str, low: int, high: int = 0) -> str:
    """That many random characters."""
    return "".join(rng.choices(ALPHABETS.get(alphabet, alphabet), k=rng.randint(low, high or low)))


def plain(rng: random.Random) -> str:
    """Letters and digits, all sorts among them."""
    body = [*drawn(rng, LETTERS, 8, 14), rng.choice(DIGITS), rng.choice(DIGITS), rng.choice("abcxyz"), rng.choice("ABCXYZ")]
    rng.shuffle(body)
    return "".join(body)


def spiced(rng: random.Random, marks: str) -> str:
    """A pass word with three to five other characters inside, a letter first and a letter or digit last."""
    body = list(plain(rng))
    for mark in rng.sample(marks, rng.randint(3, min(5, len(marks)))):
        body.insert(rng.randrange(1, len(body)), mark)
    return "".join(body) if body[0] in B62 and body[-1] in B62 else "k" + "".join(body) + "7"


def common(rng: random.Random) -> str:
    """What people choose: a word, a year, a mark."""
    return f"{rng.choice(SEASONS)}{rng.choice(('', '-', '_'))}{rng.randint(1960, 2027)}{rng.choice('!!?*')}"


def phrase(rng: random.Random) -> str:
    """A pass phrase of words."""
    return " ".join(rng.sample(NOUNS, 4)) + f" {rng.randint(11, 99)}"


def foreign(rng: random.Random) -> str:
    """Letters that ASCII has not."""
    body = plain(rng)
    return body[:4] + "".join(rng.sample(UMLAUTS, 3)) + body[4:]


def raw64(rng: random.Random, size: int) -> str:
    """Random bytes in base64."""
    return raw64_of(rng.randbytes(size))


def raw64_of(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


PASSWORDS: dict[str, Maker] = {
    "pw": plain,
    "bare": lambda rng: spiced(rng, BARE),
    "line": lambda rng: spiced(rng, LINE),
    "hard": lambda rng: spiced(rng, LINE + "<>{}()[]|`"),
    "common": common,
    "phrase": phrase,
    "foreign": foreign,
    "slash": lambda rng: plain(rng) + "\\",
    "quotes": lambda rng: spiced(rng, "'\"\\"),
    "comma": lambda rng: spiced(rng, ",;&)]}"),
    "at": lambda rng: spiced(rng, "@:/#%"),
    "dollar": lambda rng: spiced(rng, "$!&`"),
    "lower": lambda rng: drawn(rng, "low", 9, 14),
    "short": lambda rng: drawn(rng, "low", 3) + drawn(rng, "num", 2) + rng.choice("XYZ"),
    "pin": lambda rng: drawn(rng, "num", 6),
    "psk": lambda rng: drawn(rng, "b62", 16, 40),
    "hex32": lambda rng: drawn(rng, "hex", 32),
    "hex40": lambda rng: drawn(rng, "hex", 40),
    "hex64": lambda rng: drawn(rng, "hex", 64),
    "HEX32": lambda rng: drawn(rng, "HEX", 32),
    "b62_24": lambda rng: drawn(rng, "b62", 24),
    "b62_40": lambda rng: drawn(rng, "b62", 40),
    "b62_64": lambda rng: drawn(rng, "b62", 64),
    "url43": lambda rng: drawn(rng, "url", 43),
    "k16": lambda rng: raw64(rng, 16),
    "k32": lambda rng: raw64(rng, 32),
    "k64": lambda rng: raw64(rng, 64),
    "aws40": lambda rng: plain(rng)[:10] + drawn(rng, "b64", 28) + "aZ",
    "uuid": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "totp": lambda rng: drawn(rng, "b32", 32),
    "kubeadm": lambda rng: drawn(rng, "b36", 6) + "." + drawn(rng, "b36", 16),
    "license": lambda rng: "-".join(drawn(rng, "B36", 5) for _ in range(5)),
    "sid": lambda rng: drawn(rng, "b36", 26),
    "nq": lambda rng: spiced(rng, BARE + "$&;, "),
    "salt": lambda rng: drawn(rng, B62 + LINE + "<>{}()[]|", 62) + "aZ",
    "pin3": lambda rng: drawn(rng, "num", 3),
    "pin4": lambda rng: drawn(rng, "num", 4),
    "hex26": lambda rng: drawn(rng, "hex", 26),
    "hex37": lambda rng: drawn(rng, "hex", 37),
    "hex66": lambda rng: drawn(rng, "hex", 66),
    "hex100": lambda rng: drawn(rng, "hex", 100),
    "hex128": lambda rng: drawn(rng, "hex", 128),
    "HEX64": lambda rng: drawn(rng, "HEX", 64),
    "HEX96": lambda rng: drawn(rng, "HEX", 96),
    "hexlines": lambda rng: "\n".join(drawn(rng, "hex", 32) for _ in range(16)),
    "UPPER20": lambda rng: drawn(rng, "UP", 20),
    "b62_32": lambda rng: drawn(rng, "b62", 32),
    "id20": lambda rng: drawn(rng, "b62", 20),
    "k20": lambda rng: raw64(rng, 20),
    "k33": lambda rng: raw64(rng, 33),
    "k200": lambda rng: raw64(rng, 200),
    "keytab": lambda rng: raw64_of(b"\x05\x02\0\0\0\x4a\0\x02\0\x0cCORP.EXAMPLE" + rng.randbytes(60)),
    "spnego": lambda rng: raw64_of(b"\x60\x82\x02\x10\x06\x06\x2b\x06\x01\x05\x05\x02" + rng.randbytes(300)),
    "ntlm3": lambda rng: raw64_of(b"NTLMSSP\0\x03\0\0\0" + rng.randbytes(120)),
    "userpw": lambda rng: ("shop:", plain(rng), ""),
    "saslplain": lambda rng: ("\0karl\0", plain(rng), ""),
    "dockerjson": lambda rng: ('{"auths":{"registry.internal":{"auth":"', raw64_of(b"shop:" + plain(rng).encode()), '"}}}'),
    "mysqlcmd": lambda rng: ("mysql -u root -p", plain(rng), " orders"),
    "mysqlnul": lambda rng: ("mysql\0-uroot\0-p", plain(rng), "\0orders"),
    "flagnul": lambda rng: ("/usr/bin/app\0--db-password\0", spiced(rng, BARE), "\0--port\0" + "8080"),
    "curlcmd": lambda rng: ("curl -u ops:", plain(rng), " https://10.0.0.9/api"),
    "envhard": lambda rng: ("DB_PASSWORD=", spiced(rng, LINE), ""),
    "amzcred": lambda rng: ("", "AK" + "IA" + drawn(rng, "b32", 16), "/20261121/eu-west-1/s3/aws4_request"),
    "connectsid": lambda rng: ("s%3A", drawn(rng, "b62", 32) + "." + drawn(rng, "b62", 40), ""),
    "vault_old": lambda rng: ("s.", drawn(rng, "b62", 24), ""),
    "django": lambda rng: ("django-insecure-", drawn(rng, "url", 43), ""),
    "laravel": lambda rng: ("base64:", raw64(rng, 32), ""),
    "sqlcmd": lambda rng: ("alter user shop with password '", plain(rng), "'"),
    "couch": lambda rng: drawn(rng, "hex", 40) + "," + drawn(rng, "hex", 32),
    "b36x": lambda rng: drawn(rng, "b36", 5) + "-" + drawn(rng, "b36", 5),
    "xoauth": lambda rng: ("user=robot\1auth=Bearer ", drawn(rng, "url", 60), "\1\1"),
    "tty": lambda rng: ("", plain(rng), "\r"),
}
"""Pass words and keys without a format of their own: only a name or a place tells them."""
