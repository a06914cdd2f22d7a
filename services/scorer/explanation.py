"""A score in words: why it is what it is, and what is missing. What these functions are given is all they need."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from baton_schemas.contract import format_time
from baton_schemas.leads import LeadQualified, LeadScored, LedgerLine, Versions
from services.scorer.criteria import AbsenceRule, GroupRule, Rule
from services.scorer.definition import Rules
from services.scorer.ledger import HOUR_MS
from services.scorer.qualification import OUT_OF_SCOPE, Judgement

_STOPS = {
    "do_not_contact": "the CRM says: do not contact",
    "consent_refused": "has refused to be contacted",
    OUT_OF_SCOPE: "no definition applies to it",
}


def ledger_content(judgement: Judgement) -> list[dict[str, object]]:
    """The exact ledger, as the fields of LedgerLines, ready for JSON: fit, then engagement, in the definition's order;
    the points sum to the score."""
    lines: list[dict[str, object]] = [
        {
            "criterion": rule.id,
            "kind": "fit",
            "label": rule.label,
            "points": rule.points / 10,
            "count": 1,
            "capped": False,
            "weight": 1.0,
        }
        for rule in judgement.fit_lines
    ]
    lines += [
        {
            "criterion": reading.rule.id,
            "kind": kind_of(reading.rule),
            "label": label_of(reading.rule),
            "points": reading.points / 10,
            "count": reading.times,
            "latest_at": _hour_text(min(reading.latest, judgement.hour)) if reading.latest else None,
            "capped": reading.capped,
            "weight": reading.weight,
        }
        for reading in judgement.readings
    ]
    return lines


def kind_of(rule: Rule) -> str:
    """What sort of line a criterion on engagement gives: most are engagement, some say that there was none."""
    return "absence" if isinstance(rule, AbsenceRule) else "group" if isinstance(rule, GroupRule) else "engagement"


def label_of(rule: Rule) -> str:
    """What a line is called; a group's says what it takes away for."""
    return f"No more than {rule.most / 10:g} points for {rule.label}" if isinstance(rule, GroupRule) else rule.label


@lru_cache(maxsize=4096)
def _hour_text(hour: int) -> str:
    return format_time(hour * HOUR_MS)


def top_reasons(judgement: Judgement, most: int = 3) -> list[str]:
    """What adds most, best first, then what takes most away, worst first; each with its points."""
    lines = [(rule.points, rule.label) for rule in judgement.fit_lines]
    lines += [(reading.points, label_of(reading.rule)) for reading in judgement.readings]
    up = sorted((each for each in lines if each[0] > 0), key=lambda each: -each[0])[:most]
    down = sorted((each for each in lines if each[0] < 0), key=lambda each: each[0])[:most]
    return [f"{label} ({points / 10:+g})" for points, label in (*up, *down)]


def missing(judgement: Judgement) -> list[str]:
    """What is missing to qualify, in words; empty when nothing is."""
    rules = judgement.rules
    words = []
    if judgement.stop is not None:
        words.append(f"is no lead: {stop_in_words(rules, judgement.stop)}")
    if (lacking := rules.enter - judgement.score) > 0:
        words.append(f"{lacking / 10:g} points more to reach {rules.enter / 10:g}")
    words += [each.rule.lacking for each in judgement.evidence if each.hour is None]
    if judgement.missing_contact:
        words.append("sales can't reach the person without: " + ", ".join(judgement.missing_contact))
    return words


def evidence(judgement: Judgement) -> list[str]:
    """Which required evidence was met, by what, when (to the hour)."""
    words = []
    for each in judgement.evidence:
        if each.hour is None:
            continue
        met = [
            reading.rule.label
            for reading in judgement.readings
            if reading.rule.id in each.rule.any_of and reading.latest >= judgement.hour - each.rule.within_h
        ]
        when = format_time(min(each.hour, judgement.hour) * HOUR_MS)[:13].replace("T", " ")
        words.append(f"{each.rule.label}: {', '.join(met)} (last {when}h UTC)")
    return words


def stop_in_words(rules: Rules, reason: str) -> str:
    """What forbids a lead, in the definition's words where it has some."""
    return next((each.label for each in rules.disqualifiers if each.reason == reason), _STOPS.get(reason, reason))


def explain(record: LeadScored | LeadQualified) -> list[str]:
    """A record that the scorer sent, as lines for people: grade and score, each criterion with its points, what is
    missing or which evidence was met, who signed, what judged. Needs nothing beside the record."""
    lines = [f"grade {record.grade}: {record.score:g} points = fit {record.fit:g} + engagement {record.engagement:g}"]
    ledger = record.ledger if isinstance(record, LeadScored) else record.dossier.ledger
    lines += [line_in_words(line) for line in sorted(ledger, key=lambda line: -line.points)]
    if isinstance(record, LeadScored):
        lines += [f"missing: {each}" for each in record.missing]
        if record.next_change_at is not None:
            lines.append(f"time alone changes the grade at {format_time(record.next_change_at)}")
    else:
        lines += [f"evidence: {each}" for each in record.dossier.evidence]
        lines += [f"signed for {each.team} by {each.by} at {format_time(each.at)}" for each in record.signatures]
    return [*lines, judged_by(record.versions)]


def line_in_words(line: LedgerLine) -> str:
    """One line of a ledger: points, label, how often and when last, whether the cap holds it.

    >>> line_in_words(LedgerLine(criterion="webinar", kind="engagement", label="Webinar", points=7.5, count=1))
    '  +7.5  Webinar (1 time)'
    """
    details: list[str] = []
    if line.kind == "engagement":
        details.append(f"{line.count} time{'s' if line.count != 1 else ''}")
        if line.latest_at is not None:
            details.append(f"last {format_time(line.latest_at)[:10]}")
        if line.capped:
            details.append("at its cap")
    return f"{line.points:+6.1f}  {line.label}" + (f" ({', '.join(details)})" if details else "")


def judged_by(versions: Versions) -> str:
    """What judged, in words."""
    model = f"model version {versions.model_version}" if versions.model_version else "the signed points"
    return f"judged by {versions.definition} version {versions.definition_version} with {model}"


def reasons(lines: Sequence[LedgerLine], most: int = 3) -> list[str]:
    """The labels that add most, best first."""
    return [line.label for line in sorted(lines, key=lambda line: -line.points)[:most] if line.points > 0]
