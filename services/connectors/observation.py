"""What people did in the CRM since the last look, as Baton's outcomes. Pure: two views of a record in, events out.

The comparison is with what was seen or written last, so a poll may come late, twice, or after a crash: what was told
is not told again, and what the mapping has no word for is not swallowed but looked at again until it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from baton_schemas.connectors import ConnectorLink, SeenDeal, Told
from baton_schemas.feedback import InsightReported, OutcomeReported
from services.connectors.deal import Deal, Remark
from services.connectors.settings import Meaning
from services.connectors.words import Words

CLOSED = ("won", "lost", "rejected")
NOBODY = "rep: "
MOST_REMARKS = 300
LONGEST_NOTE = 4_000
_CUT = " ..."

Report = OutcomeReported | InsightReported


def observe(
    link: ConnectorLink, deal: Deal | None, words: Words, *, now: int, baton: Callable[[int], int]
) -> ConnectorLink:
    """The link after a look at its record (None: it is gone). The very same object when there is nothing new.

    `now` is the wall (ms), `baton` turns wall into Baton time. Events that follow are in `told`, in order.
    """
    if link.seen is None:
        return link
    look = _Look(link, link.seen, words, baton)
    if deal is None:
        look.gone(now)
    else:
        look.still_nobody(deal)
        look.remarks(deal)
        look.opened(deal)
        look.owner(deal)
        look.stage(deal)
    return look.result(now)


class _Look:
    """One comparison; collects what is new."""

    def __init__(self, link: ConnectorLink, seen: SeenDeal, words: Words, baton: Callable[[int], int]) -> None:
        self._link = link
        self._before = seen
        self._seen: SeenDeal | None = seen
        self._words = words
        self._baton = baton
        self._reports: list[tuple[Report, int]] = []
        self._unmapped: list[str] = []

    def result(self, now: int) -> ConnectorLink:
        """The link as it is to be kept."""
        link = self._link
        if self._seen == self._before and not self._reports and self._unmapped == link.unmapped:
            return link
        told = []
        for number, (data, at) in enumerate(self._reports, start=link.reports + 1):
            name = f"{link.handoff}-{link.connector}-{number}"
            told.append(Told(id=name, type=data.TYPE, time=at, data=data.to_json().decode()))
        return link.model_copy(
            update={
                "seen": self._seen,
                "record": link.record if self._seen is not None else None,
                "told": told,
                "reports": link.reports + len(told),
                "unmapped": self._unmapped,
                "at": self._baton(now),
            }
        )

    def gone(self, now: int) -> None:
        """Somebody deleted the record."""
        reason = self._words.mapping.deleted
        if self._stage_means(self._before.stage) in CLOSED:
            self._seen = None
        elif reason is None:
            self._unmapped.append("deleted: the record is gone, and the mapping does not say what that means")
        else:
            self._seen = None
            self._say("rejected", now, rep=self._rep(self._before.owner), reason=reason)

    def still_nobody(self, deal: Deal) -> None:
        """The rep whom the CRM does not know stays reported until somebody has the record."""
        if deal.owner is None and self._before.owner is None:
            self._unmapped += [each for each in self._link.unmapped if each.startswith(NOBODY)]

    def remarks(self, deal: Deal) -> None:
        """Notes that were not there before: touches and insights among them."""
        known = set(self._before.remarks)
        new = sorted((each for each in deal.remarks if each.id not in known), key=lambda each: (each.at, each.id))
        for remark in new:
            if not self._words.is_program(remark.by):
                self._remark(remark)
        if new:
            kept = [*self._before.remarks, *(each.id for each in new)][-MOST_REMARKS:]
            self._now(remarks=kept)

    def owner(self, deal: Deal) -> None:
        """Somebody else has it, or nobody."""
        before = self._before.owner
        if deal.owner == before:
            return
        if self._by_us(deal):
            self._now(owner=deal.owner)
        elif deal.owner is None:
            self._now(owner=None)
            self._say("released", deal.at, rep=self._rep(before))
        elif (to := self._words.rep(deal.owner)) is None:
            self._unmapped.append(f"owner: {deal.owner} is no rep of config/teams.yaml")
        else:
            giver = self._rep(before)
            by = self._words.rep_of_user(deal.by)
            kind = "passed_on" if by is not None and by == giver else "owner_changed"
            self._now(owner=deal.owner)
            self._say(kind, deal.at, rep=giver, to=to)

    def opened(self, deal: Deal) -> None:
        """It had ended, and goes on: said before anything that happened to it afterwards."""
        if self._stage_means(self._before.stage) in CLOSED and self._change(deal) is not None:
            self._say("reopened", deal.at, rep=self._rep(deal.owner))
            self._now(opportunity=False)

    def stage(self, deal: Deal) -> None:
        """It went on, or ended."""
        if self._closed_by_us(deal):
            self._now(stage=deal.stage)
        elif (change := self._change(deal)) is not None:
            means, reason = change
            was_opportunity = self._seen is not None and self._seen.opportunity
            if means == "rejected" and was_opportunity:
                means = "lost"  # whatever the button is called
            if means != "offered" and not (means == "accepted" and was_opportunity):
                note = deal.reason if reason is not None else None
                self._say(means, deal.at, rep=self._rep(deal.owner), reason=reason, note=_short(note))
            accepted = self._before.accepted or means in ("accepted", "opportunity", "won")
            self._now(stage=deal.stage, accepted=accepted, opportunity=was_opportunity or means == "opportunity")
        elif deal.stage != self._before.stage:
            lacking = (
                f"reason: {deal.stage} without a reason" if self._stage_means(deal.stage) else f"stage: {deal.stage}"
            )
            self._unmapped.append(f"{lacking} that the mapping knows")

    def _change(self, deal: Deal) -> tuple[Meaning, str | None] | None:
        """What people's change of stage means, with the reason; None without one, or without a word for it."""
        means = self._stage_means(deal.stage)
        if deal.stage == self._before.stage or self._closed_by_us(deal) or means is None:
            return None
        reason = self._words.reason(deal.stage, deal.reason) if means in ("lost", "rejected") else None
        if means in ("lost", "rejected") and reason is None:
            return None
        return means, reason

    def _remark(self, remark: Remark) -> None:
        found = self._words.remark(remark)
        if found is None:
            return
        rule, text = found
        if rule.insight is None:
            rep = self._words.rep_of_user(remark.by)
            self._say(
                "touched", remark.at, rep=rep, channel=rule.touch, direction=rule.direction, note=_short(text)
            )  # fmt: skip
        elif text:
            several = rule.insight in ("pains", "objections", "competitors")
            at, said = self._baton(remark.at), _short(text)
            fields: dict[str, Any] = {rule.insight: [said] if several else said}
            data = InsightReported(lead=self._link.lead, handoff=self._link.handoff, at=at, **fields)
            self._reports.append((data, at))

    def _say(self, kind: str, wall: int, **fields: Any) -> None:
        at = self._baton(wall)
        data = OutcomeReported(lead=self._link.lead, handoff=self._link.handoff, kind=kind, at=at, **fields)  # type: ignore[arg-type]
        self._reports.append((data, at))

    def _now(self, **fields: Any) -> None:
        if self._seen is not None:
            self._seen = self._seen.model_copy(update=fields)

    def _rep(self, owner: str | None) -> str | None:
        return None if owner is None else self._words.rep(owner)

    def _stage_means(self, stage: str) -> Meaning | None:
        return self._words.means(stage, accepted=self._before.accepted)

    def _by_us(self, deal: Deal) -> bool:
        """Whether the last write was ours: a crash came between it and our own note of it."""
        return self._words.is_own(deal.by)

    def _closed_by_us(self, deal: Deal) -> bool:
        """Whether the stage is of our making. In any other one people put it, also when we wrote last: to whom it
        belongs, say, in the same moment."""
        return self._by_us(deal) and deal.stage == self._words.closes_as


def _short(text: str | None) -> str | None:
    if text is None or len(text) <= LONGEST_NOTE:
        return text or None
    return text[: LONGEST_NOTE - len(_CUT)] + _CUT
