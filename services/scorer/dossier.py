"""The story that goes with a lead: what the rep reads before the first call.

It is put together as the fields of its contract, ready for JSON; a property test reads it with the contract. What
people said may be longer or odder than the contract takes: it is cut, or left out, never a reason to stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from baton_schemas.contract import format_time
from services.scorer.definition import Rules
from services.scorer.explanation import evidence, ledger_content
from services.scorer.hops import Signal
from services.scorer.ledger import counted
from services.scorer.operators import Answer, as_number
from services.scorer.past import ledgers_of, newest_acts
from services.scorer.person import Lead
from services.scorer.profile import Act, Latest, Value, earlier, later
from services.scorer.qualification import Judgement

_MOST_TEXT = 10_000
_MOST_COUNT = 2**53 - 1
CONTACT = (
    "email",
    "first_name",
    "last_name",
    "phone",
    "job_title",
    "company",
    "company_domain",
    "country",
    "region",
    "industry",
)


def dossier_of(judgement: Judgement, story: Signal | None, lead: Lead) -> dict[str, object]:
    """A `Dossier` as of the judgement, with the account's story as it was told last."""
    acts = newest_acts(judgement.profiles)
    first = last = None
    for profile in judgement.profiles:
        first, last = earlier(first, profile.first_touch), later(last, profile.campaign)
    content: dict[str, object] = {
        "ledger": ledger_content(judgement),
        "evidence": evidence(judgement),
        "engaged": [_engaged(act) for act in acts],
        "engaged_cut": max(counted(ledgers_of(judgement.profiles)) - len(acts), 0),
        "interests": list(_interests(acts)),
    }
    if last is not None:
        content["campaign"] = next(name for name in _said(last.value) if name)
    touches = {"first_touch": first, "last_touch": last}
    content |= {name: _touch(touch, judgement.rules) for name, touch in touches.items() if touch is not None}
    persona = next((label for label, test in judgement.rules.personas if test(judgement.traits)), None)
    if persona is not None:
        content["persona"] = persona
    content["colleagues"] = story.colleagues if story is not None else []
    past = [each for each in lead.history if each is not lead.history[-1] or each[1] != judgement.grade]
    content["history"] = [
        {"at": format_time(at), "grade": grade, "score": score / 10} for at, grade, score in reversed(past)
    ]
    traits = judgement.traits
    content["notes"] = {name: _flat(traits[name]) for name in judgement.rules.notes if name in traits}
    return content


def contact_of(traits: Mapping[str, Answer]) -> dict[str, object]:
    """A `Contact`: how sales reaches the person, from its traits."""
    content: dict[str, object] = {}
    for name in CONTACT:
        flat = _flat(traits.get(name))
        if flat is not None:
            content[name] = str(flat)[:_MOST_TEXT]
    employees = as_number(_flat(traits.get("employees")))
    if employees is not None and 0 <= (number := int(employees)) <= _MOST_COUNT:
        content["employees"] = number
    return content


def _engaged(act: Act) -> dict[str, object]:
    said: dict[str, object] = {"action": act.action, "at": format_time(act.at)}
    if act.subject is not None:
        said["subject"] = act.subject
    if act.topic is not None:
        said["topic"] = act.topic
    if act.stage is not None:
        said["stage"] = act.stage
    return said


def _interests(acts: Sequence[Act]) -> Iterator[dict[str, object]]:
    """Topics of the acts, newest first, each with the stage of its newest act."""
    topics = dict.fromkeys(act.topic for act in acts if act.topic is not None)
    for topic in topics:
        about = [act for act in acts if act.topic == topic]
        said: dict[str, object] = {"topic": topic, "times": len(about), "latest_at": format_time(about[0].at)}
        yield said | ({"stage": about[0].stage} if about[0].stage is not None else {})


def _touch(touch: Latest, rules: Rules) -> dict[str, object]:
    names = zip(("campaign", "source", "medium"), _said(touch.value), strict=False)
    content: dict[str, object] = {"at": format_time(touch.at)}
    content |= {name: said for name, said in names if said}
    owner = rules.owner_of(str(content["campaign"])) if "campaign" in content else None
    return content if owner is None else content | {"owner": owner}


def _said(value: Value) -> list[str]:
    """Campaign, source and medium; one that was kept before there were three is the campaign alone."""
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _flat(value: Answer) -> str | int | float | bool | None:
    return ", ".join(str(each) for each in value) if isinstance(value, list) else value
