"""A person's score at a time, line by line, with what stands behind each line and what is missing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from baton_schemas.documents.condition import Condition
from baton_schemas.documents.expression import paths
from baton_schemas.leads import LeadScored
from services.cli.explaining.document import Bar, Evidence, NextChange, Score, Step
from services.cli.explaining.moving import movements
from services.scorer import rest
from services.scorer.criteria import SCALE, EngagementRule, Rule, SequenceRule
from services.scorer.explanation import kind_of, label_of, missing
from services.scorer.fit import FitRule
from services.scorer.ledger import HOUR_MS, ID_BYTES
from services.scorer.moments import keeps_time
from services.scorer.person import Person
from services.scorer.profile import Act, Profile, acts_of, later
from services.scorer.qualification import Judgement, judge, letter, next_change, number, tier_of
from services.scorer.reading import Reading, rounded
from services.scorer.scope import Definitions
from services.scorer.turn import profiles_of

_MOST_EVIDENCE = 3
_MOST_SUGGESTED = 2


def weighed(
    one: Person, definitions: Definitions, now: int, said: Sequence[LeadScored], model_at: int | None = None
) -> Score:
    """The score of a root at `now` (Baton ms). `said` are its scores as they were published, oldest first."""
    judgement = definitions.judge(profiles_of(one), now)
    rules = judgement.rules
    lines = [*_fit_bars(judgement), *_engagement_bars(judgement)]
    return Score(
        grade=judgement.grade,
        tier=tier_of(rules, judgement.grade),
        score=judgement.score / 10,
        fit=judgement.fit / 10,
        engagement=judgement.engagement / 10,
        qualified=one.lead.qualified,
        enter=rules.enter / 10,
        exit=rules.exit / 10,
        lines=lines,
        missing=[] if one.lead.qualified else _missing(one, judgement, now),
        to_next_grade=list(steps(judgement)),
        movements=movements(said, judgement.grade, lines, now, rules.versions),
        next_change=_next_change(one, judgement, now),
        versions=rules.versions,
        signatures=list(rules.signatures),
        model_at=model_at if rules.versions.model_version else None,
    )


def _missing(one: Person, judgement: Judgement, now: int) -> list[str]:
    return missing(judgement) + rest.in_words(one.lead, judgement.rules, judgement.profiles, now)


def _fit_bars(judgement: Judgement) -> Iterator[Bar]:
    for rule in judgement.fit_lines:
        evidence = list(_traits(rule.when, judgement.profiles))
        yield Bar(
            criterion=rule.id,
            kind="fit",
            label=rule.label,
            points=rule.points / 10,
            each=rule.points / 10,
            count=1,
            latest_at=max((each.at for each in evidence), default=None),
            evidence=evidence,
        )


def _engagement_bars(judgement: Judgement) -> Iterator[Bar]:
    for reading in judgement.readings:
        rule = reading.rule
        yield Bar(
            criterion=rule.id,
            kind=kind_of(rule),
            label=label_of(rule),
            points=reading.points / 10,
            each=rule.points / 10,
            count=reading.times,
            latest_at=min(reading.latest, judgement.hour) * HOUR_MS if reading.latest else None,
            half_life_days=None if rule.half_life_h is None else rule.half_life_h / 24,
            cap=None if rule.cap is None else rule.cap / 10,
            capped=reading.capped,
            evidence=list(_acts(rule, judgement.profiles)),
        )


def _traits(condition: Condition, profiles: Sequence[Profile]) -> Iterator[Evidence]:
    """The traits that a condition asks about, as they are known. One that must be absent has none."""
    for name in dict.fromkeys(_asked(condition)):
        known = None
        for profile in profiles:
            known = later(known, profile.traits.get(name))
        if known is not None:
            value = ", ".join(map(str, known.value)) if isinstance(known.value, list) else str(known.value)
            yield Evidence(what=name, at=known.at, about=value)


def _asked(condition: Condition) -> Iterator[str]:
    if condition.trait is not None:
        yield condition.trait
    if condition.cel is not None:
        yield from (path.name for path in paths(condition.cel))
    for part in condition.parts():
        yield from _asked(part)


def _acts(rule: Rule, profiles: Sequence[Profile]) -> Iterator[Evidence]:
    """The newest acts that met a criterion: those whose ids are in its line, for a day without ids those of a
    criterion that asks for nothing but the action. Of a sequence, those whose times are kept for a step."""
    found = [act for profile in profiles for act in acts_of([profile]) if _met(rule, profile, act)]
    for act in sorted(found, reverse=True)[:_MOST_EVIDENCE]:
        yield Evidence(what=act.action, at=act.at, about=act.subject)


def _met(rule: Rule, profile: Profile, act: Act) -> bool:
    if isinstance(rule, SequenceRule):
        steps = [step for step in rule.steps if act.action in step.actions]
        return any(keeps_time(profile.ledger, step.key, act.at, act.tie) for step in steps)
    if not isinstance(rule, EngagementRule) or act.action not in rule.actions:
        return False
    buckets = profile.ledger.lines.get(rule.id, {})
    if isinstance(buckets.get(act.at // (24 * HOUR_MS) * 48 + 1), int):
        return rule.test is None
    return any(
        act.tie == held[place : place + ID_BYTES]
        for held in buckets.values()
        if isinstance(held, bytes)
        for place in range(0, len(held), ID_BYTES)
    )


def steps(judgement: Judgement) -> Iterator[Step]:
    """What is missing to the next better letter and the next better number, each by itself."""
    rules, grade = judgement.rules, judgement.grade
    fit = min((bound for bound in rules.fit_bounds if bound > judgement.fit), default=None)
    if fit is not None:
        lacking = fit - judgement.fit
        held = {rule.id for rule in judgement.fit_lines}
        gains = [(rule.points, rule.label) for rule in rules.fit.rules if rule.id not in held]
        yield Step(
            grade=letter(rules, fit) + grade[1:], kind="fit", points=lacking / 10, such_as=_suggested(gains, lacking)
        )
    engagement = min((bound for bound in rules.engagement_bounds if bound > judgement.engagement), default=None)
    if engagement is not None:
        lacking = engagement - judgement.engagement
        readings = {reading.rule.id: reading for reading in judgement.readings}
        gains = [(_gain(rule, readings.get(rule.id)), rule.label) for rule in rules.scorecard.counted]
        yield Step(
            grade=grade[:1] + number(rules, engagement),
            kind="engagement",
            points=lacking / 10,
            such_as=_suggested(gains, lacking),
        )


def _gain(rule: EngagementRule | FitRule, reading: Reading | None) -> int:
    """What one more event of a criterion gives now (tenths): less than its points where the cap is near."""
    before = reading.points if reading is not None else 0
    cap = getattr(rule, "cap", None)
    points = rounded((reading.uncapped if reading is not None else 0) + rule.points * SCALE)
    return (min(points, cap) if cap is not None and cap > 0 else points) - before


def _suggested(gains: Sequence[tuple[int, str]], lacking: int) -> list[str]:
    """What would do alone, the least first; else what helps most."""
    enough = sorted(each for each in gains if each[0] >= lacking)[:_MOST_SUGGESTED]
    helping = sorted((each for each in gains if each[0] > 0), reverse=True)[:_MOST_SUGGESTED]
    return [f"{label} ({points / 10:+g})" for points, label in enough or helping]


def _next_change(one: Person, judgement: Judgement, now: int) -> NextChange | None:
    qualified, rules = one.lead.qualified, judgement.rules
    hours = (next_change(judgement, qualified=qualified), rest.ends_at(one.lead, now))
    hour = min((each for each in hours if each is not None), default=None)
    if hour is None:
        return None
    then = judge(judgement.profiles, rules, hour * HOUR_MS)
    still = qualified and then.stop is None and then.score >= rules.exit
    begins = not qualified and then.qualifies and not rest.rests(one.lead, rules, then.profiles, hour * HOUR_MS)
    return NextChange(at=hour * HOUR_MS, grade=then.grade, qualified=still or begins)
