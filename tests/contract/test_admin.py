"""Topics on a real Kafka: created as declared, differences named, partitions never changed in place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from baton_schemas.catalogue import TOPICS
from services.runtime.embedded.broker import Broker
from services.runtime.errors import Transient, UserError
from services.runtime.kafka import admin
from services.runtime.settings import Settings, load
from tests.contract.toy import Toy

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka: Broker, unique: Callable[[str], str]) -> Settings:
    return load(kafka=kafka.bootstrap, topic_prefix=unique(""), partitions=2)


def test_the_whole_catalogue_is_created_once_and_as_declared(settings: Settings) -> None:
    plans = admin.plan(settings, TOPICS, [Toy()])
    real = [topic for topic in TOPICS.values() if not topic.shadow_only]
    missing = asyncio.run(admin.check(settings, plans))
    assert {each.what for each in missing} == {"missing"}
    assert len(asyncio.run(admin.apply(settings, plans))) == len(plans) == 2 * len(real) + 1
    assert asyncio.run(admin.check(settings, plans)) == []
    assert asyncio.run(admin.apply(settings, plans)) == []
    journal = next(plan for plan in plans if plan.name.endswith("journal.toy.v1"))
    assert journal.configs["cleanup.policy"] == "compact"
    asyncio.run(admin.delete(settings, [plan.name for plan in plans]))


def test_a_config_that_differs_is_named_and_set_and_other_partitions_are_refused(settings: Settings) -> None:
    (plan,) = (each for each in admin.plan(settings) if each.name.endswith("leads.qualified"))
    asyncio.run(admin.apply(settings, [plan]))
    changed = replace(plan, configs={**plan.configs, "max.message.bytes": "2000000"})
    (difference,) = asyncio.run(admin.check(settings, [changed]))
    assert str(difference) == f"{plan.name}: max.message.bytes: is 1048576, should be 2000000"
    assert asyncio.run(admin.apply(settings, [changed])) == [plan.name]
    assert asyncio.run(admin.check(settings, [changed])) == []
    with pytest.raises(UserError, match="partitions: is 2, should be 3"):
        asyncio.run(admin.apply(settings, [replace(plan, partitions=3)]))
    asyncio.run(admin.delete(settings, [plan.name]))


def test_a_worker_is_told_which_topic_is_missing(settings: Settings) -> None:
    with pytest.raises(UserError, match=r"leads\.routed: missing.*baton topics apply"):
        asyncio.run(admin.require(settings, [each for each in admin.plan(settings) if "leads.routed" in each.name][:1]))


def test_no_broker_is_said(settings: Settings) -> None:
    nobody = settings.model_copy(update={"kafka": "127.0.0.1:1"})
    with pytest.raises(Transient, match=r"no broker at 127\.0\.0\.1:1"):
        asyncio.run(admin.check(nobody, []))


def test_in_shadow_the_companys_topics_are_used_as_they_are(settings: Settings) -> None:
    theirs = {"engagement.events": replace(TOPICS["engagement.events"], retention_ms=5_000)}
    asyncio.run(admin.apply(settings, admin.plan(settings, theirs)))
    shadow = settings.model_copy(update={"shadow": True})
    plans = admin.plan(shadow, {"engagement.events": TOPICS["engagement.events"]})
    assert asyncio.run(admin.apply(shadow, plans)) == [f"{settings.topic_prefix}engagement.events.dead.shadow"]
    assert asyncio.run(admin.check(settings, admin.plan(settings, theirs))) == [], "nothing was altered"
    other = shadow.model_copy(update={"partitions": 3})
    with pytest.raises(UserError, match="BATON_PARTITIONS=2"):
        asyncio.run(admin.apply(other, admin.plan(other)))
