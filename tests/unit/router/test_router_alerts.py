"""The account's side of alerts: whose a record is when reports come late, or are of identities that are one person."""

from __future__ import annotations

from typing import Any

from baton_schemas.alerts import EngagementSpiked
from baton_schemas.routing import HandoffHeld
from services.router.alerts import MOST_HOLDINGS, AlertState, Bell, recipient_of
from services.router.checks import rules_of
from services.router.occasion import Occasion
from services.runtime.effects import Effects
from tests.unit.connectors.test_alert_orders import alert
from tests.unit.router.story import DOCUMENTS, MONDAY_9


def bell() -> Bell:
    rules = rules_of({(kind, kind): text for kind, text in DOCUMENTS.items()}, "set")  # type: ignore[misc]
    return Bell(Occasion("c", MONDAY_9, rules, Effects()), "a", AlertState())


def held(handoff: str, rep: str | None, version: int = 1, lead: str = "ada", at: int = MONDAY_9) -> HandoffHeld:
    return HandoffHeld(
        account="a", lead=lead, handoff=handoff, version=version, rep=rep, handoff_version=version, at=at
    )


def spike(**fields: Any) -> EngagementSpiked:
    known = {"lead": "ada", "leads": ["ada"], "standing": None, "owner": None}
    return alert().spike.model_copy(update={**known, **fields})


def test_an_older_report_does_not_bring_back_what_is_over() -> None:
    one = bell()
    one.hear_holder(held("h1", "ann", 1))
    assert recipient_of(one.state, spike()) is not None
    one.hear_holder(held("h1", None, 2))
    assert recipient_of(one.state, spike()) is None
    one.hear_holder(held("h1", "ann", 1))
    assert recipient_of(one.state, spike()) is None


def test_the_handoff_of_an_identity_that_is_the_same_person_is_its_own_and_the_newest_counts() -> None:
    one = bell()
    one.hear_holder(held("h1", "ann", lead="visitor"))
    one.hear_holder(held("h2", "ben", lead="visitor", at=MONDAY_9 + 1))
    assert recipient_of(one.state, spike()) is None, "a colleague's handoff owns nobody else"
    found = recipient_of(one.state, spike(leads=["ada", "visitor"]))
    assert found is not None
    assert (found.rep, found.handoff) == ("ben", "h2")
    owned = recipient_of(one.state, spike(owner="ann"))
    assert owned is not None
    assert (owned.rep, owned.owned_as, owned.handoff) == ("ann", "lead_owner", "h1")


def test_what_is_known_of_an_account_is_bounded_and_what_is_over_goes_first() -> None:
    one = bell()
    one.hear_holder(held("over", None, 2, at=MONDAY_9 + 999))
    for number in range(MOST_HOLDINGS + 20):
        one.hear_holder(held(f"h{number:03}", "ann", at=MONDAY_9 + number))
    assert len(one.state.holdings) == MOST_HOLDINGS
    assert "over" not in one.state.holdings
    assert min(one.state.holdings) == "h020"
