"""A lead's life in words: every record that Baton and the CRM wrote of it becomes a line with its reasons. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError

from baton_schemas.catalogue import CONTRACTS
from baton_schemas.contract import Contract
from baton_schemas.envelope import EnvelopeError, from_record
from baton_schemas.feedback import ChangeNotice, InsightReported, LeadRecycled, OutcomeLabelled, OutcomeReported
from baton_schemas.leads import LeadQualified, LeadScored, LeadUnmerged, LeadWithdrawn, LedgerLine, Signature, Versions
from baton_schemas.routing import LeadHandedOver, LeadRouted, LeadUnrouted, SlaEvent
from services.cli.printable import printable
from services.runtime.record import Record

Mood = Literal["good", "bad", "warn", "plain", "dim"]
_MOST_PASSED_OVER = 6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened at `at` (Baton ms): what, and the reasons beneath it."""

    at: int
    text: str
    mood: Mood = "plain"
    details: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))
        object.__setattr__(self, "details", tuple(map(printable, self.details)))


def contract_of(record: Record) -> Contract | None:
    """The contract in a record; None when it holds none that is known, or a tombstone."""
    if record.value is None:
        return None
    try:
        event = from_record(record.headers, record.value)
        model = CONTRACTS.get(event.type)
        return None if model is None or event.data is None else model.model_validate_json(event.data)
    except (EnvelopeError, ValidationError):
        return None


def tell(data: Contract) -> Line | None:
    """The line of a contract; None for those that say nothing of a lead's life."""
    teller = _TELLERS.get(type(data))
    return None if teller is None else teller(data)


def moment(at: int) -> str:
    """A time as people say it, in UTC.

    >>> moment(1772443800000)
    'Mon 02 Mar 09:30'
    """
    return (_EPOCH + timedelta(milliseconds=at)).strftime("%a %d %b %H:%M")


def ledger_lines(ledger: list[LedgerLine]) -> Iterator[str]:
    """The score, criterion by criterion, the weightiest first."""
    for line in sorted(ledger, key=lambda line: -abs(line.points)):
        if line.points:
            often = f" ({line.count} times{', at its cap' if line.capped else ''})" if line.count > 1 else ""
            yield f"{line.points:+6.1f}  {line.label}{often}"


def judged_by(versions: Versions, signatures: list[Signature]) -> str:
    """Which definition judged, who signed it, and how far it has learnt."""
    signed = ", ".join(f"{each.by} for {each.team}" for each in signatures)
    learnt = f"points as learnt in model {versions.model_version}" if versions.model_version else "points as signed"
    by = f", signed by {signed}" if signed else ""
    return f"by definition {versions.definition} v{versions.definition_version}{by}; {learnt}"


def _scored(data: LeadScored) -> Line:
    details = [*ledger_lines(data.ledger), *(f"missing: {text}" for text in data.missing)]
    text = (
        f"grade {data.grade}: {data.score:.1f} points, {data.fit:.1f} for fit and {data.engagement:.1f} for engagement"
    )
    return Line(data.at, text, "dim", tuple(details))


def _qualified(data: LeadQualified) -> Line:
    details = [*ledger_lines(data.dossier.ledger), *(f"evidence: {text}" for text in data.dossier.evidence)]
    details += [f"said: {name} = {value}" for name, value in data.dossier.notes.items()]
    details.append(judged_by(data.versions, data.signatures))
    return Line(
        data.at, f"qualified: grade {data.grade}, tier {data.tier}, {data.score:.1f} points", "good", tuple(details)
    )


def _withdrawn(data: LeadWithdrawn) -> Line:
    if not data.ends:
        one = f"turned out to be the same person as {data.merged_into}"
        return Line(data.at, one if data.merged_into else "the company is a customer", "warn")
    kept = f" with {data.stays}, kept by {data.stays_with or 'whoever gets it'}" if data.stays else ""
    return Line(data.at, f"withdrawn: {_words(data.reason)}{kept}", "bad")


def _unmerged(data: LeadUnmerged) -> Line:
    return Line(data.at, "a person of its own again", "warn")


def _routed(data: LeadRouted) -> Line:
    details = []
    if (match := data.decision.match) is not None:
        on = ", ".join(match.matched_on) or "nothing else"
        beside = f"; also matched: {', '.join(match.passed_over)}" if match.passed_over else ""
        details.append(f"territory {match.territory}, matched on {on}{beside}")
    details.append(f"why {data.rep}: {_words(data.decision.reason)}")
    details += passed_over(data.decision.passed_over)
    clock = data.clock
    details.append(f"first touch due {moment(clock.due_at)} (policy {clock.policy}, calendar {clock.calendar})")
    if (before := data.qualified.dossier.sales_qualified) is not None:
        details.append(f"qualified by {before.rep or 'sales'} under handoff {before.handoff}")
        details += [f"{note.rep or 'sales'} wrote: {note.text}" for note in before.notes]
    verbs = {"assigned": "assigned to", "reassigned": "taken from {} and given to", "merged": "merged, goes to",
             "passed_on": "passed on by {} to", "owner_changed": "moved in the CRM from {} to"}  # fmt: skip
    verb = verbs[data.change].format(data.previous_rep or "nobody")
    to = {None: "", "qualify": " to qualify", "sell": " to sell"}[data.stage]
    return Line(data.at, f"{verb} {data.rep}, team {data.team}{to}", "good", tuple(details))


def _handed_over(data: LeadHandedOver) -> Line:
    details = (f"handoff {data.handoff} is over", f"handoff {data.to} goes on with the lead")
    return Line(data.at, f"qualified by {data.rep or 'sales'} and handed over", "good", details)


def passed_over(reps: list[Any]) -> Iterator[str]:
    """Who was looked at and not chosen, and why."""
    for rep in reps[:_MOST_PASSED_OVER]:
        yield f"not {rep.rep}: {_words(rep.reason)}{f' ({rep.detail})' if rep.detail else ''}"
    if len(reps) > _MOST_PASSED_OVER:
        yield f"and {len(reps) - _MOST_PASSED_OVER} more"


def _unrouted(data: LeadUnrouted) -> Line:
    waits = "waits" if data.waiting else "not routed"
    return Line(data.at, f"{waits}: {_words(data.reason)}, {data.detail}", "warn", tuple(passed_over(data.passed_over)))


def _step(data: SlaEvent) -> Line:
    words = _SILENCE if data.clock == "disposition" else _FIRST_TOUCH
    return Line(data.at, words[data.step](data), _STEP_MOODS.get(data.step, "dim"))


def _outcome(data: OutcomeReported) -> Line:
    reason = f" because {_words(data.reason)}" if data.reason else ""
    to = f" to {data.to}" if data.to else ""
    channel = f" by {data.channel}" if data.channel else ""
    moods: dict[str, Mood] = {"won": "good", "accepted": "good", "touched": "good", "lost": "bad", "rejected": "bad"}
    return Line(
        data.at, f"{data.rep or 'sales'}: {_words(data.kind)}{to}{channel}{reason}", moods.get(data.kind, "plain")
    )


def _insight(data: InsightReported) -> Line:
    named = (("pains", data.pains), ("objections", data.objections), ("competitors", data.competitors))
    details = [f"{name}: {', '.join(texts)}" for name, texts in named if texts]
    given = (("budget", data.budget), ("authority", data.authority), ("need", data.need), ("timeline", data.timeline))
    details += [f"{name}: {text}" for name, text in given if text]
    return Line(data.at, "the conversation brought", "plain", tuple(details))


def _recycled(data: LeadRecycled) -> Line:
    details = [f"nurture: {data.nurture}"] if data.nurture else []
    until = f", not before {moment(data.not_before)}" if data.not_before else ""
    return Line(data.at, f"back to marketing: {_words(data.reason)}{until}", "warn", tuple(details))


def _labelled(data: OutcomeLabelled) -> Line:
    worth = {True: "a good lead", False: "a bad lead", None: "nothing after all"}[data.good]
    detail = f"for {', '.join(data.criteria)}" if data.criteria and data.good is not None else ""
    return Line(data.at, f"counts as {worth} ({_words(data.stage)})", "plain", (detail,) if detail else ())


def _notice(data: ChangeNotice) -> Line:
    moved = tuple(
        f"{each.label}: {each.before:.1f} -> {each.after:.1f} ({each.good} good, {each.bad} bad)" for each in data.moved
    )
    return Line(data.at, f"model {data.version} of {data.definition}: points moved", "good", moved)


def _words(code: str) -> str:
    return code.replace("_", " ")


_STEP_MOODS: dict[str, Mood] = {
    "warned": "warn",
    "breached": "bad",
    "reassigned": "bad",
    "escalated": "bad",
    "met": "good",
}
_FIRST_TOUCH: dict[str, Callable[[SlaEvent], str]] = {
    "started": lambda step: f"clock started, first touch due {moment(step.due_at)}",
    "warned": lambda step: f"{step.rep or 'the rep'} warned: due {moment(step.due_at)}",
    "breached": lambda step: f"breached: {step.rep or 'nobody'} did not call by {moment(step.due_at)}",
    "reassigned": lambda _: "reassigned: nobody had called",
    "escalated": lambda _: "escalated to the team's manager",
    "met": lambda step: f"first touch in time by {step.rep or 'somebody'}, after {_business_minutes(step)}",
    "closed": lambda step: f"clock closed{f': {_words(step.reason)}' if step.reason else ''}",
    "skipped": lambda _: "a lower step skipped after a pause",
}
_SILENCE: dict[str, Callable[[SlaEvent], str]] = {
    **_FIRST_TOUCH,
    "started": lambda step: f"accepted: a word of {step.rep or 'sales'} is due {moment(step.due_at)}",
    "breached": lambda step: f"accepted, then silence: {step.rep or 'nobody'} said nothing by {moment(step.due_at)}",
    "met": lambda step: f"word of {step.rep or 'sales'} in time: {_words(step.reason or 'touched')}",
    "closed": lambda step: f"no word is due any more{f': {_words(step.reason)}' if step.reason else ''}",
}


def _business_minutes(step: SlaEvent) -> str:
    return f"{step.elapsed_s / 60:.0f} business minutes"


_TELLERS: dict[type[Contract], Callable[[Any], Line]] = {
    LeadScored: _scored,
    LeadQualified: _qualified,
    LeadWithdrawn: _withdrawn,
    LeadUnmerged: _unmerged,
    LeadRouted: _routed,
    LeadHandedOver: _handed_over,
    LeadUnrouted: _unrouted,
    SlaEvent: _step,
    OutcomeReported: _outcome,
    InsightReported: _insight,
    LeadRecycled: _recycled,
    OutcomeLabelled: _labelled,
    ChangeNotice: _notice,
}
