"""Tryton's records as the kit's: opportunities with their notes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from services.connectors.deal import Deal, Remark
from services.connectors.tryton.values import microseconds

OPPORTUNITY = "sale.opportunity"
FIELDS = [
    "reference", "state", "employee", "lost_reason", "party", "write_uid", "create_uid", "last_modified_at",
    "create_date", "contact.value", "contact.type",
    "_timestamp", "notes.message", "notes.create_uid", "notes.create_date",
]  # fmt: skip


class Revision(NamedTuple):
    """What a write is made conditional on: Tryton's own stamp, and when the record was written (microseconds)."""

    timestamp: str
    at: int

    def __str__(self) -> str:
        return f"{self.timestamp}/{self.at}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The other way."""
        timestamp, _, at = text.partition("/")
        return cls(timestamp, int(at))


def deals_of(rows: Sequence[Mapping[str, Any]], skew_ms: int) -> list[Deal]:
    """Opportunities with their notes as deals; `skew_ms` is how far Tryton's clock is ahead."""
    return [_deal(row, skew_ms) for row in rows]


def _deal(row: Mapping[str, Any], skew_ms: int) -> Deal:
    notes = sorted(row.get("notes.") or (), key=lambda note: int(note["id"]))
    by = row["write_uid"] if row["write_uid"] is not None else row["create_uid"]
    return Deal(
        id=str(row["id"]),
        reference=row["reference"] or "",
        revision=str(Revision(str(row["_timestamp"]), microseconds(row["last_modified_at"]))),
        stage=row["state"],
        at=microseconds(row["last_modified_at"]) // 1000 - skew_ms,
        owner=None if row["employee"] is None else str(row["employee"]),
        by=None if by is None else str(by),
        reason=row["lost_reason"] or None,
        remarks=tuple(_remark(note, skew_ms) for note in notes),
        party=None if row["party"] is None else str(row["party"]),
        email=_address(row.get("contact.") or {}),
        made_at=microseconds(row["create_date"]) // 1000 - skew_ms,
    )


def _address(contact: Mapping[str, Any]) -> str | None:
    """A contact may be a telephone too."""
    return contact.get("value") or None if contact.get("type") == "email" else None


def _remark(note: Mapping[str, Any], skew_ms: int) -> Remark:
    by = note["create_uid"]
    at = microseconds(note["create_date"]) // 1000 - skew_ms
    return Remark(str(note["id"]), note["message"] or "", None if by is None else str(by), at)
