"""What all documents share: unknown fields are refused, because a typo in a rule must not pass in silence."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Document(BaseModel):
    """Base of every part of a document that people write."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_yes_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """`points: yes` would count as 1."""
        if isinstance(value, bool) and _is_number(cls.model_fields[str(info.field_name)].annotation):
            raise ValueError("give a number; YAML reads a bare yes, no, on or off as true or false")
        return value


def _is_number(annotation: Any) -> bool:
    return bool({*get_args(annotation), annotation} & {int, float}) and bool not in get_args(annotation)
