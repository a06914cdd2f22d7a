"""What an installation in shadow calls its topics: nothing of its own bears the name that others read or write."""

from __future__ import annotations

import pytest

from baton_schemas.catalogue import OUTSIDE, TOPICS
from services.cli.services import names, processor, processors
from services.runtime.errors import UserError
from services.runtime.kafka import admin
from services.runtime.kafka.connection import broker_name
from services.runtime.processor import Processor
from services.runtime.settings import Settings, load

REAL = load(person_key_secret="s", topic_prefix="t.", shadow=False)
SHADOW = load(person_key_secret="s", topic_prefix="t.", shadow=True)
COMPANYS = {"engagement.events", "engagement.bulk", "privacy.erasures"}
"""Written out, so that a topic that is marked as the company's by mistake is seen."""


def planned(settings: Settings) -> set[str]:
    return {plan.name for plan in admin.plan(settings, processors=processors(settings))}


def test_all_that_both_read_and_write_is_what_the_company_itself_writes() -> None:
    assert set(OUTSIDE) == COMPANYS
    assert planned(REAL) & planned(SHADOW) == {f"t.{topic}" for topic in COMPANYS}
    assert {name for name in planned(SHADOW) if not name.endswith(".shadow")} == {f"t.{topic}" for topic in COMPANYS}


@pytest.mark.parametrize("one", processors(SHADOW), ids=lambda one: str(one.name))
def test_no_service_writes_to_the_companys_topics(one: Processor) -> None:
    outputs, journal = one.outputs, admin.journal_topic(one)
    assert all(broker_name(SHADOW, topic).endswith(".shadow") for topic in (*outputs, journal))
    assert all(broker_name(SHADOW, f"{topic}.dead").endswith(".shadow") for topic in TOPICS)


def test_groups_have_names_of_their_own() -> None:
    assert broker_name(SHADOW, "router") == "t.router.shadow"
    assert broker_name(REAL, "router") == "t.router"


def test_outside_of_shadow_nothing_of_it_is_there() -> None:
    assert {name for name in planned(REAL) if "actual" in name or "shadow" in name} == set()
    assert (names(REAL), names(SHADOW)) == (
        ("scorer", "router", "feedback"),
        ("scorer", "router", "feedback", "shadow"),
    )


def test_what_is_the_companys_is_left_as_it_is() -> None:
    plans = {plan.name: plan for plan in admin.plan(SHADOW, processors=processors(SHADOW))}
    assert {name for name, plan in plans.items() if not plan.ours} == {f"t.{topic}" for topic in COMPANYS}
    assert all(plan.ours for plan in admin.plan(REAL))


def test_the_service_of_shadow_runs_nowhere_else() -> None:
    assert processor("shadow", SHADOW).name == "shadow"
    with pytest.raises(UserError, match="--shadow"):
        processor("shadow", REAL)
