"""The catalogue keeps its own conventions, and the page for people is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.runtime.metrics.catalogue import CATALOGUE, declared
from services.runtime.metrics.declaration import Label, Metric, MetricMisuse, admissible
from services.runtime.metrics.page import table

ROOT = Path(__file__).parents[3]
UNITS = {"seconds", "bytes", "records", "total", "info", "offset", "keys"}
THINGS = {  # gauges and levels that count what their name says
    "baton_leads_waiting", "baton_clocks", "baton_model_version", "baton_partitions", "baton_timers", "baton_ready",
    "baton_disposition_clocks", "baton_leads_held", "baton_definition_signers_removed",
    "baton_crm_available", "baton_crm_unmapped", "baton_webhook_disabled", "baton_webhook_waiting", "baton_bulk_waits",
}  # fmt: skip
FORBIDDEN_LABELS = {"person", "lead", "handoff", "rep", "account", "email", "key", "id", "recipient"}


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    assert metric.name.startswith("baton_")
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert metric.name.rsplit("_", 1)[1] in UNITS or metric.name in THINGS
    assert metric.help.endswith(".")
    assert (metric.kind == "histogram") == bool(metric.edges)
    assert list(metric.edges) == sorted(set(metric.edges))


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=lambda metric: metric.name)
def test_labels_are_bounded_and_name_nobody(metric: Metric) -> None:
    for label in metric.labels:
        assert label.name not in FORBIDDEN_LABELS
        assert 0 < (len(label.values) or label.limit) <= 200


@pytest.mark.parametrize(
    "value",
    [
        "k1.0123456789abcdef0123456789abcdef",
        "jane@example.org",
        "+49 170 1234567",
        "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "",
        "x" * 65,
        "two\nlines",
        '{"a":1}',
    ],
)
def test_no_label_carries_what_may_be_a_person(value: str) -> None:
    assert not admissible(Label("reason"), value)


@pytest.mark.parametrize(
    "value", ["engagement.events", "baton.lead.qualified.v1", "DACH Nord", "München", "A1", "not_cloudevent", "0"]
)
def test_names_out_of_configuration_are_carried(value: str) -> None:
    assert admissible(Label("reason"), value)


def test_a_closed_set_is_closed() -> None:
    label = Label("good", values=("true", "false"))
    assert admissible(label, "true")
    assert not admissible(label, "maybe")


def test_an_unknown_metric_or_a_wrong_number_of_labels_is_a_bug() -> None:
    with pytest.raises(MetricMisuse, match="not in the metric catalogue"):
        declared("baton_nonsense_total", ())
    with pytest.raises(MetricMisuse, match="1 label values, declared are 2"):
        declared("baton_events_total", ("track",))


def test_the_page_is_the_catalogue() -> None:
    committed = (ROOT / "deploy/prometheus/METRICS.md").read_text()
    assert committed == table(), "run: python -m services.runtime.metrics.page > deploy/prometheus/METRICS.md"
