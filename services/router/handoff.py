"""The life of a handoff, as the lead's side keeps it: who has it, who was asked, and what may happen next.

One writer owns all versions of a handoff (the lead's partition). The version rises with every request and every change
of owner; at most one request is open, and an answer to any other version is given back. So two reps never own a lead.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from baton_schemas.feedback import OutcomeKind
from services.router.chain import Chain
from services.router.merge import Merge
from services.router.sla import FirstTouch, Silence

Stage = Literal[
    "open",
    "touched",
    "accepted",
    "opportunity",
    "won",
    "lost",
    "rejected",
    "reopened",
    "withdrawn",
    "unrouted",
    "handed_over",
]
Verdict = Literal["apply", "repeat", "late", "impossible"]

ROUTED: frozenset[Stage] = frozenset({"open", "touched", "accepted"})
"""Sales owes an answer: the rep's capacity is in use."""

ACTIVE: frozenset[Stage] = ROUTED | {"opportunity", "reopened"}
"""No other handoff of this person and definition may be opened (H2)."""

_APPLIES: dict[OutcomeKind, frozenset[Stage]] = {
    "touched": ACTIVE,
    "accepted": frozenset({"open", "touched", "reopened"}),
    "rejected": ROUTED | {"reopened"},
    "passed_on": ACTIVE,
    "owner_changed": ACTIVE,
    "released": ROUTED | {"reopened"},
    "opportunity": ROUTED | {"reopened"},
    "won": ACTIVE,
    "lost": ACTIVE,
    "reopened": frozenset({"won", "lost", "rejected"}),
}
_REPEATS: dict[OutcomeKind, Stage] = {
    "accepted": "accepted",
    "rejected": "rejected",
    "opportunity": "opportunity",
    "won": "won",
    "lost": "lost",
    "reopened": "reopened",
}
_HARMLESS_AFTER_CLOSE: frozenset[OutcomeKind] = frozenset({"touched", "passed_on", "owner_changed", "released"})


class Held(msgspec.Struct, array_like=True):
    """Who owns the handoff. `holds` while the rep's capacity is in use at the team; `by_person` when a person decided
    so, and then no clock takes it away (H1)."""

    version: int
    team: str
    pool: str
    rep: str
    since: int
    by_person: bool = False
    holds: bool = True


class Asked(msgspec.Struct, array_like=True):
    """The request that is open at a team. `only_preferred`: the owner's team was asked for the owner alone (H2)."""

    version: int
    team: str
    pool: str
    at: int
    change: Literal["assigned", "reassigned"]
    only_preferred: bool = False
    waiting: bool = False


class Place(msgspec.Struct, array_like=True):
    """A handoff's place under the contact-pressure limits: `held` by the person's limit, `asked` for at the account,
    `waiting` there, `taken` at `at`, `free` when it has none (yet, or any more).

    `version` rises with every request to the account, and an answer to another one is void. `told` is whose limit made
    the lead wait, as far as people were told.
    """

    status: Literal["held", "asked", "waiting", "taken", "free"] = "free"
    version: int = 0
    account: str | None = None
    at: int = 0
    told: Literal["", "person", "account"] = ""


class Reported(msgspec.Struct, array_like=True):
    """What the account was told last of a handoff: who has it, in which of its versions. `version` orders reports."""

    account: str
    rep: str | None = None
    handoff_version: int = 0
    version: int = 0


class Handoff(msgspec.Struct, array_like=True):
    """One act of giving a lead to sales. `qualified` is the whole LeadQualified as JSON, kept as long as it may be sent
    again; `told` means that the world knows of it, by leads.routed or leads.unrouted; `silence` is the disposition
    clock while it runs; `place` None is a handoff to which contact pressure does not apply; `chain` None is one stage;
    `reported` None: alerts have not asked who has it.

    State of earlier versions is read on: new fields go to the end and have defaults."""

    id: str
    definition: str
    tier: str
    territory: str
    matched_on: list[str]
    less_specific: list[str]
    stage: Stage
    version: int = 0
    clock: FirstTouch | None = None
    owner: Held | None = None
    asked: Asked | None = None
    excluded: list[str] = []
    reassignments: int = 0
    escalated: bool = False
    told: bool = False
    qualified_at: int = 0
    closed_at: int | None = None
    qualified: bytes = b""
    silence: Silence | None = None
    place: Place | None = None
    chain: Chain | None = None
    reported: Reported | None = None

    def forget_story(self) -> None:
        """It is not sent again: drops what is personal."""
        self.qualified = b""
        if self.chain is not None:
            self.chain.notes = []

    @property
    def is_deal(self) -> bool:
        """Whether sales has made it a deal of its own, or took it up again: that the company is a customer then is no
        news."""
        return self.stage in ("opportunity", "reopened") or (self.chain is not None and self.chain.stage == "sell")

    @property
    def given(self) -> bool:
        """Whether any rep has or had it: whoever had it before is excluded from its rotation."""
        return self.owner is not None or bool(self.excluded)


class Early(msgspec.Struct, array_like=True):
    """An outcome that came before its handoff was known, byte for byte, so that it can still become a dead letter."""

    handoff: str
    due: int
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class LeadState(msgspec.Struct, array_like=True):
    """All that the router knows of a lead: its handoffs by id, what the CRM says of the person, the last events, and
    with whom it turned out to be one person."""

    handoffs: dict[str, Handoff] = {}
    owner: str | None = None
    do_not_contact: bool = False
    disqualified: str | None = None
    early: list[Early] = []
    marks: list[bytes] = []
    merge: Merge | None = None

    def active(self, definition: str) -> Handoff | None:
        """The handoff of this definition that is under way, if any (H2)."""
        for handoff in self.handoffs.values():
            if handoff.definition == definition and handoff.stage in ACTIVE:
                return handoff
        return None

    def following(self, handoff: Handoff) -> Handoff | None:
        """The handoff that goes on with the lead of a `qualify` one that was handed over."""
        chain = handoff.chain
        return None if chain is None or chain.stage != "qualify" else self.handoffs.get(chain.other or "")

    @property
    def blank(self) -> bool:
        """Whether there is nothing left to remember."""
        return self == LeadState()


def judge(kind: OutcomeKind, stage: Stage) -> Verdict:
    """What an outcome means at a stage: apply it, it only repeats what is known, it comes too late to change anything
    (a closed handoff stays closed), or it can't have happened.

    >>> judge("accepted", "open"), judge("accepted", "accepted"), judge("touched", "lost"), judge("accepted", "won")
    ('apply', 'repeat', 'late', 'impossible')
    """
    if stage in _APPLIES[kind]:
        return "apply"
    if _REPEATS.get(kind) == stage:
        return "repeat"
    if stage == "handed_over":  # whoever goes on with the lead reports on a handoff of his own
        return "impossible" if kind == "reopened" else "late"
    if stage == "withdrawn" or (stage in ("won", "lost", "rejected") and kind in _HARMLESS_AFTER_CLOSE):
        return "late"
    return "impossible"


assert set(_APPLIES) == set(get_args(OutcomeKind))  # noqa: S101  a new kind of outcome must be judged, too
