"""When a message goes again, when a receiver is left alone: by a clock that only the test moves."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.connectors.errors import CrmError, Failing, Unavailable
from services.connectors.webhook.endpoint import Endpoint, Standing, failed
from services.connectors.webhook.retrying import JITTER, Trouble, again
from services.connectors.webhook.settings import SCHEDULE, WebhookSettings

RULE = WebhookSettings.model_validate(
    {"name": "x", "connector": "webhook", "url": "https://crm.example/h", "secret_files": ["s"]}
)
DAY_MS = 86_400_000


def next_try(
    before: Trouble | None, now: int, *, others: bool = True, asked: float = 0.0, luck: float = 0.0
) -> Trouble:
    found = again(
        before, "server_error", now=now, schedule=SCHEDULE, others_served=others, asked_s=asked, luck=luck
    )  # fmt: skip
    assert found is not None
    return found


@given(st.lists(st.floats(0, 1), min_size=10, max_size=10))
def test_a_message_is_tried_for_about_a_day_while_others_are_taken(luck: list[float]) -> None:
    trouble, now = None, 0
    for pause, each in zip(SCHEDULE, luck, strict=True):
        trouble = next_try(trouble, now, luck=each)
        assert pause * 1000 <= trouble.due - now <= pause * 1000 * (1 + JITTER) + 1
        now = trouble.due
    assert 0.98 * DAY_MS < now < 1.2 * DAY_MS
    assert again(
        trouble, "x", now=now, schedule=SCHEDULE, others_served=True, asked_s=0, luck=0
    ) is None  # fmt: skip


def test_an_outage_moves_nobody_along_the_schedule() -> None:
    trouble = next_try(None, 0)
    for _ in range(1000):
        trouble = next_try(trouble, trouble.due, others=False)
    assert (trouble.failures, trouble.since) == (1, 0)


def test_it_comes_no_sooner_than_the_receiver_asks_for() -> None:
    assert next_try(None, 0, asked=60.0).due == 60_000


def after(*errors: tuple[float, CrmError]) -> Standing:
    """How it stands after failures at these seconds."""
    standing = Standing()
    for now, error in errors:
        standing = failed(standing, error, now=now, rule=RULE, luck=1.0)
    return standing


BROKEN, AWAY = Failing("server_error"), Unavailable("away", retry_after_s=30.0)


def test_single_failures_leave_it_open_and_many_in_a_row_shut_it() -> None:
    few = after(*[(0.0, BROKEN)] * 9)
    assert (few.until, few.disabled) == (None, "")
    assert after(*[(0.0, BROKEN)] * 10).until == 1.0
    assert after((5.0, AWAY)).until == 35.0, "as long as it asks for"


def test_pauses_grow_up_to_the_longest() -> None:
    away = Unavailable("unreachable")
    pauses, standing = [], Standing()
    for _ in range(10):
        standing = failed(standing, away, now=0.0, rule=RULE, luck=1.0)
        pauses.append(standing.until)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]


def test_it_is_disabled_when_it_is_gone_or_takes_nothing_for_long() -> None:
    gone = after((0.0, Unavailable("gone")))
    assert (gone.disabled, gone.until) == ("gone", RULE.probe_every_s)
    assert after(*[(float(second), BROKEN) for second in range(0, 800, 10)]).disabled == "", "not long enough"
    assert after((0.0, BROKEN), (901.0, BROKEN)).disabled == "", "long, but only two"
    lasting = after(*[(second * 100.0, BROKEN) for second in range(10)])
    assert (lasting.disabled, lasting.until) == ("server_error", 900.0 + RULE.probe_every_s)


class Time:
    """Seconds that only the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.asyncio
async def test_one_at_a_time_probes_and_what_is_taken_lets_all_go() -> None:
    time, changes, tried = Time(), [], []
    endpoint = Endpoint(RULE, lambda standing, _: changes.append(standing.until is None), monotonic=time)
    answers: dict[str, asyncio.Future[None]] = {}

    async def message(name: str) -> None:
        async def work() -> bool:
            tried.append(name)
            answers[name] = asyncio.get_running_loop().create_future()
            await answers[name]
            return True

        await endpoint.attempt(work)

    async def settled() -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    first = asyncio.create_task(message("poison"))
    await settled()
    answers["poison"].set_exception(Unavailable("away"))
    with pytest.raises(Unavailable):
        await first
    waiting = [asyncio.create_task(message(name)) for name in ("a", "b", "c")]
    await settled()
    assert tried == ["poison"], "shut"
    time.now = 60.0
    endpoint._wake()
    await settled()
    assert len(tried) == 2, "one of them probes"
    answers[tried[1]].set_exception(Unavailable("away"))
    await settled()
    assert len(tried) == 2, "and the next one only after a pause"
    time.now = 120.0
    endpoint._wake()
    await settled()
    assert len(tried) == 3, "another one this time"
    answers[tried[2]].set_result(None)
    await settled()
    assert sorted(tried) == ["a", "b", "c", "poison"]
    answers[tried[3]].set_result(None)
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "NoneType", "Unavailable"]
    assert (changes, endpoint.served) == ([False, False, True], 2)


@pytest.mark.asyncio
async def test_what_set_out_before_the_gate_was_shut_does_not_lengthen_the_pause() -> None:
    time = Time()
    endpoint = Endpoint(RULE, lambda _standing, _error: None, monotonic=time)
    gate = asyncio.Event()

    async def work() -> bool:
        await gate.wait()
        raise Unavailable("away")

    under_way = [asyncio.create_task(endpoint.attempt(work)) for _ in range(20)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*under_way, return_exceptions=True)
    assert endpoint.standing.shuts == 1
    endpoint.enable()
    assert endpoint.standing == Standing()
