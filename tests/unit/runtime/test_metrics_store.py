"""The numbers are right, whole and bounded, also while lanes come and go and targets change."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from services.runtime.effects import Observation
from services.runtime.metrics import MetricMisuse, Metrics
from services.runtime.metrics.store import MAX_EDGES

TOUCH = "baton_first_touch_seconds"
SLA = "baton_sla_steps_total"
REFUSED = "baton_observations_refused_total"


def metrics(*rooms: str, strict: bool = True) -> Metrics:
    return Metrics(CollectorRegistry(), rooms=rooms, strict=strict)  # type: ignore[arg-type]


def sample(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_counters_add_gauges_set_levels_move() -> None:
    registry = CollectorRegistry()
    numbers = Metrics(registry, strict=True)
    numbers.observe(
        [
            Observation("baton_leads_qualified_total", 1, ("A",)),
            Observation("baton_leads_qualified_total", 2, ("A",)),
            Observation("baton_model_version", 3, ("standard",)),
            Observation("baton_model_version", 4, ("standard",)),
            Observation("baton_clocks", 1, ("open",)),
            Observation("baton_clocks", 1, ("open",)),
            Observation("baton_clocks", -1, ("open",)),
        ]
    )
    assert sample(registry, "baton_leads_qualified_total", tier="A") == 3
    assert sample(registry, "baton_model_version", definition="standard") == 4
    assert sample(registry, "baton_clocks", state="open") == 1


def test_closed_sets_show_zero_from_the_start_and_only_for_own_rooms() -> None:
    registry = CollectorRegistry()
    Metrics(registry, rooms=("feedback",), strict=True)
    assert sample(registry, "baton_labels_total", good="true") == 0
    assert sample(registry, "baton_timers_fired_total") == 0
    assert sample(registry, "baton_leads_waiting") is None


def test_known_label_values_can_start_at_zero() -> None:
    registry = CollectorRegistry()
    numbers = Metrics(registry, rooms=("router",), strict=True)
    numbers.start_at_zero(SLA, "breached", "A", "DACH")
    assert sample(registry, SLA, step="breached", tier="A", territory="DACH") == 0


def test_no_created_series() -> None:
    registry = CollectorRegistry()
    Metrics(registry, rooms=("scorer", "router", "feedback")).add(TOUCH, 3.0, "A", "DACH")
    assert b"_created" not in generate_latest(registry)


def test_two_processes_worth_of_metrics_do_not_share_anything() -> None:
    one, other = metrics(), metrics()
    one.add("baton_retries_total")
    assert other.value("baton_retries_total") == 0


def test_a_target_is_an_edge_from_its_adoption_on() -> None:
    registry = CollectorRegistry()
    numbers = Metrics(registry, strict=True)
    numbers.add(TOUCH, 2700, "A", "DACH")
    numbers.adopt_edges(TOUCH, [2700.0, 5400.0])
    numbers.add(TOUCH, 2700, "A", "DACH")
    numbers.add(TOUCH, 2701, "A", "DACH")
    below = sample(registry, TOUCH + "_bucket", le="2700.0", tier="A", territory="DACH")
    hour = sample(registry, TOUCH + "_bucket", le="3600.0", tier="A", territory="DACH")
    assert (below, hour) == (1, 3), "the one before adoption counts as above the new edge"
    assert sample(registry, TOUCH + "_bucket", le="5400.0", tier="B", territory="DACH") is None
    numbers.add(TOUCH, 5000, "B", "DACH")
    assert sample(registry, TOUCH + "_bucket", le="5400.0", tier="B", territory="DACH") == 1


def test_edges_are_bounded() -> None:
    with pytest.raises(MetricMisuse, match=f"at most {MAX_EDGES}"):
        metrics().adopt_edges(TOUCH, range(7, 7 + 11 * 60, 11))


@given(
    values=st.lists(st.floats(0, 1e6), max_size=30),
    later=st.lists(st.floats(0, 1e6), max_size=30),
    edges=st.lists(st.floats(1, 1e6), max_size=10),
)
def test_buckets_stay_cumulative_and_count_everything(
    values: list[float], later: list[float], edges: list[float]
) -> None:
    registry = CollectorRegistry()
    numbers = Metrics(registry, strict=True)
    for value in values:
        numbers.add(TOUCH, value, "A", "DACH")
    numbers.adopt_edges(TOUCH, edges)
    for value in later:
        numbers.add(TOUCH, value, "A", "DACH")
    shown = [
        found.value for family in registry.collect() for found in family.samples if found.name == TOUCH + "_bucket"
    ]
    assert shown == sorted(shown)
    assert numbers.value(TOUCH, "A", "DACH") == len(values) + len(later) == (shown[-1] if shown else 0)


@pytest.mark.parametrize(
    "observation",
    [
        Observation("baton_nonsense_total"),
        Observation(SLA, 1, ("met",)),
        Observation(SLA, 1, ("met", "A", "jane@example.org")),
        Observation(SLA, 1, ("invented", "A", "DACH")),
    ],
)
def test_misuse_raises_in_tests_and_is_counted_in_production(observation: Observation) -> None:
    with pytest.raises(MetricMisuse):
        metrics().observe([observation])
    numbers = metrics(strict=False)
    numbers.observe([observation, Observation("baton_retries_total")])
    assert numbers.value(REFUSED) == 1
    assert numbers.value("baton_retries_total") == 1, "what follows is still counted"


def test_user_data_never_shows_up_as_a_label() -> None:
    registry = CollectorRegistry()
    numbers = Metrics(registry, rooms=("router",))
    for secret in ("jane@example.org", "k1.0123456789abcdef0123456789abcdef", "+491701234567"):
        numbers.add("baton_leads_unrouted_total", 1, secret)
    page = generate_latest(registry).decode()
    assert "jane" not in page
    assert "0123456789" not in page
    assert "1234567" not in page
    assert sample(registry, "baton_leads_unrouted_total", reason="other") == 3


def test_a_full_label_folds_into_other() -> None:
    numbers = metrics(strict=True)
    for n in range(14):
        numbers.add("baton_leads_qualified_total", 1, f"tier{n}")
    assert numbers.value("baton_leads_qualified_total", "tier11") == 1
    assert numbers.value("baton_leads_qualified_total", "tier12") == 0
    assert numbers.value("baton_leads_qualified_total", "other") == 2


@pytest.fixture
def threads_interleave() -> Iterator[None]:
    """Makes the interpreter switch threads between almost any two steps."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("threads_interleave")
def test_reading_while_lanes_write_loses_nothing() -> None:
    registry = CollectorRegistry()
    numbers = Metrics(registry, strict=True)

    def lane() -> None:
        for n in range(2000):
            numbers.observe([Observation("baton_dead_letters_total", 1, (f"t{n // 50}", f"c{n % 50}"))])

    threads = [threading.Thread(target=lane) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        generate_latest(registry)
    for thread in threads:
        thread.join()
    found = [numbers.value("baton_dead_letters_total", f"t{n // 50}", f"c{n % 50}") for n in range(2000)]
    assert found == [2] * 2000
