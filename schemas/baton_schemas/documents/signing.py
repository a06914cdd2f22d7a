"""What a signature is given for: the content of a definition, whatever its layout, comments and other signatures."""

from __future__ import annotations

import json
from hashlib import sha256

from baton_schemas.documents.definition import LeadDefinition

NAMESPACE = "baton-definition@v1"
"""What an OpenSSH signature says it is for: one that was given for something else is none here."""


def canonical_bytes(definition: LeadDefinition) -> bytes:
    """The bytes that a team signs: sorted compact JSON (UTF-8) of what is said beyond the defaults, without signatures.

    So a definition keeps its signatures when a later version of Baton lets more be said; a default never changes.
    """
    content = definition.model_dump(mode="json", by_alias=True, exclude={"signatures"}, exclude_defaults=True)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def content_digest(definition: LeadDefinition) -> str:
    """SHA-256 (hex) of the canonical bytes: what names a content that is proposed, signed and applied."""
    return sha256(canonical_bytes(definition)).hexdigest()


def judging_digest(definition: LeadDefinition) -> str:
    """The digest of what judges leads, without the day of the next review, whom to ask, and
    when owners are alerted: what names a definition in
    decisions, models and labels. So a review that changes no rule does not throw away what sales' answers taught."""
    return content_digest(definition.model_copy(update={"review_by": None, "liaisons": None, "alerts": None}))
