"""What the age format is made of, X25519 and ChaCha20-Poly1305: in the static file by AWS-LC, elsewhere by `cryptography`."""

try:
    from diagbundle.transport._aead import seal, shared, unseal
except ImportError:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    def seal(key: bytes, nonce: bytes, text: bytes | bytearray | memoryview, /) -> bytes:
        """The text encrypted, and 16 bytes by which it is known."""
        return ChaCha20Poly1305(key).encrypt(nonce, text, None)

    def unseal(key: bytes, nonce: bytes, sealed: bytes | bytearray | memoryview, /) -> bytes:
        """What `seal` was given. Raises ValueError."""
        try:
            return ChaCha20Poly1305(key).decrypt(nonce, sealed, None)
        except InvalidTag:
            raise ValueError("it is not what was sealed with this key") from None

    def shared(secret: bytes, public: bytes, /) -> bytes:
        """The secret that a secret key and another's public key share. Raises ValueError for a key that shares it with all."""
        return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))


__all__ = ["seal", "shared", "unseal"]
