"""Baton's topics and a CRM's records, side by side: does each say of a handoff what the other says? Pure.

one_record      each routed handoff has one record in the CRM, or a dead letter says why it has none
no_stranger     each record that bears a handoff's id is of a handoff that Baton knows
same_owner      an open record is the rep's to whom Baton gave the lead
same_stage      the record's stage means what Baton was told
touches_told    each touch that a person noted was told, once
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from baton_schemas.envelope import from_record
from baton_schemas.feedback import OutcomeReported
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadHandedOver, LeadRouted
from services.cli.conservation import Verdict, verdict
from services.connectors.deal import Deal
from services.connectors.observation import CLOSED
from services.connectors.words import Words
from services.runtime import dead_letters
from services.runtime.record import LogRecord

TOPICS = (
    "leads.qualified", "leads.routed", "feedback.events", "leads.routed.dead", "feedback.events.dead",
    "privacy.erasures",
)  # fmt: skip
_SILENT_STEPS = {("offered", "accepted"), ("offered", "opportunity"), ("accepted", "opportunity"), ("rejected", "lost")}
"""(in the CRM, told): who takes a step back says nothing, and an opportunity that is rejected is lost."""
_STAGES = frozenset({"accepted", "opportunity", "won", "lost", "rejected"})


@dataclass(slots=True)
class Told:
    """What Baton knows of one handoff: who has it since when, what this connector told of it, in its order. Times are
    the log's."""

    lead: str = ""
    rep: str = ""
    version: int = 0
    at: int = 0
    done_with: bool = False
    """Baton has done with it: withdrawn, handed over, its person erased, or opened again in vain when another had taken
    its place."""
    released_at: int = 0
    outcomes: dict[int, str] = field(default_factory=dict)

    @property
    def released(self) -> bool:
        """Whether somebody gave it back, and nobody has it since."""
        return self.released_at > self.at

    @property
    def kinds(self) -> list[str]:
        """The outcomes in the order in which they were told."""
        return [kind for _, kind in sorted(self.outcomes.items())]

    @property
    def stage(self) -> str:
        """Where the handoff stands by what was told."""
        stage = "offered"
        for kind in self.kinds:
            stage = kind if kind in _STAGES else "offered" if kind == "reopened" else stage
        return stage

    @property
    def accepted(self) -> bool:
        """Whether a rep had taken it on before it ended."""
        return any(kind in ("accepted", "opportunity", "won") for kind in self.kinds)


class BatonSide:
    """Takes the records of TOPICS; `connector` is the one whose CRM is compared."""

    def __init__(self, connector: str) -> None:
        self._name = connector
        self._source = f"/connectors/{connector}"
        self.handoffs: dict[str, Told] = {}
        self.given_up: set[str] = set()
        self._erased: dict[str, int] = {}

    def take(self, record: LogRecord) -> None:
        """One record; repeats change nothing."""
        if record.topic.endswith(".dead"):
            self._bury(record)
            return
        if record.topic == "privacy.erasures":
            self._erased[(record.key or b"").decode()] = record.timestamp
            return
        event = from_record(record.headers, record.value)
        if event.type == LeadRouted.TYPE:
            routed = LeadRouted.model_validate_json(event.data or b"")
            told = self.handoffs.setdefault(routed.handoff, Told())
            if routed.version > told.version:
                told.version, told.lead, told.rep, told.at = routed.version, routed.lead, routed.rep, record.timestamp
        elif event.type in (LeadWithdrawn.TYPE, LeadHandedOver.TYPE):
            model = LeadWithdrawn if event.type == LeadWithdrawn.TYPE else LeadHandedOver
            gone = model.model_validate_json(event.data or b"")
            if isinstance(gone, LeadHandedOver) or gone.ends:
                self.handoffs.setdefault(gone.handoff, Told()).done_with = True
        elif event.type == OutcomeReported.TYPE and event.source == self._source:
            outcome = OutcomeReported.model_validate_json(event.data or b"")
            number = int(event.id.rpartition("-")[2])
            told = self.handoffs.setdefault(outcome.handoff, Told())
            told.outcomes[number] = outcome.kind
            if outcome.kind == "released":
                told.released_at = max(told.released_at, record.timestamp)

    def known(self) -> dict[str, Told]:
        """The handoffs that some rep had."""
        for told in self.handoffs.values():
            told.done_with |= told.at <= self._erased.get(told.lead, -1)
        return {handoff: told for handoff, told in self.handoffs.items() if told.version}

    def _bury(self, record: LogRecord) -> None:
        letter = dead_letters.read(record)
        if letter.value is None or letter.processor not in (f"connector-{self._name}", "router"):
            return
        event = from_record(letter.headers, letter.value)
        if event.type == OutcomeReported.TYPE and letter.processor == "router":
            outcome = OutcomeReported.model_validate_json(event.data or b"")
            if outcome.kind == "reopened":
                self.handoffs.setdefault(outcome.handoff, Told()).done_with = True
        elif event.type == LeadRouted.TYPE and letter.processor != "router":
            self.given_up.add(LeadRouted.model_validate_json(event.data or b"").handoff)


def compare(baton: BatonSide, deals: Iterable[Deal], words: Words) -> list[Verdict]:
    """The laws, judged on what both sides hold now; `deals` are all records that bear a reference."""
    by_handoff: dict[str, list[Deal]] = {}
    for deal in deals:
        by_handoff.setdefault(deal.reference, []).append(deal)
    routed = baton.known()
    pairs = {
        handoff: (told, kept[0])
        for handoff, told in routed.items()
        if len(kept := _kept(by_handoff.get(handoff, []), words)) == 1
    }
    expected = [handoff for handoff in routed if handoff not in baton.given_up]
    return [
        verdict("one_record", len(expected), _not_one(expected, routed, by_handoff, words)),
        verdict("no_stranger", len(by_handoff), sorted(by_handoff.keys() - baton.handoffs.keys())),
        verdict("same_owner", len(pairs), _other_owner(pairs, words)),
        verdict("same_stage", len(pairs), _other_stage(pairs, words)),
        verdict("touches_told", len(pairs), _other_touches(pairs, words)),
    ]


def _kept(deals: Sequence[Deal], words: Words) -> list[Deal]:
    """Without those that the connector itself took back because they were made twice."""
    own = [deal for deal in deals if not (words.is_own(deal.by) and deal.stage != words.offered)]
    return own if own else list(deals[:1])


def _not_one(
    expected: Iterable[str], routed: Mapping[str, Told], found: Mapping[str, Sequence[Deal]], words: Words
) -> Iterator[str]:
    for handoff in expected:
        number = len(_kept(found.get(handoff, []), words))
        told = routed[handoff]
        gone = told.done_with or told.stage in CLOSED  # before it was made; or somebody deleted it
        if number != 1 and not (number == 0 and gone):
            yield f"{handoff}: {number} records"


def _other_owner(pairs: Mapping[str, tuple[Told, Deal]], words: Words) -> Iterator[str]:
    for handoff, (told, deal) in pairs.items():
        rep = None if deal.owner is None else words.rep(deal.owner)
        if told.done_with or told.stage in CLOSED or rep == told.rep or words.owner(told.rep) is None:
            continue
        if rep is not None or not told.released:
            yield f"{handoff}: Baton gave it to {told.rep}, the CRM says {rep or 'nobody'}"


def _other_stage(pairs: Mapping[str, tuple[Told, Deal]], words: Words) -> Iterator[str]:
    for handoff, (told, deal) in pairs.items():
        means = words.means(deal.stage, accepted=told.accepted)
        if told.done_with or means == told.stage:
            continue
        if (means, told.stage) not in _SILENT_STEPS:
            lacks = means in ("lost", "rejected") and words.reason(deal.stage, deal.reason) is None
            why = " without a reason that the mapping knows" if lacks else ""
            yield f"{handoff}: {deal.stage} in the CRM{why}, {told.stage} for Baton"


def _other_touches(pairs: Mapping[str, tuple[Told, Deal]], words: Words) -> Iterator[str]:
    for handoff, (told, deal) in pairs.items():
        notes = [words.remark(each) for each in deal.remarks if not words.is_program(each.by)]
        noted = sum(found is not None and found[0].touch is not None for found in notes)
        heard = told.kinds.count("touched")
        if noted != heard:
            yield f"{handoff}: {noted} touches in the CRM, {heard} told"
