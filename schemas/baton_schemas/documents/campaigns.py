"""Who in marketing runs which campaign, so that a rep knows whom to ask. It judges nobody and needs no signature."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from baton_schemas.contract import Name
from baton_schemas.documents.document import Document

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class CampaignOwner(Document):
    """Campaigns by name, `*` and `?` as in file names, without regard to case; the first line that fits counts."""

    campaign: Pattern
    owner: Name


class Campaigns(Document):
    """The list. A line that can never be reached, because it stands there already, is refused."""

    campaigns: Annotated[list[CampaignOwner], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = [each.campaign.casefold() for each in self.campaigns]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise ValueError(f"campaigns.{index}.campaign: `{name}` is given twice, the second never counts")
        return self
