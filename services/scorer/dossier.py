"""The story that goes with a lead: what the rep reads before the first call."""

from __future__ import annotations

from collections.abc import Mapping

from baton_schemas.accounts import AccountSignal
from baton_schemas.leads import Contact, Dossier, Engaged
from services.scorer.conditions import Answer, as_number
from services.scorer.explanation import evidence, ledger_lines
from services.scorer.ledger import counted
from services.scorer.profile import acts_of, later
from services.scorer.qualification import Judgement

_CONTACT = (
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


def dossier_of(judgement: Judgement, story: AccountSignal | None) -> Dossier:
    """The dossier as of the judgement, with the account's story as it was told last."""
    acts = acts_of(judgement.profiles)
    campaign = None
    for profile in judgement.profiles:
        campaign = later(campaign, profile.campaign)
    return Dossier(
        ledger=ledger_lines(judgement),
        evidence=evidence(judgement),
        engaged=[Engaged(action=act.action, at=act.at, subject=act.subject) for act in acts],
        engaged_cut=max(counted(profile.ledger for profile in judgement.profiles) - len(acts), 0),
        campaign=None if campaign is None else str(campaign.value),
        colleagues=story.colleagues if story is not None else [],
        notes={name: _flat(judgement.traits[name]) for name in judgement.rules.notes if name in judgement.traits},
    )


def contact_of(traits: Mapping[str, Answer]) -> Contact:
    """How sales reaches the person, from its traits."""
    employees = as_number(_flat(traits.get("employees")))
    texts = {name: _text(traits.get(name)) for name in ("email", *_CONTACT)}
    return Contact(**texts, employees=None if employees is None else int(employees))


def _text(value: Answer) -> str | None:
    flat = _flat(value)
    return None if flat is None else str(flat)


def _flat(value: Answer) -> str | int | float | bool | None:
    return ", ".join(str(each) for each in value) if isinstance(value, list) else value
