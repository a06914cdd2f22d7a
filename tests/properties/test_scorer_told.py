"""What is told of a lead is written without its contract, and is as the contract writes it, whatever people said."""

from __future__ import annotations

import re
from typing import Any

import hypothesis.strategies as st
from hypothesis import example, given, settings

from baton_schemas.crm import AccountFacts, AccountStanding
from baton_schemas.leads import LeadQualified, LeadScored
from tests.unit.scorer.world import DAY, NOW, World, account_of, contract

NAMES = ("first_name", "phone", "job_title", "company", "country", "employees", "message", "pains", "seniority")
ODD = st.sampled_from((-5, 0, 1, 2**53, 10**30, -0.0, 0.1, 1e200, True, "", "120", "-1", "inf", 'é"\n\x01\x7f\u2028'))
VALUE = ODD | st.text(max_size=20) | st.lists(ODD | st.none(), max_size=4) | st.just("a book")
BOOK = ["x" * 2000] * 60
"""Written in full only where it is told, since hypothesis shows what it gave."""
TITLES = st.none() | st.text(max_size=300)


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=6),
    st.lists(TITLES, min_size=1, max_size=3),
    st.none() | st.builds(AccountStanding, owner=st.none() | st.just("rep7"), open_opportunity=st.booleans()),
)
@example({"employees": -5, "job_title": "a book"}, [None], None)
@example({"message": 10**30}, [None], None)
@example({"employees": 1e200}, ["Pricing"], AccountStanding(owner="rep7", tier="gold"))
def test_scores_and_qualifications_are_what_their_contracts_write(
    traits: dict[str, Any], titles: list[str | None], standing: AccountStanding | None
) -> None:
    world = World(partitions=1)
    if standing is not None:
        world.traits({"email": "col@acme.example"}, company_domain="acme.example")
        world.act({"email": "col@acme.example"}, "demo_requested")
        key = account_of("acme.example")
        world.tell("crm.facts", key, AccountFacts(account=key, standing=standing, at=NOW))
        traits = {**traits, "company_domain": "acme.example"}
    who = {"email": "ada@acme.example", "anonymous_id": "v1"}
    said: dict[str, Any] = {name: BOOK if value == "a book" else value for name, value in traits.items()}
    world.traits(who, **said)
    for day, title in enumerate((*titles, None)):
        properties = {} if title is None else {"title": title}
        world.act(who, "page_viewed", properties=properties, url="/pricing?x", campaign={"name": "spring"})
        world.act(who, "demo_requested", at=NOW - day * DAY)
    world.run()
    assert world.qualified()
    for topic, model in (("leads.qualified", LeadQualified), ("leads.scored", LeadScored)):
        for record in world.engine.records(topic):
            if record.value is not None:
                told = contract(record)
                assert isinstance(told, model)
                assert same_form(told.to_json()) == same_form(record.value)


def same_form(value: bytes) -> bytes:
    """JSON but for how an exponent is spelled, which is the one thing that may differ: 1e30 is 1e+30."""
    return re.sub(rb"(\de)\+(\d)", rb"\1\2", value)
