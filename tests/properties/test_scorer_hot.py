"""The fast reading of an act never answers where the contract would not, and never otherwise than it would."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import hypothesis.strategies as st
from hypothesis import example, given, settings
from pydantic import ValidationError

from baton_schemas.engagement import EngagementRecorded
from services.scorer.hot import Act, read_act

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


def test_the_usual_act_is_read_fast_and_broken_bytes_never_otherwise() -> None:
    value = json.dumps(USUAL).encode()
    assert read_act(value) is not None
    for unknown in (b'"\xff"', b'"\\ud800"', b'"\x01"', b"01"):
        agrees(value[:-1] + b',"unheard_of":' + unknown + b"}")
    random = Random(1)
    for _ in range(5_000):
        broken = bytearray(value)
        for _ in range(random.randint(1, 3)):
            broken[random.randrange(len(broken))] = random.choice(BYTES)
        agrees(bytes(broken))


def agrees(value: bytes) -> None:
    """Where both answer they say the same; the fast one never answers alone."""
    act = read_act(value)
    if act is None:
        return
    try:
        told = EngagementRecorded.model_validate_json(value)
    except ValidationError as error:
        raise AssertionError(f"read, but the contract refuses: {value!r}") from error
    assert content(act) == content(told)


def content(event: Act | EngagementRecorded) -> tuple[object, ...]:
    """Everything it says, types of the properties' values included."""
    who, campaign = event.person, event.campaign
    return (
        (who.email, who.user_id, who.anonymous_id, event.action, event.url, event.user_agent),
        {name: (type(value), value) for name, value in event.properties.items()},
        campaign and (campaign.name, campaign.source, campaign.medium, campaign.content, campaign.term),
    )
