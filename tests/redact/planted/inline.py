"""Every token in carriers of its own, without a name beside it: only its format tells; and secrets on lines of a megabyte and across the edges of blocks."""

import random

from .encodings import encoded
from .sheets import Sheet, fill
from .tokens import FORMATS, HASHES, MULTILINE, PERSONAL, token

CARRIERS = {
    "syslog": "Nov 21 03:12:44 app01 deployd[811]: using ⟦@⟧ from the cache",
    "json1.json": '{"level":"warn","msg":"retry with ⟦@:json⟧ failed","attempt":3}',
    "json2.json": '{"log":"{\\"msg\\":\\"got ⟦@:json,json⟧ from peer\\",\\"n\\":7}\\n","stream":"stderr"}',
    "json3.json": '{"m":"{\\"log\\":\\"{\\\\\\"msg\\\\\\":\\\\\\"⟦@:json,json,json⟧\\\\\\"}\\",\\"n\\":7}","stream":"stderr"}',
    "access.log": '10.0.0.9 - - [21/Nov/2026:03:12:44 +0000] "GET /api/items?q=⟦@⟧&page=2 HTTP/1.1" 200 512 "-" "curl/8"',
    "percent.log": "GET /cb?state=abc%3D⟦@⟧%26page%3D1 HTTP/1.1",
    "args.sh": "push-it --target '⟦@⟧' --verbose",
    "repr.py": "args=('push', '⟦@⟧', 3)",
    "value.xml": "<item><value>⟦@:xml⟧</value><n>3</n></item>",
    "newline.json": '{"out":"step 1 ok\\n⟦@:json⟧\\nstep 2","rc":0}',
    "insert.sql": "INSERT INTO settings VALUES (17, 'x', '⟦@:sq⟧', now());",
    "export.csv": '17,"⟦@:csv⟧",2026-11-21',
    "list.yaml": "  - ⟦@⟧",
    "ps.txt": "root 811 0.0 0.1 /usr/bin/deploy push ⟦@⟧ --verbose",
    "java.log": "2026-11-21 03:12:44,118 WARN [exec-3] c.e.Client - rejected ⟦@⟧: too old",
    "mail.txt": "I used this one (⟦@⟧), and it worked.",
    "named.conf": "token = ⟦@⟧",
    "comma.log": "ids=17,⟦@⟧,44 done",
    "angle.txt": "see <⟦@⟧> for more",
    "colon.log": "value:⟦@⟧;next:17",
    "nul.environ": "A=1␀X_VAL=⟦@⟧␀LANG=C␀",
    "unicode.json": '{"q":"a\\u003d⟦@⟧\\u0026b\\u003d1"}',
    "latin.txt": "schön ⟦@⟧ für alle",
}
URL_CARRIERS = {"access.log", "percent.log", "unicode.json"}
UNLIKELY = {"colon.log", "comma.log", "latin.txt", "nul.environ", "percent.log", "unicode.json"}
"""Where a hash, a card, an IBAN or an address does not come in life, or where its own marks would end it."""
BLOCK = 1 << 20
FILLER = "Nov 21 03:12:44 app01 app[811]: request {} took {} ms and was answered with 200\n"


def tokens(seed: str, each: int = 4) -> list[Sheet]:
    """Every kind of token in some of the carriers, all carriers in turn."""
    found, place, lines = [], 0, {name: [] for name in CARRIERS}
    names = list(CARRIERS)
    for kind in (kind for kind in FORMATS if kind not in MULTILINE):
        fitting = [name for name in names if fits(kind, name)]
        for _ in range(each):
            place += 1
            lines[fitting[place % len(fitting)]].append(CARRIERS[fitting[place % len(fitting)]].replace("@", kind))
    for name, texts in lines.items():
        flags = {"nonl"} if name == "nul.environ" else set()
        if name == "latin.txt":
            flags.add("latin1")
        found.append(fill(Sheet(f"inline/{name}", "inline", flags, "\n".join(texts) + "\n" * ("nonl" not in flags)), seed))
    return found


def fits(kind: str, carrier: str) -> bool:
    """Whether tokens of this kind stand in this carrier unchanged, as they do in life."""
    if kind in HASHES | PERSONAL and carrier in URL_CARRIERS | UNLIKELY:
        return False
    samples = ["".join(token(kind, random.Random(n))) for n in range(12)]
    if carrier in URL_CARRIERS:
        return all(encoded(text, ["url"]) == text for text in samples)
    return True


def long_lines(seed: str) -> list[Sheet]:
    """A line of a megabyte with secrets in it, and secrets that lie across the edges of blocks of 1 MiB and 64 KiB."""
    words = ",".join(f'"item{n}":{n * 7}' for n in range(17_000))
    gaps = '"password":"⟦hard:json⟧","token":"⟦b62_40⟧","note":"Bearer ⟦jwt⟧"'
    text = f"{{{gaps},{words},{gaps},{words},{gaps},{words},{gaps}}}\n"
    return [
        fill(Sheet("big/one-line.json", "long_line", set(), text), seed),
        *(fill(_edge(seed, name, gap), seed) for name, gap in EDGES.items()),
    ]


EDGES = {
    "keyed.log": "Nov 21 03:12:44 app01 app[811]: connect user=karl password=⟦bare⟧ host=db",
    "token.log": "Nov 21 03:12:44 app01 app[811]: sent ⟦github_classic⟧ to the peer",
    "jwt.log": "Nov 21 03:12:44 app01 app[811]: sent ⟦jwt⟧ to the peer",
    "pem.log": "dumping key material:\n⟦pem_rsa⟧\ndone",
    "yaml.log": "  - name: DB_PASSWORD\n    value: ⟦pw⟧",
    "url.log": "cannot connect to postgres://shop:⟦bare:url⟧@db/shop",
}
CUTS = (0, 3, 17, 41, 58, 64, 72, 90)


def _edge(seed: str, name: str, line: str) -> Sheet:
    """The line at many places around the edge of each of eight blocks of 64 KiB, the last ones around 1 MiB."""
    rng, text, size = random.Random(f"{seed} {name}"), [], 0
    for number, cut in enumerate((*CUTS, *CUTS)):
        goal = (number + 1) * (BLOCK // 16) - cut - 40
        while size < goal:
            row = FILLER.format(rng.randrange(10**6), rng.randrange(999))
            row = row if size + len(row) <= goal else "." * max(0, goal - size - 1) + "\n"
            text.append(row)
            size += len(row)
        text.append(line + "\n")
        size += len(fill(Sheet(f"big/edge-{name}", "", set(), "".join(text[-1:])), seed).data)
    return Sheet(f"big/edge-{name}", "block_edge", set(), "".join(text))
