"""Who may sign a lead definition: people of both teams, each with the OpenSSH key that he has anyway.

Nobody is ever taken out: whoever leaves gets an `until`. What he signed before stays valid and is reported; a key that
is not listed at all makes every signature with it void.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from baton_schemas.contract import Name, Time
from baton_schemas.documents.definition import TEAMS, Team, written
from baton_schemas.documents.document import Document

ED25519 = "ssh-ed25519"
_HEAD = len(ED25519).to_bytes(4, "big") + ED25519.encode() + (32).to_bytes(4, "big")


def key_blob(line: str) -> bytes:
    """The key of a line as it stands in `id_ed25519.pub`, as OpenSSH packs it. Raises ValueError when it is none."""
    kind, _, rest = line.strip().partition(" ")
    if "PRIVATE KEY" in line:
        raise ValueError("this is a private key, nobody else may ever see it: list the line of the .pub file")
    if kind != ED25519:
        raise ValueError(f"not an Ed25519 key: copy the line of the .pub file, it begins with {ED25519}")
    text = rest.strip().partition(" ")[0]
    try:
        blob = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    if len(blob) != len(_HEAD) + 32 or not blob.startswith(_HEAD):
        raise ValueError("not a whole Ed25519 key: copy the line of the .pub file once more")
    return blob


def fingerprint(blob: bytes) -> str:
    """How OpenSSH names a key: `SHA256:` and 43 letters."""
    return "SHA256:" + b64encode(sha256(blob).digest()).decode().rstrip("=")


def _is_key(line: str) -> str:
    key_blob(line)
    return line.strip()


class Signer(Document):
    """A person who may sign for his team. From `until` on he may not; what he signed before stays valid."""

    name: Name
    title: Name | None = None
    key: Annotated[str, StringConstraints(max_length=1000), AfterValidator(_is_key)]
    until: Annotated[Time, BeforeValidator(written)] | None = None

    @property
    def fingerprint(self) -> str:
        """His key's name."""
        return fingerprint(key_blob(self.key))

    @property
    def words(self) -> str:
        """`Maren Holt, Head of Marketing`."""
        return self.name if self.title is None else f"{self.name}, {self.title}"


class Signers(Document):
    """Who may sign, by team. Two people of a team are enough for one to be on holiday; one signature suffices."""

    marketing: Annotated[list[Signer], Field(min_length=1, max_length=50)]
    sales: Annotated[list[Signer], Field(min_length=1, max_length=50)]

    def of(self, team: Team) -> list[Signer]:
        """The people of a team."""
        return self.marketing if team == "marketing" else self.sales

    def holder(self, fingerprint: str) -> tuple[Team, Signer] | None:
        """Whose key that is, and for which team he signs."""
        for team in TEAMS:
            for signer in self.of(team):
                if signer.fingerprint == fingerprint:
                    return team, signer
        return None

    @model_validator(mode="after")
    def _one_key_one_person(self) -> Self:
        seen: dict[str, str] = {}
        for team in TEAMS:
            for index, signer in enumerate(self.of(team)):
                place, other = f"{team}.{index}.key", seen.get(signer.fingerprint)
                if other is not None and not other.startswith(team):
                    raise ValueError(f"{place}: the same key as {other}: nobody signs for both teams")
                if other is not None:
                    raise ValueError(f"{place}: the same key as {other}: list each key once")
                seen[signer.fingerprint] = place
        return self
