"""What kits are made of in tests."""

import io
import json
import random
import struct
import zipfile

from diagbundle import __version__
from diagbundle.carried import seal

PARTS = "diagbundle/parts.cdx.json", json.dumps({"metadata": {"component": {"version": __version__}}})
TOML = 'name = "acme-support"\ntitle = "Acme Server"\nversion = "1.0"\n'
COLLECTOR = 'title = "Acme"\n[[file]]\npaths = ["/etc/acme.conf"]\n'
RULE = """[[rule]]
code = "ACM001"
suspect = "queues of Acme"
title = "a queue is full"
severity = "warning"
advice = "look"
explain = "It refuses messages."
contains = ["queue is full"]
pattern = 'queue is full'
hits = ["queue is full: orders"]
misses = ["queue is empty"]
"""
PYTHON = "from diagbundle.collect.api import File, collector\n@collector(title='Acme live')\ndef acme_live(host):\n    yield File('/acme/live')\n"
OFFER = "[diagbundle.collectors]\nacme_live = acme_live\n"


def sealed(path, machine=62, members=(PARTS,), prefix=b""):
    """What a static file looks like from outside: the head of an ELF program, an archive behind it, a seal."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as rest:
        rest.comment = seal.UNSEALED
        for name, data in members:
            rest.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    head = b"\x7fELF\x02\x01".ljust(18, b"\0") + struct.pack("<H", machine) + random.Random(4).randbytes(5000)
    path.write_bytes((prefix or head) + archive.getvalue())
    seal.seal(str(path))
    return str(path)
