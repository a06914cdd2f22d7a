"""Keys without personal data: a person's key is a keyed hash of the normalised identifier, with the secret's id."""

from __future__ import annotations

import unicodedata
from hashlib import blake2b
from typing import Literal

IdentifierKind = Literal["email", "user_id", "anonymous_id"]


def normalise(kind: IdentifierKind, identifier: str) -> str:
    """The form under which an identifier is one and the same: NFC, no outer blanks; e-mail in lower case.

    >>> normalise("email", " Ada@Example.com")
    'ada@example.com'
    """
    text = unicodedata.normalize("NFC", identifier).strip()
    return text.casefold() if kind == "email" else text


def person_key(secret: bytes, key_id: str, kind: IdentifierKind, identifier: str) -> str:
    """`<key id>.<32 hex>`: BLAKE2b-128 keyed with `secret` (at most 64 bytes) over kind and normalised identifier.

    >>> person_key(b"x", "k1", "email", "Ada@example.com") == person_key(b"x", "k1", "email", " ada@example.com ")
    True
    """
    material = f"{kind}:{normalise(kind, identifier)}".encode()
    return f"{key_id}.{blake2b(material, digest_size=16, key=secret).hexdigest()}"


def account_key(secret: bytes, key_id: str, account: str) -> str:
    """`<key id>.a<32 hex>` for a company's domain or id in lower case: one-person companies are personal data too."""
    material = f"account:{normalise('email', account)}".encode()
    return f"{key_id}.a{blake2b(material, digest_size=16, key=secret).hexdigest()}"


def handoff_id(lead: str, definition: str, qualification: int) -> str:
    """The id of the n-th handoff of a lead under a definition: `h<24 hex>`, the same wherever it is computed."""
    material = f"{lead}|{definition}|{qualification}".encode()
    return "h" + blake2b(material, digest_size=12).hexdigest()


def sale_id(handoff: str) -> str:
    """The id of the handoff that follows a `qualify` handoff when sales has qualified its lead: one for one."""
    return "h" + blake2b(f"{handoff}|sell".encode(), digest_size=12).hexdigest()
