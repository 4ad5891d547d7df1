"""Secrets with a format of their own, written down as `public head¦secret¦public tail`.

`|` is nothing: it splits what a scanner of source code would stop at. `{alphabet:length}` is random; a checksum is a function of what is before it.
"""

import base64
import json
import random
import re
import struct
import zlib
from collections.abc import Callable

from .values import B62, Value, drawn, raw64

FORMATS = {
    "aws_key_id": ["AK|IA¦{b32:16}", "AS|IA¦{b32:16}"],
    "aws_session": ["IQoJb3|JpZ2lu¦{b64:360-620}==", "FwoG|ZXIvYXdz¦{b64:300-400}"],
    "aws_bedrock": ["AB|SK¦{b64:110}=="],
    "azure_storage": ["¦{b64:76}+AS|t{b64:5}{end2:1}=="],
    "azure_bus": ["¦{b64:33}+AS|b{A-P:1}{b64:5}=", "¦{b64:33}+AE|h{A-P:1}{b64:5}="],
    "azure_84": ["¦{b62:52}JQ|QJ99{b62:26}"],
    "entra_secret": ["¦{b62:3}8Q|~{url:34}"],
    "google_api": ["AI|za¦{url:35}"],
    "google_oauth": ["GOC|SPX-¦{url:28}", "ya|29.¦{url:120-180}", "1/|/0¦{url:62}"],
    "digitalocean": ["do|p_v1_¦{hex:64}", "do|o_v1_¦{hex:64}"],
    "cloudflare": ["cf|ut_¦{b62:40}{hex:8}", "v1|.0-{hex:24}-¦{hex:146}"],
    "heroku": ["HR|KU-AA¦{url:58}"],
    "fly": ["fm|2_¦{b64:240}", "fo|1_¦{url:43}"],
    "github_classic": ["@crc gh|p_", "@crc gh|o_", "@crc gh|u_", "@crc gh|r_", "@crc gh|s_"],
    "github_app": ["@app gh|s_"],
    "github_fine": ["github_|pat_¦{b62:22}_{b62:59}"],
    "gitlab": ["gl|pat-¦{url:20}", "gl|dt-¦{url:20}", "gl|rt-¦{url:20}", "gl|pat-¦{url:27}.01.{hex:9}", "gl|cbt-{hex:2}_¦{url:20}"],
    "gitlab_runner": ["GR13|48941¦{url:20}"],
    "atlassian": ["AT|ATT3xFfGF0¦{url:171}={HEX:8}", "AT|BB¦{b62:32}"],
    "npm": ["@crc np|m_"],
    "pypi": ["py|pi-AgEIcHlwaS5vcmc¦{url:150-170}"],
    "rubygems": ["ruby|gems_¦{hex:48}"],
    "nuget": ["oy|2¦{b36:43}"],
    "clojars": ["CLO|JARS_¦{b36:60}"],
    "dockerhub": ["dck|r_pat_¦{url:27}", "dck|r_oat_¦{url:32}"],
    "jfrog": ["AK|Cp¦{b62:69}", "cmV|md¦{b62:60}"],
    "sonar": ["sq|u_¦{hex:40}", "sq|p_¦{hex:40}"],
    "terraform_cloud": ["¦{b62:14}.atlas|v1.{url:67}"],
    "pulumi": ["pu|l-¦{hex:40}"],
    "openai": ["s|k-proj-¦{url:74}T3Blbk|FJ{url:74}", "s|k-¦{b62:20}T3Blbk|FJ{b62:20}"],
    "anthropic": ["s|k-ant-api03-¦{url:93}AA"],
    "huggingface": ["h|f_¦{LET:34}"],
    "groq": ["gs|k_¦{b62:52}"],
    "slack": ["xo|xb-¦{num:12}-{num:13}-{b62:24}", "xo|xp-¦{num:12}-{num:12}-{num:13}-{hex:32}", "xa|pp-1-¦A{B36:10}-{num:13}-{hex:64}"],
    "slack_hook": ["https://hooks.sl|ack.com/services/¦T{B36:8}/B{B36:10}/{b62:24}"],
    "discord_hook": ["https://disc|ord.com/api/webhooks/{num:19}/¦{url:68}"],
    "telegram": ["{num:10}:¦AA{url:33}"],
    "twilio": ["S|K¦{hex:32}"],
    "sendgrid": ["S|G.¦{url:22}.{url:43}"],
    "brevo": ["xkey|sib-¦{hex:64}-{b62:16}"],
    "mailgun": ["ke|y-¦{hex:32}"],
    "mailchimp": ["¦{hex:32}-u|s14"],
    "stripe": ["s|k_live_¦{b62:24}", "r|k_live_¦{b62:99}", "s|k_test_¦{b62:24}", "wh|sec_¦{b62:32}"],
    "square": ["sq|0csp-¦{url:43}"],
    "shopify": ["shp|at_¦{hex:32}", "shp|ss_¦{hex:32}"],
    "grafana": ["@grafana gl|sa_", "gl|c_¦{b64:90}="],
    "newrelic": ["NR|AK-¦{B36:27}", "¦{hex:36}NR|AL"],
    "dynatrace": ["dt|0c01.{B36:24}.¦{B36:64}"],
    "sentry": ["sn|trys_¦{b64:120}_{b64:43}", "sn|tryu_¦{hex:64}"],
    "doppler": ["dp|.pt.¦{b62:43}", "dp|.st.prd.¦{b62:43}"],
    "postman": ["PM|AK-¦{hex:24}-{hex:34}"],
    "linear": ["li|n_api_¦{b62:40}"],
    "notion": ["nt|n_¦{num:11}{b62:35}"],
    "airtable": ["pa|t¦{b62:14}.{hex:64}"],
    "figma": ["fi|gd_¦{url:40}"],
    "databricks": ["da|pi¦{hex:32}"],
    "planetscale": ["psc|ale_tkn_¦{url:43}", "psc|ale_pw_¦{url:43}"],
    "supabase": ["sb|p_¦{hex:40}"],
    "netlify": ["nf|p_¦{b62:36}"],
    "onepassword": ["op|s_eyJ¦{b62:280}"],
    "vault": ["hv|s.¦{url:95}", "hv|s.¦{b62:24}", "hv|b.¦{url:138}"],
    "jwt": ["@jwt HS256", "@jwt RS256", "@jwt ES256", "@jwt none", "@jwe"],
    "jwt_base64": ["@jwt64"],
    "k3s": ["K10{hex:64}::server:¦{hex:32}", "K10{hex:64}::¦{b36:6}.{b36:16}"],
    "rancher": ["tok|en-{b36:5}:¦{b36:54}"],
    "swarm": ["SWM|TKN-1-{b36:50}-¦{b36:25}", "SWM|KEY-1-¦{b64:43}"],
    "openshift": ["sha256|~¦{url:43}"],
    "tailscale": ["ts|key-auth-k{b62:11}-¦{b62:32}"],
    "ceph": ["@ceph"],
    "age": ["AGE-SEC|RET-KEY-1¦{BECH:58}"],
    "pem_rsa": ["@pem RSA "],
    "pem_pkcs8": ["@pem ", "@pem ENCRYPTED "],
    "pem_ec": ["@pem EC "],
    "pem_openssh": ["@pem OPENSSH "],
    "pem_pgp": ["@pgp"],
    "der_key": ["@der"],
    "crypt": [
        "$6$¦{crypt:16}${crypt:86}",
        "$y$j9T$¦{crypt:22}${crypt:43}",
        "$2y$12$¦{crypt:53}",
        "$argon2id$v=19$m=65536,t=3,p=4$¦{b64:22}${b64:43}",
        "$apr1$¦{crypt:8}${crypt:22}",
        "$5$rounds=535000$¦{crypt:16}${crypt:43}",
        "$1$¦{crypt:8}${crypt:22}",
    ],
    "ldap_hash": ["{SSHA}¦{b64:38}==", "{CRYPT}$6$¦{crypt:12}${crypt:86}", "{SSHA512}¦{b64:95}="],
    "scram": ["SCRAM-SHA-256$4096:¦{b64:22}==${b64:43}=:{b64:43}="],
    "grub_hash": ["grub.pbkdf2.sha512.10000.¦{HEX:128}.{HEX:128}"],
    "django_hash": ["pbkdf2_sha256$600000$¦{b62:22}${b64:43}="],
    "mysql_hash": ["*¦{HEX:40}"],
    "ntlm_dump": ["¦{hex:32}:{hex:32}¦:::"],
    "tls_keylog": ["CLIENT_RANDOM {hex:64} ¦{hex:96}", "SERVER_TRAFFIC_SECRET_0 {hex:64} ¦{hex:64}"],
    "card": ["@card 4", "@card 51", "@card 37", "@cards 4"],
    "iban": ["@iban DE", "@iban FR", "@iban GB", "@ibans DE"],
    "email": ["¦{low:6}.{low:7}¦@mail.{low:6}.com", "¦{low:7}{num:2}¦@{low:8}.org", "¦{low:3}-{low:6}+news¦@{low:6}.co.uk"],
}
MULTILINE = {"pem_rsa", "pem_pkcs8", "pem_ec", "pem_openssh", "pem_pgp"}
PERSONAL = {"card", "iban", "email"}
HASHES = {"crypt", "ldap_hash", "scram", "grub_hash", "django_hash", "mysql_hash", "ntlm_dump"}
IBAN_LENGTH = {"DE": 22, "FR": 27, "GB": 22}


def token(name: str, rng: random.Random) -> Value:
    """A token of this kind."""
    text = rng.choice(FORMATS[name]).replace("|", "")
    if text.startswith("@"):
        word, _, rest = text[1:].partition(" ")
        return SPECIAL[word](rng, rest)
    return parts(filled(text, rng))


def filled(text: str, rng: random.Random) -> str:
    """A format with its gaps filled."""

    def gap(found: re.Match[str]) -> str:
        low, _, high = found[2].partition("-")
        return drawn(rng, B62[10:] if found[1] == "LET" else found[1], int(low), int(high or low))

    return re.sub(r"\{([\w-]+):([\d-]+)\}", gap, text)


def parts(text: str) -> Value:
    """`head¦secret¦tail`, head and tail often empty."""
    head, _, rest = text.partition("¦")
    secret, _, tail = rest.partition("¦")
    return head, secret, tail


def crc62(body: str) -> str:
    """CRC-32 in base 62, six places."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, place = divmod(number, 62)
        digits = B62[place] + digits
    return digits


def _crc(rng: random.Random, head: str) -> Value:
    body = drawn(rng, "b62", 30)
    return head, body + crc62(body), ""


def b64url(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(rng: random.Random, algorithm: str) -> str:
    """A JSON web token with claims as they are."""
    head = {"alg": algorithm, "typ": "JWT"} | ({"kid": drawn(rng, "hex", 16)} if algorithm[0] != "H" else {})
    claims = {"iss": "https://idp.example.net", "sub": drawn(rng, "low", 8), "iat": rng.randrange(10**9), "jti": drawn(rng, "hex", 24)}
    signature = "" if algorithm == "none" else b64url(rng.randbytes({"H": 32, "R": 256, "E": 64}[algorithm[0]]))
    return ".".join((b64url(json.dumps(head).encode()), b64url(json.dumps(claims).encode()), signature))


def _jwe(rng: random.Random, _: str) -> Value:
    head = b64url(b'{"alg":"dir","enc":"A256GCM"}')
    return "", ".".join((head, "", b64url(rng.randbytes(12)), b64url(rng.randbytes(90)), b64url(rng.randbytes(16)))), ""


def _grafana(rng: random.Random, head: str) -> Value:
    body = drawn(rng, "b62", 32)
    return head, f"{body}_{zlib.crc32(body.encode()):08x}", ""


def _ceph(rng: random.Random, _: str) -> Value:
    packed = struct.pack("<HIIH16s", 1, rng.randrange(1_600_000_000, 1_790_000_000), rng.randrange(10**9), 16, rng.randbytes(16))
    return "", base64.b64encode(packed).decode(), ""


HEADS = {
    "RSA ": b"\x30\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01\x00",
    "EC ": b"\x30\x77\x02\x01\x01\x04\x20",
    "OPENSSH ": b"openssh-key-v1\0",
}


def armour(kind: str, body: bytes, block: str = "") -> Value:
    """Lines of base64 between two fences; the fences are not the secret."""
    text = base64.b64encode(body).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    name = kind + "PRIVATE " + "KEY" + block
    dashes = "-" * 5
    return f"{dashes}BEGIN {name}{dashes}\n", lines, f"\n{dashes}END {name}{dashes}"


def _pem(rng: random.Random, kind: str) -> Value:
    kind = kind.strip() + " " if kind.strip() else ""
    return armour(kind, HEADS.get(kind, b"\x30\x82\x04\xbe\x02\x01\x00\x30\x0d\x06\x09") + rng.randbytes(90 if kind == "EC " else 700))


def _der(rng: random.Random, _: str) -> Value:
    return "", base64.b64encode(HEADS["RSA "] + rng.randbytes(900)).decode(), ""


def luhn(digits: str) -> str:
    """The digits, and the one that makes them a card number."""
    total = sum(sum(divmod(2 * int(d), 10)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def _card(rng: random.Random, head: str, gap: str = "") -> Value:
    number = luhn(head + drawn(rng, "num", (14 if head == "37" else 15) - len(head)))
    return "", gap.join(number[at : at + 4] for at in range(0, len(number), 4)) if gap else number, ""


def _iban(rng: random.Random, country: str, gap: str = "") -> Value:
    bank = {"DE": "", "FR": "", "GB": "BARC"}[country]
    body = bank + drawn(rng, "num", IBAN_LENGTH[country] - 4 - len(bank))
    value = int("".join(str(int(c, 36)) for c in body + country + "00"))
    whole = f"{country}{98 - value % 97:02}{body}"
    return "", gap.join(whole[at : at + 4] for at in range(0, len(whole), 4)) if gap else whole, ""


SPECIAL: dict[str, Callable[[random.Random, str], Value]] = {
    "crc": _crc,
    "app": lambda rng, head: (head, f"{rng.randrange(10**6)}_{jwt(rng, 'RS256')}", ""),
    "jwt": lambda rng, algorithm: ("", jwt(rng, algorithm), ""),
    "jwe": _jwe,
    "jwt64": lambda rng, _: ("", base64.b64encode(jwt(rng, "HS256").encode()).decode(), ""),
    "grafana": _grafana,
    "ceph": _ceph,
    "pem": _pem,
    "pgp": lambda rng, _: armour("PGP ", rng.randbytes(900), " BLOCK"),
    "der": _der,
    "card": _card,
    "cards": lambda rng, head: _card(rng, head, rng.choice("- ")),
    "iban": _iban,
    "ibans": lambda rng, country: _iban(rng, country, " "),
    "raw": lambda rng, size: ("", raw64(rng, int(size)), ""),
}
