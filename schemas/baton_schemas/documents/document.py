"""What all documents share: unknown fields are refused, because a typo in a rule must not pass in silence."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """Base of every part of a document that people write."""

    model_config = ConfigDict(extra="forbid", frozen=True)
