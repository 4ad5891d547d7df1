"""Certificates: what a PEM or DER says of subject, issuer, dates and names. Keys are never decoded, never returned.

Input is hostile: whoever made it may have written anything. Nothing here raises; what cannot be read becomes a row with `error`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

MAX_INPUT = 8 << 20
"""Bytes of a file that are looked at: a bundle of all public authorities has a quarter of a million."""
MAX_DER = 64 << 10
"""Bytes of one certificate."""
MAX_CERTIFICATES = 1000
MAX_NAMES = 200
"""Alternative names that are kept of one certificate."""
MAX_TEXT = 1024
"""Characters that are kept of one name."""

_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)
"""What reading a hostile certificate may raise."""

# base64 only between the lines, and possessive: a file of ten thousand BEGINs without an END takes no longer than another
_BLOCK = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]{1,131072}+)-----END")
_BASE64 = re.compile(r"\b(client-certificate-data|certificate-authority-data):[ \t]*[\"']?([A-Za-z0-9+/=]{100,})")

Row = dict[str, Any]


def certificates(data: bytes) -> list[Row]:
    """A row for every certificate in a PEM bundle, a DER file or a kubeconfig, in order; empty where there is none."""
    if len(data) > MAX_INPUT:
        return [{"error": f"more than {MAX_INPUT >> 20} MiB"}]
    rows: list[Row] = []
    for number, der in enumerate(_ders(data)):
        if number >= MAX_CERTIFICATES:
            rows.append({"error": f"more than {MAX_CERTIFICATES} certificates"})
            break
        rows.append({"index": number, **from_der(der)})
    return rows


def _ders(data: bytes) -> Iterator[bytes]:
    if data[:1] == b"\x30" and b"-----BEGIN" not in data[:64]:
        yield data
        return
    for block in _BLOCK.finditer(data):
        yield _decoded(block[1])
    for field in _BASE64.finditer(data.decode("latin-1") if b"certificate" in data else ""):
        yield from (_decoded(block[1]) for block in _BLOCK.finditer(_decoded(field[2].encode())))


def _decoded(text: bytes) -> bytes:
    """Base64 without its white space; empty where it is none."""
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def from_der(der: bytes) -> Row:
    """What one certificate says, or a row with `error`."""
    if not 0 < len(der) <= MAX_DER:
        return {"error": "not base64" if not der else f"{len(der)} bytes are too many for a certificate"}
    # pure Python, and dear to import: only who has certificates pays for it
    from asn1crypto import x509  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        return _row(x509.Certificate.load(der, strict=False), der)
    except _UNREADABLE as error:
        return {"error": f"not a certificate: {type(error).__name__}", "size": len(der)}


def _row(certificate: Any, der: bytes) -> Row:
    body = certificate["tbs_certificate"]
    begins, ends = (body["validity"][name].native for name in ("not_before", "not_after"))
    row: Row = {
        "subject": _name(certificate.subject),
        "issuer": _name(certificate.issuer),
        "serial": format(certificate.serial_number, "x"),
        "not_before": _text_of(begins),
        "not_after": _text_of(ends),
        "days_left": (ends - datetime.fromtimestamp(time.time(), UTC)).days,
        "self_issued": certificate.subject.dump() == certificate.issuer.dump(),
        "key": _key(certificate),
        "signature": str(certificate["signature_algorithm"]["algorithm"].native)[:MAX_TEXT],
        "sha256": hashlib.sha256(der).hexdigest(),
    }
    # a damaged extension must not cost the dates
    for name, read in (("names", _names), ("ca", _is_ca), ("usage", _usage), ("key_id", _key_ids)):
        try:
            row[name] = read(certificate)
        except _UNREADABLE:
            row.setdefault("damaged", []).append(name)
    row["self_signed"] = row["self_issued"] and row.get("key_id", {}).get("issuer") in (None, row.get("key_id", {}).get("own"))
    return row


def _text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(name: Any) -> str:
    """`CN=a, O=b`, in the order of the certificate."""
    parts = (
        f"{_SHORT.get(str(pair['type'].native), str(pair['type'].native))}={pair['value'].native}"
        for group in name.chosen
        for pair in group
    )
    return ", ".join(parts)[:MAX_TEXT]


_SHORT = {
    "common_name": "CN",
    "organization_name": "O",
    "organizational_unit_name": "OU",
    "country_name": "C",
    "state_or_province_name": "ST",
    "locality_name": "L",
    "email_address": "emailAddress",
    "domain_component": "DC",
}


def _key(certificate: Any) -> str:
    """Kind and size of the public key: `rsa 2048`, `ec secp256r1`, `ed25519`."""
    public = certificate.public_key
    kind = str(public.algorithm)
    if kind == "ec":
        return f"ec {public.curve[1]}"[:MAX_TEXT]
    return f"{kind} {public.bit_size}" if kind in ("rsa", "rsassa_pss", "dsa") else kind


def _names(certificate: Any) -> list[str]:
    """Alternative names: what a client compares with the name it asked for."""
    found = certificate.subject_alt_name_value
    return [_alternative(name) for name in list(found or ())[:MAX_NAMES]]


def _alternative(name: Any) -> str:
    if name.name in ("dns_name", "ip_address", "rfc822_name", "uniform_resource_identifier"):
        return str(name.native)[:MAX_TEXT]
    return f"{name.name}"


def _is_ca(certificate: Any) -> bool:
    return bool(certificate.ca)


def _usage(certificate: Any) -> list[str]:
    """What the key may be used for, e.g. `server_auth`."""
    found = certificate.extended_key_usage_value
    return [str(one)[:100] for one in list(found.native if found else ())[:20]]


def _key_ids(certificate: Any) -> dict[str, str | None]:
    """Identifiers by which a chain is put together: of the own key and of the issuer's."""
    own, issuer = certificate.key_identifier, certificate.authority_key_identifier
    return {"own": own.hex() if own else None, "issuer": issuer.hex() if issuer else None}
