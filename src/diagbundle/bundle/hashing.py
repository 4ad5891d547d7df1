"""SHA-256, as fast as this processor can: in the static file by AWS-LC, elsewhere by what Python was built with, which is OpenSSL."""

try:
    from diagbundle.bundle._sha256 import sha256
except ImportError:
    from hashlib import sha256  # type: ignore[assignment]  # it takes more, and we do not use it

__all__ = ["sha256"]
