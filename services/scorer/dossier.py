"""The story that goes with a lead: what the rep reads before the first call.

It is put together as the fields of its contract, ready for JSON; a property test reads it with the contract. What
people said may be longer or odder than the contract takes: it is cut, or left out, never a reason to stop.
"""

from __future__ import annotations

from collections.abc import Mapping

from baton_schemas.contract import format_time
from services.scorer.conditions import Answer, as_number
from services.scorer.explanation import evidence, ledger_content
from services.scorer.hops import Signal
from services.scorer.ledger import counted
from services.scorer.profile import Act, acts_of, later
from services.scorer.qualification import Judgement

_MOST_TEXT = 10_000
_MOST_COUNT = 2**53 - 1
_CONTACT = (
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


def dossier_of(judgement: Judgement, story: Signal | None) -> dict[str, object]:
    """A `Dossier` as of the judgement, with the account's story as it was told last."""
    acts = acts_of(judgement.profiles)
    campaign = None
    for profile in judgement.profiles:
        campaign = later(campaign, profile.campaign)
    content: dict[str, object] = {
        "ledger": ledger_content(judgement),
        "evidence": evidence(judgement),
        "engaged": [_engaged(act) for act in acts],
        "engaged_cut": max(counted(profile.ledger for profile in judgement.profiles) - len(acts), 0),
    }
    if campaign is not None:
        content["campaign"] = str(campaign.value)
    content["colleagues"] = story.colleagues if story is not None else []
    traits = judgement.traits
    content["notes"] = {name: _flat(traits[name]) for name in judgement.rules.notes if name in traits}
    return content


def contact_of(traits: Mapping[str, Answer]) -> dict[str, object]:
    """A `Contact`: how sales reaches the person, from its traits."""
    content: dict[str, object] = {}
    for name in _CONTACT:
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
    return said


def _flat(value: Answer) -> str | int | float | bool | None:
    return ", ".join(str(each) for each in value) if isinstance(value, list) else value
