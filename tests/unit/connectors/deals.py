"""What tests of the connectors share: a mapping as in config/, links, records of a CRM, orders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import baton_schemas
from baton_schemas.connectors import ConnectorLink, SeenDeal
from baton_schemas.feedback import InsightReported, OutcomeReported
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadHandedOver, LeadRouted, SlaEvent
from services.connectors.deal import Deal, Person, Remark
from services.connectors.settings import Mapping
from services.connectors.tryton.settings import TrytonSettings
from services.connectors.words import Words
from services.runtime.documents import parse

ROOT = Path(__file__).parents[3]
EXAMPLES = Path(baton_schemas.__file__).parent / "examples"
LEAD, HANDOFF = "k1.312bf0176f17a6119b275dbb149b57d7", "hd479f19dbc32fb30eb18bf23"
US, ANN, BEN, BOSS = "1", "11", "12", "19"
"""Log-ins: ours, two reps', the manager's."""
NOW = 1_772_446_000_000
PEOPLE = (Person("7", "ann", (ANN,)), Person("8", "ben", (BEN,)), Person("9", "", (BOSS,)))


def mapping(**changes: Any) -> Mapping:
    """The mapping of config/connectors/tryton.yaml."""
    file = ROOT / "config/connectors/tryton.yaml"
    return parse(TrytonSettings, file.read_text(), file.name).mapping.model_copy(update=changes)


def words(**changes: Any) -> Words:
    return Words(mapping(**changes), PEOPLE, US, closes_as="cancelled")


def link(**fields: Any) -> ConnectorLink:
    """A handoff of which Ann's record 118 was made and not looked at since."""
    known: dict[str, Any] = {
        "version": 1, "record": "118", "rep": "ann", "owner": "7", "seen": SeenDeal(stage="lead", owner="7"),
    }  # fmt: skip
    return ConnectorLink(connector="tryton", lead=LEAD, handoff=HANDOFF, at=NOW, **{**known, **fields})


def deal(**fields: Any) -> Deal:
    known: dict[str, Any] = {"stage": "lead", "at": NOW + 60_000, "owner": "7", "by": US}
    return Deal(**{"id": "118", "reference": HANDOFF, "revision": "r1", **known, **fields})


def note(id: str, text: str, by: str = ANN, at: int = NOW + 30_000) -> Remark:
    return Remark(id, text, by, at)


def routed(**fields: Any) -> LeadRouted:
    data = json.loads((EXAMPLES / "baton.lead.routed.v1.json").read_text())["data"]
    return LeadRouted.model_validate({**data, "rep": "ann", **fields})


def handed_over(**fields: Any) -> LeadHandedOver:
    known: dict[str, Any] = {"lead": LEAD, "handoff": HANDOFF, "version": 2, "to": "h2", "at": NOW, "cause": "c"}
    return LeadHandedOver(**{**known, **fields})


def withdrawn(**fields: Any) -> LeadWithdrawn:
    known: dict[str, Any] = {
        "lead": LEAD,
        "handoff": HANDOFF,
        "version": 2,
        "reason": "unsubscribed",
        "at": NOW,
        "cause": "c",
    }
    return LeadWithdrawn(**{**known, **fields})


def step(**fields: Any) -> SlaEvent:
    known: dict[str, Any] = {
        "lead": LEAD, "handoff": HANDOFF, "version": 1, "step": "breached", "rep": "ann", "tier": "hot",
        "territory": "dach", "due_at": NOW, "at": NOW, "cause": "c",
    }  # fmt: skip
    return SlaEvent(**{**known, **fields})


def told(link: ConnectorLink) -> list[OutcomeReported | InsightReported]:
    """The events that a link tells."""
    models: dict[str, type[OutcomeReported | InsightReported]] = {
        model.TYPE: model for model in (OutcomeReported, InsightReported)
    }
    return [models[each.type].model_validate_json(each.data) for each in link.told]


def kinds(link: ConnectorLink) -> list[str]:
    return [each.kind if isinstance(each, OutcomeReported) else "insight" for each in told(link)]
