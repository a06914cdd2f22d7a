"""OpenSSH signatures (the format of `ssh-keygen -Y sign`) with Ed25519 keys: made here, or by anybody's ssh-keygen.

So people sign with the key that they have, and nobody has to believe Baton: `ssh-keygen -Y verify` tells the same. The
format is OpenSSH's PROTOCOL.sshsig. Of the many ways to write one signature only the proper one is accepted, so an
altered letter is an altered signature; line breaks alone are free.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256, sha512

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from services.runtime.errors import BatonError, UserError

_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_MAGIC, _VERSION, _KIND = b"SSHSIG", (1).to_bytes(4, "big"), b"ssh-ed25519"
_WIDTH = 70
_HASHES: dict[bytes, Callable[[bytes], bytes]] = {
    b"sha512": lambda message: sha512(message).digest(),
    b"sha256": lambda message: sha256(message).digest(),
}


class NotValidError(BatonError):
    """A signature that proves nothing, and why."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What an armored signature consists of; `key` is the public key as OpenSSH packs it."""

    key: bytes
    namespace: bytes
    hashed_by: bytes
    raw: bytes


def sign(key: Ed25519PrivateKey, namespace: str, message: bytes) -> str:
    """The armored signature of `message`, as `ssh-keygen -Y sign -n <namespace>` makes it."""
    signed = _signed(namespace.encode(), b"sha512", message)
    blob = _MAGIC + _VERSION
    for part in (public_blob(key), namespace.encode(), b"", b"sha512"):
        blob += _string(part)
    blob += _string(_string(_KIND) + _string(key.sign(signed)))
    text = b64encode(blob).decode()
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return "\n".join([_BEGIN, *lines, _END]) + "\n"


def verify(armored: str, namespace: str, message: bytes, key: bytes) -> None:
    """Raises NotValidError unless `armored` is a signature of `message` for `namespace`, made with `key` (packed)."""
    signature = read(armored)
    if signature.namespace != namespace.encode():
        raise NotValidError(f"was given for something else than {namespace}")
    if signature.key != key:
        raise NotValidError("was made with another key")
    try:
        public = Ed25519PublicKey.from_public_bytes(key[-32:])
        public.verify(signature.raw, _signed(signature.namespace, signature.hashed_by, message))
    except (InvalidSignature, ValueError):
        raise NotValidError("does not fit the content") from None


def read(armored: str) -> Signature:
    """The parts of an armored signature. Raises NotValidError when it is none, or not one with an Ed25519 key."""
    lines = [line.strip() for line in armored.strip().splitlines()]
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise NotValidError(f"not an OpenSSH signature: it begins with {_BEGIN}")
    text = "".join(lines[1:-1])
    try:
        blob = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NotValidError("is damaged") from None
    if b64encode(blob).decode() != text or not blob.startswith(_MAGIC + _VERSION):
        raise NotValidError("is damaged")
    key, namespace, reserved, hashed_by, inner = _strings(blob[len(_MAGIC + _VERSION) :], 5)
    if not key.startswith(_string(_KIND)):
        raise NotValidError("was not made with an Ed25519 key")
    kind, raw = _strings(inner, 2)
    if reserved or hashed_by not in _HASHES or kind != _KIND or len(raw) != 64:
        raise NotValidError("is damaged")
    return Signature(key, namespace, hashed_by, raw)


def load_private_key(packed: bytes, where: str, passphrase: Callable[[], bytes]) -> Ed25519PrivateKey:
    """The key in a file such as `~/.ssh/id_ed25519`; `passphrase` is asked when it is protected by one.

    Raises UserError that names `where`, and nothing of what it read.
    """
    if packed.startswith((b"ssh-", b"ecdsa-", b"sk-")):
        raise UserError(f"{where}: is a public key", fix="name the private key beside it, without .pub")
    try:
        try:
            key = load_ssh_private_key(packed, None)
        except TypeError:
            key = load_ssh_private_key(packed, passphrase())
    except UnsupportedAlgorithm:
        raise UserError(f"{where}: a kind of key that can't be used here", fix=_OTHER_KEY) from None
    except (ValueError, TypeError):
        what = "wrong passphrase, or not an OpenSSH private key"
        raise UserError(f"{where}: {what}", fix="name a file such as ~/.ssh/id_ed25519") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"{where}: not an Ed25519 key", fix=_OTHER_KEY)
    return key


_OTHER_KEY = "make one: ssh-keygen -t ed25519"


def public_blob(key: Ed25519PrivateKey) -> bytes:
    """Its public key as OpenSSH packs it."""
    return b64decode(public_line(key).split(" ")[1])


def public_line(key: Ed25519PrivateKey) -> str:
    """Its public key as it stands in the .pub file, without comment."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _signed(namespace: bytes, hashed_by: bytes, message: bytes) -> bytes:
    return _MAGIC + b"".join(_string(part) for part in (namespace, b"", hashed_by, _HASHES[hashed_by](message)))


def _string(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def _strings(packed: bytes, count: int) -> list[bytes]:
    """Exactly `count` strings with their lengths before them. Raises NotValidError for anything else."""
    parts = []
    for _ in range(count):
        size = int.from_bytes(packed[:4], "big")
        if len(packed) < 4 + size or len(packed) < 4:
            raise NotValidError("is damaged")
        parts.append(packed[4 : 4 + size])
        packed = packed[4 + size :]
    if packed:
        raise NotValidError("is damaged")
    return parts
