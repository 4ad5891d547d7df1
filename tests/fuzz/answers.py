"""Small sound inputs that are made, not kept: certificates, answers of servers, records of logins, messages of a child."""

import json
import struct
import time
from datetime import UTC, datetime
from functools import cache

CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n"


@cache
def certificate():
    """A certificate in DER. Its key and signature are counted up, and sign nothing."""
    from asn1crypto import algos, core, keys, x509

    name = x509.Name.build({"common_name": "db1.example", "organization_name": "Acme", "country_name": "DE"})
    rsa = keys.PublicKeyInfo.wrap(
        keys.RSAPublicKey({"modulus": int.from_bytes(bytes(range(1, 128)), "big"), "public_exponent": 65537}), "rsa"
    )
    names = x509.GeneralNames([
        x509.GeneralName("dns_name", "db1.example"), x509.GeneralName("ip_address", "10.0.0.1"), x509.GeneralName("rfc822_name", "a@db1.example"),
        x509.GeneralName("uniform_resource_identifier", "https://db1.example/"), x509.GeneralName("directory_name", name),
    ])  # fmt: skip
    extensions = [
        {"extn_id": "subject_alt_name", "critical": False, "extn_value": names},
        {"extn_id": "basic_constraints", "critical": True, "extn_value": x509.BasicConstraints({"ca": True, "path_len_constraint": 1})},
        {"extn_id": "extended_key_usage", "critical": False, "extn_value": x509.ExtKeyUsageSyntax(["server_auth", "1.2.3.4"])},
        {"extn_id": "key_identifier", "critical": False, "extn_value": core.OctetString(bytes(20))},
        {
            "extn_id": "authority_key_identifier",
            "critical": False,
            "extn_value": x509.AuthorityKeyIdentifier({"key_identifier": bytes(20)}),
        },
    ]
    moments = {
        "not_before": x509.Time({"utc_time": datetime(2026, 1, 1, tzinfo=UTC)}),
        "not_after": x509.Time({"general_time": datetime(2056, 1, 1, tzinfo=UTC)}),
    }
    signed = algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"})
    body = {
        "version": "v3", "serial_number": 4711, "signature": signed, "issuer": name, "validity": moments, "subject": name,
        "subject_public_key_info": rsa, "extensions": extensions,
    }  # fmt: skip
    return x509.Certificate({"tbs_certificate": body, "signature_algorithm": signed, "signature_value": bytes(64)}).dump()


def pem():
    """The same as text, twice, and a kubeconfig's way to hold it."""
    import base64

    one = CERTIFICATE % base64.encodebytes(certificate())
    return one, one + b"# the second\n" + one, b"users:\n- user:\n    client-certificate-data: " + base64.b64encode(one) + b"\n"


def flights():
    """What a TLS server says: its certificates, an alert, something else; what stands before it after STARTTLS."""
    chain = len(certificate()).to_bytes(3, "big") + certificate()
    hello = b"\x03\x03" + bytes(32) + b"\x00\xc0\x2f\x00"
    said = ((2, hello), (11, (2 * len(chain)).to_bytes(3, "big") + 2 * chain), (13, b"\1\1\0\0\0\0"), (14, b""))
    messages = b"".join(bytes([kind]) + len(body).to_bytes(3, "big") + body for kind, body in said)
    records = b"".join(b"\x16\x03\x03" + len(part).to_bytes(2, "big") + part for part in (messages[:700], messages[700:]))
    return records, b"\x15\x03\x03\0\x02\x02\x46", b"\x15\x03\x03\0\x02\x01\x00" + records, b"HTTP/1.1 400 Bad Request\r\n\r\n<html>"


GREETINGS = {
    "smtp": b"220 mail.example ESMTP\r\n250-mail.example\r\n250-SIZE 1000\r\n250 STARTTLS\r\n220 go ahead\r\n",
    "imap": b"* OK ready\r\na OK begin\r\n", "pop3": b"+OK ready\r\n+OK begin\r\n", "postgres": b"S",
    "mysql": b"\x0a\0\0\0\x0a8.0.33\0\x01\0\0\0", "ldap": b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00",
}  # fmt: skip
PAGES = (
    b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/html; charset=utf-8\r\nLocation: http://a.example/\r\n\r\n<!doctype html><title>Log in</title>",
    b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\nVia: 1.1 squid\r\nX-Squid-Error: ERR\r\n\r\n',
    b"HTTP/1.0 200 Connection established\r\n\r\n\x16\x03\x03\0\0",
)
DOCKER = (
    b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n[{"Id": "4711abc", "Names": ["/web"], "State": "running"}, {"Id": "0815"}]'
)


def dns_answers():
    """Answers of a name server, of each kind that has rows."""
    import dns.flags
    import dns.message
    import dns.rcode
    import dns.rrset

    made = []
    for kind, texts in {
        "A": ("10.0.0.1", "10.0.0.2"),
        "AAAA": ("fd00::1",),
        "SOA": ("a. b. 1 2 3 4 5",),
        "TXT": ('"a" "b"',),
        "CNAME": ("c.example.",),
    }.items():
        answer = dns.message.make_response(dns.message.make_query("db1.example", kind, use_edns=0, id=1))
        answer.answer.append(dns.rrset.from_text("db1.example.", 60, "IN", kind, *texts))
        made.append(answer.to_wire())
    answer.set_rcode(dns.rcode.SERVFAIL)
    answer.flags |= dns.flags.TC
    return [*made, answer.to_wire()]


def netlink():
    """Messages of the kernel about a route, a neighbour and an address, one after the other."""
    attributes = b"".join(struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4) for kind, value in
                          ((1, bytes(4)), (2, bytes(6)), (4, b"\1\0\0\0"), (5, bytes(4)), (7, bytes(4)), (8, bytes(4)), (18, bytes(18))))  # fmt: skip
    bodies = {
        24: bytes([2, 32]) + bytes(10),
        28: struct.pack("=BBHiHBB", 2, 0, 0, 1, 2, 0, 0),
        20: struct.pack("=BBBBI", 2, 24, 0, 0, 1),
        2: b"\xf3\xff\xff\xff",
    }
    return b"".join(struct.pack("=IHHII", 16 + len(body + attributes), kind, 0, 1, 0) + body + attributes for kind, body in bodies.items())


def time_answer():
    """What a time server says."""
    seconds = int(time.time()) + 2208988800 & 0xFFFFFFFF
    return (
        b"\x24\x01\x06\xec" + bytes(8) + b"GPS\0" + struct.pack("!I", seconds) + bytes(4) + b"12345678" + 2 * struct.pack("!II", seconds, 0)
    )


def icmp():
    """`struct sock_extended_err` with the offender behind it."""
    return struct.pack("=IBBBBII", 113, 2, 3, 13, 0, 1400, 0) + struct.pack("=HH4s8x", 2, 0, b"\x0a\0\0\1")


def logins():
    """Records of utmp, in both layouts."""
    short = struct.pack(
        "=h2xi32s4s32s256shhiii16s20s",
        7,
        4711,
        b"pts/0",
        b"ts/0",
        b"anna",
        b"10.0.0.9",
        0,
        0,
        1,
        1795302900,
        7,
        b"\x0a\0\0\x09" + bytes(12),
        bytes(20),
    )
    long = struct.pack(
        "=h2xi32s4s32s256shhqqq16s20s4x", 2, 0, b"~", b"~~", b"reboot", b"6.1.0", 0, 0, 0, 1795302900, 7, bytes(16), bytes(20)
    )
    return 2 * short, 2 * long


def lastlogs():
    """Records of lastlog."""
    return struct.pack("=i32s256s", 1795302900, b"pts/0", b"10.0.0.9") * 2


def driver_answer():
    """What a network driver says: names, numbers, modes, as they come."""
    return (
        struct.pack("=IQI", 1, 1, 3) + b"".join(name.ljust(32, b"\0") for name in (b"rx_errors", b"tx_errors", b"rx_missed")) + bytes(200)
    )


WORD = b"a word.."
"""Stands before and behind each message of a child."""


def messages():
    """What a child sends its supervisor."""
    rows = [
        {
            "collector": "a",
            "kind": "file",
            "source": "/etc/x",
            "outcome": "collected",
            "path": "etc/x",
            "header": 0,
            "offset": 512,
            "size": 3,
        }
    ]
    metas = (
        (1, {"rows": rows, "begins": None}, b"packed", 1024),
        (2, {"timeout": 5, "files": [["/var/log/x", 3, 1.5]]}, b"", 0),
        (3, {"name": "h"}, b"", 0),
        (1, None, b"more", 512),
    )
    texts = [(kind, json.dumps(meta).encode() if meta is not None else b"", packed, plain) for kind, meta, packed, plain in metas]
    return b"".join(
        struct.pack("<8sBIII", WORD, kind, len(text), len(packed), plain) + text + packed + WORD for kind, text, packed, plain in texts
    )
