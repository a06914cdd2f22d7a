"""Keys: the same person gives the same key however written, nobody can be read out of one, secrets can be rotated."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton_schemas.catalogue import TOPICS, dead_topic
from baton_schemas.keys import IdentifierKind, account_key, handoff_id, normalise, person_key

SECRET = b"a secret for these tests"
identifiers = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
kinds: st.SearchStrategy[IdentifierKind] = st.sampled_from(["email", "user_id", "anonymous_id"])


@settings(max_examples=300)
@given(kinds, identifiers)
def test_normalising_twice_is_normalising_once(kind: IdentifierKind, identifier: str) -> None:
    once = normalise(kind, identifier)
    assert normalise(kind, once) == once


@settings(max_examples=200)
@given(kinds, identifiers)
def test_writing_it_differently_gives_the_same_key(kind: IdentifierKind, identifier: str) -> None:
    key = person_key(SECRET, "k1", kind, identifier)
    assert re.fullmatch(r"k1\.[0-9a-f]{32}", key)
    assert person_key(SECRET, "k1", kind, f"  {unicodedata.normalize('NFD', identifier)}\n") == key


def test_an_address_is_one_in_any_case_and_an_id_is_not() -> None:
    def key(kind: IdentifierKind, identifier: str, secret: bytes = SECRET) -> str:
        return person_key(secret, "k1", kind, identifier)

    assert key("email", "Robin@Example.com") == key("email", "robin@example.COM")
    assert key("user_id", "A7") != key("user_id", "a7")
    assert key("user_id", "a7") != key("anonymous_id", "a7")
    assert key("user_id", "a7") != key("user_id", "a7", b"another secret")


def test_a_key_says_which_secret_made_it() -> None:
    assert person_key(SECRET, "k2", "user_id", "a").startswith("k2.")
    assert account_key(SECRET, "k2", "example.com").startswith("k2.a")


def test_persons_and_accounts_never_share_a_key() -> None:
    assert account_key(SECRET, "k1", "example.com") == account_key(SECRET, "k1", " Example.COM ")
    assert not re.fullmatch(r"k1\.[0-9a-f]{32}", account_key(SECRET, "k1", "example.com"))


@settings(max_examples=100)
@given(identifiers, identifiers, st.integers(0, 5), st.integers(0, 5))
def test_a_handoff_id_belongs_to_one_qualification(lead: str, definition: str, one: int, other: int) -> None:
    assert re.fullmatch(r"h[0-9a-f]{24}", handoff_id(lead, definition, one))
    assert (handoff_id(lead, definition, one) == handoff_id(lead, definition, other)) == (one == other)


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_a_topic_is_declared_whole(name: str) -> None:
    topic = TOPICS[name]
    assert topic.name == name
    assert re.fullmatch(r"[a-z]+\.[a-z]+", name) or name == "notifications"
    assert (topic.retention_ms is None) == (topic.cleanup == "compact")
    dead = dead_topic(topic)
    assert dead.name == topic.dead == f"{name}.dead"
    assert dead.max_message_bytes > topic.max_message_bytes, "a dead letter holds the original and the reason"
    assert dead.cleanup == "delete"
    assert dead.retention_ms
