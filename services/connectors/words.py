"""A mapping at work: from the CRM's words to Baton's and back. What has no word is None; the caller reports it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from services.connectors.deal import Person, Remark
from services.connectors.settings import Mapping, Meaning, ReasonWords, RemarkRule, Stage

_EDGE = re.compile(r"[^\w]+")


def reason_in(text: str | None, reasons: Sequence[ReasonWords]) -> str | None:
    """The code of the first reason whose code or words stand in `text`."""
    plain = f" {_EDGE.sub(' ', text or '').casefold()} "
    for each in reasons:
        spellings = (each.code, each.code.replace("_", " "), *each.words)
        if any(f" {_EDGE.sub(' ', word).strip().casefold()} " in plain for word in spellings):
            return each.code
    return None


class Words:
    """The compiled mapping of one connector, with the people that the CRM has just now."""

    def __init__(
        self,
        mapping: Mapping,
        people: Iterable[Person] = (),
        own_user: str | None = None,
        *,
        closes_as: str | None = None,
    ) -> None:
        """`own_user` is the log-in that the connector works with, `closes_as` the stage that it leaves a withdrawn
        record in."""
        self.mapping = mapping
        self._stages: dict[str, Stage] = {each.stage: each for each in mapping.stages}
        self._own_user = own_user
        self.closes_as = closes_as
        self.offered = next(each.stage for each in mapping.stages if each.means == "offered")
        self.know(people)

    def work_as(self, own_user: str) -> None:
        """Takes in which log-in is ours."""
        self._own_user = own_user

    def know(self, people: Iterable[Person]) -> None:
        """Takes in who is in sales now."""
        self._rep_of: dict[str, str] = {}
        self._id_of: dict[str, str] = dict(self.mapping.reps)
        self._by_user: dict[str, str] = {}
        named = {person: rep for rep, person in self.mapping.reps.items()}
        for person in people:
            rep = named.get(person.id) or person.code
            if not rep:
                continue
            self._rep_of[person.id] = rep
            if person.active:
                self._id_of.setdefault(rep, person.id)
            for user in person.users:
                self._by_user[user] = rep

    def rep(self, owner: str) -> str | None:
        """The rep who is this person of the CRM."""
        return self._rep_of.get(owner)

    def owner(self, rep: str) -> str | None:
        """The person of the CRM who is this rep."""
        return self._id_of.get(rep)

    def rep_of_user(self, user: str | None) -> str | None:
        """The rep whose log-in this is."""
        return None if user is None else self._by_user.get(user)

    def is_program(self, user: str | None) -> bool:
        """Whether a log-in is a program's: ours, or one that the mapping names. Nobody's counts as one."""
        return user is None or self.is_own(user) or user in self.mapping.automated_users

    def is_own(self, user: str | None) -> bool:
        """Whether a log-in is the one that this connector works with."""
        return user is not None and user == self._own_user

    def stage(self, stage: str) -> Stage | None:
        """What a stage means."""
        return self._stages.get(stage)

    def means(self, stage: str, *, accepted: bool) -> Meaning | None:
        """What a handoff in this stage is; `accepted` says whether a rep had taken it on before."""
        found = self._stages.get(stage)
        if found is None:
            return None
        return found.if_not_accepted if found.if_not_accepted and not accepted else found.means

    def reason(self, stage: str, text: str | None) -> str | None:
        """The reason's code: the first whose code or words stand in `text`, else the stage's own."""
        code = reason_in(text, self.mapping.reasons)
        if code is not None:
            return code
        found = self._stages.get(stage)
        return None if found is None else found.reason

    def remark(self, remark: Remark) -> tuple[RemarkRule, str] | None:
        """The rule that a remark begins by, the longest first, and the text after it."""
        text = remark.text.lstrip()
        begins = text.casefold()
        best: tuple[int, RemarkRule] | None = None
        for rule in self.mapping.remarks:
            for start in rule.starts:
                if begins.startswith(start.casefold()) and (best is None or len(start) > best[0]):
                    best = (len(start), rule)
        return None if best is None else (best[1], text[best[0] :].lstrip(" :-\n\t").strip())
