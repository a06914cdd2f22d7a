"""What a configuration lets be known beforehand is in the metrics before the first lead is late."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton_schemas.configuration import MANIFEST_KEY
from services.cli.applying import plan_set
from services.cli.system import read_checked
from services.runtime.config_set import CONFIG_TOPIC
from services.runtime.operating import Operating
from services.runtime.processor import Globals
from services.runtime.settings import load

CONFIG = Path(__file__).parents[3] / "config"
DOCUMENTS = read_checked(CONFIG)
SLA = "baton_sla_steps_total"


def applied(**edits: tuple[str, str]) -> dict[bytes, bytes]:
    """What is on the topic after `baton apply config/`, with a text replaced in the documents named."""
    documents = {
        (kind, name): text.replace(*edits[kind]) if kind in edits else text for (kind, name), text in DOCUMENTS.items()
    }
    _, steps = plan_set(documents, {}, now=0)
    return {send.key: send.value for step in steps for send in step if send.value is not None}


def router() -> Operating:
    return Operating("router", load(), strict=True)


def shown(operating: Operating, step: str = "breached") -> dict[tuple[str, str], float]:
    return {
        (sample.labels["tier"], sample.labels["territory"]): sample.value
        for family in operating.registry.collect()
        for sample in family.samples
        if sample.name == SLA and sample.labels["step"] == step
    }


@pytest.mark.parametrize("step", ["breached", "met"])
def test_every_clock_that_can_run_starts_at_zero(step: str) -> None:
    operating = router()
    assert shown(operating, step) == {}
    operating.take_up(Globals({CONFIG_TOPIC: applied()}, {CONFIG_TOPIC: 7}))
    found = shown(operating, step)
    assert set(found.values()) == {0}
    assert {tier for tier, _ in found} == {"hot", "warm", "cool"}
    territories = {territory for _, territory in found}
    assert len(territories) > 2
    assert len(found) == 3 * len(territories)


def test_a_new_configuration_adds_its_own_and_what_was_counted_stays() -> None:
    operating = router()
    operating.take_up(Globals({CONFIG_TOPIC: applied()}, {CONFIG_TOPIC: 7}))
    ((tier, territory), *_) = before = shown(operating)
    operating.metrics.add(SLA, 1.0, "breached", tier, territory)
    renamed = applied(territories=(f"name: {territory}\n", "name: atlantis\n"))
    operating.take_up(Globals({CONFIG_TOPIC: renamed}, {CONFIG_TOPIC: 9}))
    after = shown(operating)
    assert after[tier, territory] == 1
    assert after[tier, "atlantis"] == 0
    assert set(after) - set(before) == {(each, "atlantis") for each in ("hot", "warm", "cool")}


def test_a_set_that_is_not_whole_changes_nothing() -> None:
    operating = router()
    table = {MANIFEST_KEY.encode(): applied()[MANIFEST_KEY.encode()]}
    operating.take_up(Globals({CONFIG_TOPIC: table}, {CONFIG_TOPIC: 7}))
    assert shown(operating) == {}


def test_a_target_is_an_edge_of_the_first_touch_histogram() -> None:
    operating = router()
    edited = applied(sla=("first_touch_minutes: 15,", "first_touch_minutes: 17,"))
    operating.take_up(Globals({CONFIG_TOPIC: edited}, {CONFIG_TOPIC: 7}))
    operating.metrics.add("baton_first_touch_seconds", 1000.0, "hot", "dach")
    labels = {"tier": "hot", "territory": "dach"}
    name = "baton_first_touch_seconds_bucket"
    assert operating.registry.get_sample_value(name, {**labels, "le": "1020.0"}) == 1
    assert operating.registry.get_sample_value(name, {**labels, "le": "900.0"}) == 0
