"""Which traits and properties a company has, and of what type: so that a misspelt field is found before it judges.

The document is optional; without it, any name may be looked at. It judges nobody and needs no signature.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from baton_schemas.contract import Name
from baton_schemas.documents.criteria import Slug
from baton_schemas.documents.document import Document

FieldType = Literal["text", "number", "whole_number", "yes_no", "day", "list", "domain"]
EVERY_ACTION = "*"
_Types = Annotated[dict[Name, FieldType], Field(max_length=1000)]


class Fields(Document):
    """Types of fields by name. Properties are those of an action's events; `"*"` are those that any event may have.

    A number may also come as text; a day may come with a time; of a list, conditions look at each element.
    """

    traits: _Types = {}
    properties: Annotated[dict[Slug | Literal["*"], _Types], Field(max_length=1000)] = {}
