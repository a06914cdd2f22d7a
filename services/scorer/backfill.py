"""A backfilled day: from what one source says that a person did on a day of the past into the person's profile.

Its acts count by the definition in force when the day comes in, as live ones do. Beside what is counted, an act may
stop the person from being a lead (an opt-out) or note a trait: that stays, even if the day is said anew without it.
"""

from __future__ import annotations

from datetime import date

from baton_schemas.backfill import BackfilledAct, DayBackfilled
from services.runtime.errors import Permanent
from services.scorer import hot
from services.scorer.criteria import Asked
from services.scorer.definition import Rules
from services.scorer.engagement import Change, note_properties
from services.scorer.ledger import ALL, HOUR_MS
from services.scorer.past import NOTHING, Day, restate
from services.scorer.person import Held
from services.scorer.profile import Latest, Profile, about_of, event_id, later, unpack

DAY_MS = 24 * HOUR_MS
_EPOCH_DAY = date(1970, 1, 1)
_NOTHING = Asked()


def day_of(record: DayBackfilled, now: int) -> int:
    """The record's day since 1970. Raises Permanent invalid_field for a day that has not begun at `now` (ms), and for
    an act of another day."""
    day = (date.fromisoformat(record.day) - _EPOCH_DAY).days
    if not 0 <= day <= now // DAY_MS:
        raise Permanent("invalid_field", field="day", fix="a day from 1970 on that has begun")
    if any(act.time // DAY_MS != day for act in record.acts):
        raise Permanent("invalid_field", field="acts.time", fix="within the day (UTC) that the record is about")
    return day


def fold_day(profile: Profile, rules: Rules, record: DayBackfilled, day: int, since: int) -> tuple[Change, int]:
    """Puts what `record` says of `day` in the place of what its source said of it before. Acts at or before `since`
    (ms) were forgotten with the person. Also answers how many older days were given up."""
    said, fit, stop = Day(), False, False
    adjusted = ""
    acts = {event_id(act.source, act.id): act for act in record.acts if act.time > since}
    for tie, act in sorted(acts.items()):
        adjusted = _fold(said, rules, act, tie) or adjusted
        fit = note_properties(profile, rules, _read(act), act.time, tie) or fit
        if act.action in rules.stop_actions:
            before = profile.stopped
            profile.stopped = later(before, Latest(act.time, tie, act.action))
            stop = stop or profile.stopped != before
    past, lost = restate(profile.past, record.source, day, said)
    touched = past != profile.past or fit or stop
    profile.past = past
    result = "backfilled" if touched else "repeated"
    return Change(result, lower=touched, fit=fit, stop=stop, touched=touched, adjusted=adjusted), lost


def is_news(past: bytes, known: Held | None) -> bool:
    """Whether a linked identity's `past` is another than the one that is held of it, so that a backfill speaks."""
    if past == NOTHING:
        return False
    return known is None or known.packed is None or unpack(known.packed).past != past


def _fold(said: Day, rules: Rules, act: BackfilledAct, tie: bytes) -> str:
    """Counts one act wherever it meets a criterion; `full` if a criterion did not take it any more."""
    asked = rules.by_action.get(act.action, _NOTHING)
    event, hour = _read(act), act.time // HOUR_MS % 24
    met, adjusted = False, ""
    for rule in asked.counted:
        if rule.test is None or rule.test(event):
            met = True
            adjusted = adjusted if said.mark(rule.id, hour) else "full"
    for _, step in asked.steps:
        if step.test is None or step.test(event):
            met = True
            said.keep_time(step.key, act.time, tie)
    for absence in asked.absences:
        met = True
        said.mark(absence.id, hour, counts=False)
    if met:
        said.mark(ALL, hour)
        said.add_act(act.time, tie, act.action, about_of(act.properties, act.url))
    return adjusted


def _read(act: BackfilledAct) -> hot.Act:
    """The act as conditions look at live ones."""
    campaign = None if act.campaign is None else hot.From(**act.campaign.model_dump())
    return hot.Act(hot.Who(), act.action, act.properties, campaign, act.url, act.user_agent)  # type: ignore[arg-type]
