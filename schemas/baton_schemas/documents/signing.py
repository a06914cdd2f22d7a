"""What a signature is given for: the content of a definition, whatever its layout, comments and other signatures."""

from __future__ import annotations

import json
from hashlib import sha256

from baton_schemas.documents.definition import TEAMS, LeadDefinition


def content_digest(definition: LeadDefinition) -> str:
    """SHA-256 (hex) over the content without its signatures, as compact JSON of what is said beyond the defaults.

    So a definition keeps its signatures when a later version of Baton lets more be said; a default never changes.
    """
    content = definition.model_dump(mode="json", by_alias=True, exclude={"signatures"}, exclude_defaults=True)
    packed = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(packed.encode()).hexdigest()


def signed_digest(definition: LeadDefinition) -> str | None:
    """The content's digest when every team has signed exactly this content, else None."""
    current = content_digest(definition)
    signed = {signature.team for signature in definition.signatures if signature.digest == current}
    return current if signed == set(TEAMS) else None
