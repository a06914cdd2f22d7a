"""Watches people whose account or lead somebody owns, so that he hears when they engage far more than before (H2).

Nothing of this is done without `alerts` in the definition. A watched person reports the points of its last days to its
account whenever they change, and the account answers who tipped it over; who has no account is looked at alone. What
sales was told with a handoff of its own, or sees in the first day of it, is no reason for an alert: what comes after it
is. Neither is it that somebody owns it now. Whether anybody is told is the router's to decide, which knows who has
what, and when he was told last.
"""

from __future__ import annotations

from functools import lru_cache

from baton_schemas.alerts import AccountSpiked, EngagedDay, EngagementSpiked, MemberEngaged, SpikeKind
from baton_schemas.contract import format_time
from services.runtime.effects import Send
from services.scorer import announcement as say
from services.scorer.account import story_of
from services.scorer.definition import AlertRule
from services.scorer.dossier import contact_of, dossier_of
from services.scorer.hops import ENCODER, Standing
from services.scorer.person import Engaged, Person
from services.scorer.profile import Profile, traits_of
from services.scorer.qualification import stop_of
from services.scorer.spikes import (
    FRESH_MS,
    Crossing,
    crosses,
    gets_no_handoff,
    has_risen,
    is_owned,
    points_by_day,
    sum_of,
)
from services.scorer.turn import Turn, profiles_of

SPIKES = "baton_engagement_spikes_total"


def look(turn: Turn, key: str, one: Person, judged: str, *, arrived: bool = False, past: bool = False) -> None:
    """Looks at a person after something was decided on. `judged` is what judged it before: where that changes, a grade
    that rises is nobody's act, nor is what was only now learnt of the `past`. Who begins to be watched starts from
    where it stands, unless it has just `arrived`: an account that answers for the first time takes in what a newcomer
    did before."""
    rule = turn.alerts
    if rule is None or one.root is not None or _waits(one):
        return
    profiles, standing = profiles_of(one), _standing(one)
    if not _is_watched(turn, one, profiles, standing):
        _let_go(turn, key, one)
        return
    engaged, now = one.engaged or Engaged(), turn.now
    told_at = engaged.told_at
    if one.lead.qualification != engaged.qualification and not gets_no_handoff(standing):
        told_at = now
    told = past or turn.paced or now < told_at + FRESH_MS or (one.engaged is None and not arrived)
    rose = not told and judged in ("", one.lead.judged) and has_risen(one.lead, rule, engaged.graded, now)
    days = _days(turn, one, profiles, rule)
    account, moved = one.membership.account, one.membership.account != engaged.account
    heard = 0 if moved else engaged.heard
    found = Engaged(days, _graded(one), one.lead.qualification, told_at, account, heard)
    if found == one.engaged:
        return
    one.engaged = found
    turn.keep(key, one)
    if rose:
        _tell(turn, key, one, rule, "grade")
    if rule.points is None or (days == engaged.days and not moved):
        return
    if account is not None:
        _report(turn, key, one, days, told=told)
    elif not told and crosses(sum_of(engaged.days, now, rule.days), sum_of(days, now, rule.days), rule.points):
        _tell(turn, key, one, rule, "account_points")


def pass_over(turn: Turn, key: str, one: Person) -> None:
    """Time alone has changed a grade: that is nobody's act."""
    if turn.alerts is not None and one.engaged is not None:
        one.engaged.graded = _graded(one)
        turn.keep(key, one)


def hear_spiked(turn: Turn, key: str, one: Person, spiked: AccountSpiked) -> None:
    """The account says that this person tipped it over: tells it with the person's story, once."""
    rule, engaged = turn.alerts, one.engaged
    if rule is None or engaged is None or one.root is not None or one.membership.account != spiked.account:
        return
    if spiked.number <= engaged.heard:
        return
    engaged.heard = spiked.number
    turn.keep(key, one)
    _tell(turn, key, one, rule, "account_points", told=spiked)


def _waits(one: Person) -> bool:
    """Whether nobody knows yet how the person's company stands."""
    return one.membership.account is not None and not one.membership.heard


def _graded(one: Person) -> tuple[int, str]:
    """The newest grade, and since when."""
    return one.lead.history[-1][:2] if one.lead.history else (0, "")


def _standing(one: Person) -> Standing | None:
    return _standing_in(one.membership.story)


@lru_cache(maxsize=4096)
def _standing_in(packed: bytes | None) -> Standing | None:
    """Of the story that a member heard last. It is asked for with each event of the member."""
    story = story_of(packed)
    return None if story is None else story.standing


def _is_watched(turn: Turn, one: Person, profiles: list[Profile], standing: Standing | None) -> bool:
    owned = one.lead.handoff is not None or is_owned(standing) or _owner(profiles) is not None
    return owned and stop_of(profiles, turn.counting(one), traits_of(profiles)) is None


def _owner(profiles: list[Profile]) -> str | None:
    """Who owns the person, as the CRM says."""
    return next((profile.facts.owner for profile in profiles if profile.facts and profile.facts.owner), None)


def _let_go(turn: Turn, key: str, one: Person) -> None:
    """Nobody owns it any more, or it is no lead: what it did counts no more."""
    if one.engaged is None:
        return
    if one.engaged.days and one.membership.account is not None:
        _report(turn, key, one, {}, told=True)
    one.engaged = None
    turn.keep(key, one)


def _days(turn: Turn, one: Person, profiles: list[Profile], rule: AlertRule) -> dict[int, int]:
    if rule.points is None:
        return {}
    return points_by_day(turn.counting(one).scorecard, [profile.ledger for profile in profiles], turn.now, rule.days)


def _report(turn: Turn, key: str, one: Person, days: dict[int, int], *, told: bool) -> None:
    account = one.membership.account
    assert account is not None  # noqa: S101  callers have looked
    one.membership.version += 1
    data = MemberEngaged(
        account=account,
        person=key,
        version=one.membership.version,
        days=[EngagedDay(day=day, points=points / 10) for day, points in days.items()],
        told=told,
        event_at=turn.event_at,
    )
    turn.send(_send(turn, "accounts.members", account, data, f"{key}|{data.version}"))


def signal(turn: Turn, number: int, report: MemberEngaged, crossing: Crossing) -> Send:
    """The account's word, for the person who tipped it over with its report."""
    spiked = AccountSpiked(
        account=report.account,
        person=report.person,
        number=number,
        points=crossing.points / 10,
        people=crossing.people,
        event_at=report.event_at,
    )
    return _send(turn, "accounts.signals", spiked.person, spiked, f"spike|{spiked.number}")


def _send(turn: Turn, topic: str, key: str, data: MemberEngaged | AccountSpiked, part: str) -> Send:
    return say.record(topic, key, data.TYPE, data.to_json(), cause=turn.cause, at=turn.now, part=part)


def _tell(
    turn: Turn, key: str, one: Person, rule: AlertRule, kind: SpikeKind, told: AccountSpiked | None = None
) -> None:
    """Says that the person, or by it its account, spiked: with the story that goes with a handoff. Nothing of somebody
    who is no lead any more."""
    lead, membership = one.lead, one.membership
    judgement = turn.definitions.judge(profiles_of(one), max(turn.now, lead.judged_at))
    if judgement.stop is not None:
        return
    story, versions = story_of(membership.story), judgement.rules.versions_content
    subject = membership.account or key
    data: dict[str, object] = {
        "subject": subject,
        "account": membership.account,
        "lead": key,
        "leads": [key, *(source for source, held in one.held.items() if held.packed is not None and held.handoff)],
        "kind": kind,
        "grade": judgement.grade,
        "previous_grade": lead.history[-2][1] if len(lead.history) > 1 else None,
        "score": judgement.score / 10,
        "cool_down_days": rule.cool_down_days,
        "contact": contact_of(judgement.traits),
        "standing": None if story is None else story.standing,
        "owner": _owner(list(judgement.profiles)),
        "dossier": dossier_of(judgement, story, lead),
        "versions": versions,
        "at": format_time(turn.now),
        "event_at": format_time(turn.event_at if told is None else told.event_at),
        "cause": turn.cause,
    }
    if kind == "account_points" and rule.points is not None:
        points = told.points if told is not None else _alone(one, turn.now, rule) / 10
        data |= {"points": points, "threshold": rule.points / 10, "within_days": rule.days}
        data["people"] = [] if told is None else [each.model_dump(exclude_none=True) for each in told.people]
    value = ENCODER.encode({name: known for name, known in data.items() if known is not None})
    turn.send(
        say.record("accounts.spikes", subject, EngagementSpiked.TYPE, value, cause=turn.cause, at=turn.now, part=kind)
    )
    turn.count(SPIKES, kind)


def _alone(one: Person, now: int, rule: AlertRule) -> int:
    return 0 if one.engaged is None else sum_of(one.engaged.days, now, rule.days)
