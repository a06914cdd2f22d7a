"""The lead definition as the scorer uses it: compiled once. Points become integer tenths, conditions closures, criteria
are found by action."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from re import Pattern

from baton_schemas.documents.alerts import Alerts
from baton_schemas.documents.campaigns import Campaigns
from baton_schemas.documents.definition import LeadDefinition, RequiredEvidence
from baton_schemas.documents.signing import judging_digest
from baton_schemas.feedback import ModelPublished
from baton_schemas.leads import Signature, Versions
from services.runtime.agreement import Approval
from services.runtime.documents import parse
from services.runtime.errors import UserError
from services.scorer.conditions import Test, compile_condition
from services.scorer.criteria import Asked, EngagementRule, Scorecard, compile_scorecard, tenths
from services.scorer.fields import problems
from services.scorer.fit import Fit, FitRule


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """Required evidence (H5): one of the criteria within the last `within_h` hours; `lacking` says so in words."""

    label: str
    any_of: tuple[str, ...]
    within_h: int
    lacking: str


@dataclass(frozen=True, slots=True)
class AlertRule:
    """When an account's owner is told. `points` of the account in tenths."""

    points: int | None
    days: int
    grades: frozenset[str]
    cool_down_days: int


@dataclass(frozen=True, slots=True)
class DisqualifierRule:
    """Makes a person no lead: a test on traits, or an action."""

    reason: str
    label: str
    test: Test | None
    action: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    """A definition and the model over it, ready for use. All points are integer tenths.

    `judged` names the content that judges (digest and model): when it differs from what last judged a person, the
    person is judged anew at its next event or timer. `kept` are the properties that are kept of an event, `notes` those
    of them that the dossier carries.
    """

    definition: LeadDefinition
    versions: Versions
    versions_content: Mapping[str, object]
    judged: str
    fit: Fit
    scorecard: Scorecard
    by_id: Mapping[str, EngagementRule]
    by_action: Mapping[str, Asked]
    evidence: tuple[EvidenceRule, ...]
    disqualifiers: tuple[DisqualifierRule, ...]
    stop_actions: frozenset[str]
    enter: int
    exit: int
    fit_bounds: tuple[int, int, int]
    engagement_bounds: tuple[int, int, int]
    tiers: Mapping[str, str]
    last_tier: str
    personas: tuple[tuple[str, Test], ...]
    contact: tuple[str, ...]
    notes: tuple[str, ...]
    kept: tuple[str, ...]
    signatures: tuple[Signature, ...]
    campaigns: tuple[tuple[Pattern[str], str], ...] = ()
    alerts: AlertRule | None = None
    applies: Test | None = None
    """Whom the definition is for (None: everybody)."""

    def owner_of(self, campaign: str) -> str | None:
        """Who in marketing runs a campaign, if anybody is named."""
        return next((owner for names, owner in self.campaigns if names.match(campaign)), None)


def read(text: str, where: str) -> LeadDefinition:
    """The definition in a YAML text, checked but for its signatures. UserError names line, field and fix."""
    definition = parse(LeadDefinition, text, where)
    if unreadable := problems(definition, text, where, None):
        raise UserError("\n".join(unreadable))
    return definition


def compile_rules(
    definition: LeadDefinition, model: ModelPublished | None = None, approvals: Sequence[Approval] = ()
) -> Rules:
    """The rules of a definition. `model` moves the points when it was made for exactly this content, else it is
    ignored. Signatures are not checked here: `approvals` are those that `services.runtime.agreement` found valid."""
    current = judging_digest(definition)
    if model is not None and (model.definition != definition.name or model.definition_digest != current):
        model = None
    points = _points(definition, model)
    version = model.version if model is not None else 0
    scorecard = compile_scorecard(definition, points)
    disqualifiers = tuple(
        DisqualifierRule(
            each.reason, each.label, None if each.when is None else compile_condition(each.when), each.action
        )
        for each in definition.disqualifiers
    )
    grades = definition.grades
    versions = Versions(
        definition=definition.name,
        definition_version=definition.version,
        definition_digest=current,
        model_version=version,
    )
    return Rules(
        definition=definition,
        versions=versions,
        versions_content=versions.model_dump(mode="json"),
        judged=f"{current[:16]}/{version}",
        fit=Fit([FitRule(each.id, each.label, points[each.id], each.when) for each in definition.fit]),
        scorecard=scorecard,
        by_id={rule.id: rule for rule in scorecard.counted},
        by_action=scorecard.by_action(),
        evidence=tuple(_evidence(definition, each) for each in definition.required),
        disqualifiers=disqualifiers,
        stop_actions=frozenset(each.action for each in disqualifiers if each.action is not None),
        enter=tenths(definition.thresholds.enter),
        exit=tenths(definition.thresholds.exit),
        fit_bounds=(tenths(grades.fit.A), tenths(grades.fit.B), tenths(grades.fit.C)),
        engagement_bounds=(
            tenths(grades.engagement.one),
            tenths(grades.engagement.two),
            tenths(grades.engagement.three),
        ),
        tiers={grade: tier.name for tier in definition.tiers for grade in tier.grades},
        last_tier=definition.tiers[-1].name,
        personas=tuple((each.label, compile_condition(each.when)) for each in definition.personas),
        contact=tuple(definition.contact),
        notes=tuple(definition.notes),
        kept=tuple(definition.notes),
        signatures=tuple(Signature(team=each.team, by=each.by, at=each.at) for each in approvals),
        alerts=_alerts(definition.alerts),
        applies=None if definition.applies_to is None else compile_condition(definition.applies_to),
    )


def compile_campaigns(documents: Iterable[Campaigns]) -> tuple[tuple[Pattern[str], str], ...]:
    """Names of campaigns with who runs them, in the order in which they count."""
    lines = [line for document in documents for line in document.campaigns]
    return tuple((re.compile(translate(line.campaign), re.IGNORECASE), line.owner) for line in lines)


def _alerts(alerts: Alerts | None) -> AlertRule | None:
    if alerts is None:
        return None
    points = None if alerts.account_points is None else tenths(alerts.account_points)
    return AlertRule(points, alerts.within_days, frozenset(alerts.grades), alerts.cool_down_days)


def _evidence(definition: LeadDefinition, required: RequiredEvidence) -> EvidenceRule:
    labels = {each.id: each.label for each in definition.engagement}
    any_of = " or ".join(labels[name].lower() for name in required.any_of)
    lacking = f"{required.label}: {any_of}, within {required.within_days} days"
    return EvidenceRule(required.label, tuple(required.any_of), required.within_days * 24, lacking)


def _points(definition: LeadDefinition, model: ModelPublished | None) -> dict[str, int]:
    """Points in force. A cap keeps its signed value; points that a model moved across zero count nothing."""
    points = {name: tenths(signed) for name, signed in definition.criteria.items()}
    if model is not None:
        for name, learnt in model.criteria.items():
            if name in points:
                moved = tenths(learnt.points)
                points[name] = moved if moved * points[name] > 0 else 0
    return points
