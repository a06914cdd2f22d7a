"""The fast reading of an event never answers where the contract would not, and never otherwise than it would."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import hypothesis.strategies as st
from hypothesis import example, given, settings
from pydantic import ValidationError

from baton_schemas.contract import Contract
from baton_schemas.engagement import AccountIdentified, EngagementRecorded, PersonIdentified
from services.scorer.hot import Act, Company, Traits, read_act, read_company, read_traits

TEXT = (
    st.sampled_from(("a@b.c", "joined", "Joined", "joined\n", "", "é", "x" * 129, "x" * 255, "y" * 10_001)) | st.text()
)
NUMBER = st.sampled_from((0, 2**53 - 1, 2**53, -(2**53) + 1, -(2**53), 10**30)) | st.floats()
VALUE = st.none() | st.booleans() | NUMBER | TEXT
ANY = VALUE | st.lists(VALUE, max_size=2) | st.dictionaries(TEXT, VALUE, max_size=2)
PERSON = st.dictionaries(st.sampled_from(("email", "user_id", "anonymous_id", "name")), VALUE, max_size=3)
EVENT = st.fixed_dictionaries(
    {"person": PERSON | ANY, "action": TEXT | ANY},
    optional={
        "properties": st.dictionaries(TEXT, ANY, max_size=3) | ANY,
        "campaign": st.dictionaries(st.sampled_from(("name", "term", "other")), ANY) | ANY,
        "url": ANY,
        "user_agent": ANY,
        "unheard_of": ANY,
    },
)
USUAL: dict[str, Any] = {"person": {"email": "a@b.c"}, "action": "joined", "properties": {"n": 1, "yes": True}}
IDENTIFIED = st.fixed_dictionaries(
    {"person": PERSON | ANY},
    optional={
        "account": TEXT | ANY,
        "traits": st.dictionaries(TEXT, ANY, max_size=3) | ANY,
        "unheard_of": ANY,
    },
)
SAID: dict[str, Any] = {"person": {"email": "a@b.c"}, "account": "acme", "traits": {"employees": 5, "vip": True}}
BYTES = b'{}[]",:\\ud8000\x00\x1f\xff\xc3 \n1-.eEtfn'


@settings(max_examples=300, deadline=None)
@given(EVENT)
@example(USUAL)
@example({**USUAL, "action": "joined\n"})
@example({**USUAL, "person": {}})
@example({**USUAL, "properties": {"n": 2**53}})
@example({**USUAL, "properties": {"": 1}})
@example({**USUAL, "properties": {str(number): 1 for number in range(201)}})
def test_what_it_answers_is_what_the_contract_says(event: dict[str, Any]) -> None:
    agrees(json.dumps(event).encode())


@settings(max_examples=200, deadline=None)
@given(IDENTIFIED)
@example(SAID)
@example({**SAID, "account": "x" * 129})
@example({**SAID, "traits": {"n": 2**53}})
@example({**SAID, "traits": {"": 1}})
@example({**SAID, "traits": {str(number): 1 for number in range(201)}})
@example({**SAID, "person": {}})
def test_who_somebody_is_is_what_the_contract_says(event: dict[str, Any]) -> None:
    agrees(json.dumps(event).encode(), AccountIdentified)
    person = {name: said for name, said in event.items() if name != "account"}
    agrees(json.dumps(person).encode(), PersonIdentified)


def test_the_usual_event_is_read_fast_and_broken_bytes_never_otherwise() -> None:
    person = {name: content for name, content in SAID.items() if name != "account"}
    for model, content in ((EngagementRecorded, USUAL), (AccountIdentified, SAID), (PersonIdentified, person)):
        value = json.dumps(content).encode()
        assert FAST[model](value) is not None
        for unknown in (b'"\xff"', b'"\\ud800"', b'"\x01"', b"01"):
            agrees(value[:-1] + b',"unheard_of":' + unknown + b"}", model)
        random = Random(1)
        for _ in range(3_000):
            broken = bytearray(value)
            for _ in range(random.randint(1, 3)):
                broken[random.randrange(len(broken))] = random.choice(BYTES)
            agrees(bytes(broken), model)


FAST: dict[type[Contract], Callable[[bytes], Act | Traits | Company | None]] = {
    EngagementRecorded: read_act,
    PersonIdentified: read_traits,
    AccountIdentified: read_company,
}


def agrees(value: bytes, model: type[Contract] = EngagementRecorded) -> None:
    """Where both answer they say the same; the fast one never answers alone."""
    read = FAST[model](value)
    if read is None:
        return
    try:
        told = model.model_validate_json(value)
    except ValidationError as error:
        raise AssertionError(f"read, but the contract refuses: {value!r}") from error
    assert content(read) == content(told)


def content(event: Any) -> tuple[object, ...]:
    """Everything it says, types of the properties' values included."""
    who = event.person
    said = (who.email, who.user_id, who.anonymous_id)
    if not isinstance(event, Act | EngagementRecorded):
        account = event.account if isinstance(event, Company | AccountIdentified) else None
        return said, account, typed(event.traits)
    campaign = event.campaign
    return (
        (*said, event.action, event.url, event.user_agent),
        typed(event.properties),
        campaign and (campaign.name, campaign.source, campaign.medium, campaign.content, campaign.term),
    )


def typed(properties: dict[str, Any]) -> dict[str, tuple[type, Any]]:
    """Values with their types: 1, 1.0 and True are not the same."""
    return {name: (type(value), value) for name, value in properties.items()}
