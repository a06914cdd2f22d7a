"""The kit on a real Kafka with a CRM on paper: order, versions, people's acts, failures; nothing lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from services.connectors.card import alert_text
from services.connectors.errors import Failing, Refused, Unavailable
from services.runtime.dead_letters import read as read_letter
from services.runtime.embedded.broker import Broker
from services.runtime.settings import Settings
from tests.connectors.paper import PaperCrm
from tests.connectors.running import Baton, baton, running, settings_for, until
from tests.unit.connectors.test_alert_orders import alert

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio]


@pytest.fixture
def settings(kafka: Broker, unique: Callable[[str], str]) -> Settings:
    assert kafka.bootstrap is not None
    return settings_for(kafka.bootstrap, unique(""))


@pytest_asyncio.fixture
async def side(settings: Settings) -> AsyncIterator[Baton]:
    async with baton(settings) as found:
        yield found


@pytest.fixture
def crm() -> PaperCrm:
    return PaperCrm()


async def test_a_lead_goes_into_the_crm_and_what_the_rep_does_comes_back(side: Baton, crm: PaperCrm) -> None:
    async with running(side.settings, crm):
        order = await side.route(1)
        await until(lambda: crm.of(order.handoff), "a record")
        [deal] = crm.of(order.handoff)
        assert (deal.owner, crm.cards[deal.id].email) == ("e-ann", "robin.1@company-1.example")
        crm.note(deal.id, "called, asks for an offer")
        crm.act(deal.id, stage="opportunity")
        crm.act(deal.id, stage="won")
        await until(lambda: _has(side, 1, "won"), "won")
    assert (await side.kinds(1))[0] == "touched"


async def test_a_restart_makes_nothing_twice_and_misses_nothing(side: Baton, crm: PaperCrm) -> None:
    async with running(side.settings, crm):
        first = await side.route(1)
        await until(lambda: crm.of(first.handoff))
    [deal] = crm.of(first.handoff)
    crm.act(deal.id, stage="opportunity")
    second = await side.route(2)
    async with running(side.settings, crm):
        await until(lambda: crm.of(second.handoff))
        await until(lambda: _has(side, 1, "accepted"))
    async with running(side.settings, crm):
        third = await side.route(3)
        await until(lambda: crm.of(third.handoff))
    assert [len(crm.of(order.handoff)) for order in (first, second, third)] == [1, 1, 1]
    assert await side.kinds(1) == ["accepted"]


async def test_a_failing_lead_holds_up_only_itself_and_becomes_a_dead_letter(side: Baton, crm: PaperCrm) -> None:
    def refuse(method: str, argument: object) -> None:
        if method == "create" and any(card.email == "robin.1@company-1.example" for card in argument):  # type: ignore[attr-defined]
            raise Failing("server_error")

    crm.before = refuse
    async with running(side.settings, crm):
        bad = await side.route(1)
        others = [await side.route(number) for number in range(2, 12)]
        await until(lambda: all(crm.of(order.handoff) for order in others), "the others")
        await until(lambda: _has_letters(side, "leads.routed.dead", 1), "a dead letter")
        crm.before = lambda _method, _argument: None
        again = await side.route(1, version=2)
        await until(lambda: crm.of(again.handoff), "the next version")
    [letter] = await side.records("leads.routed.dead")
    buried = read_letter(letter)
    assert (buried.code, buried.processor, letter.key) == ("server_error", "connector-paper", bad.lead.encode())


async def test_what_is_refused_for_good_is_a_dead_letter_at_once_with_the_fix(side: Baton, crm: PaperCrm) -> None:
    def refuse(method: str, argument: object) -> None:
        if method == "create":
            raise Refused("too_long", field="title", fix="shorten the title")

    crm.before = refuse
    async with running(side.settings, crm, give_up_after_s=3600.0):
        await side.route(1)
        await until(lambda: _has_letters(side, "leads.routed.dead", 1))
    buried = read_letter((await side.records("leads.routed.dead"))[0])
    assert (buried.code, buried.field, buried.fix) == ("too_long", "title", "shorten the title")


async def test_what_is_no_record_of_ours_is_a_dead_letter_and_the_rest_goes_on(side: Baton, crm: PaperCrm) -> None:
    from services.runtime.effects import Send  # noqa: PLC0415

    await side._client.write(Send("leads.routed", b"k", b"nonsense"))
    async with running(side.settings, crm):
        order = await side.route(1)
        await until(lambda: crm.of(order.handoff))
        await until(lambda: _has_letters(side, "leads.routed.dead", 1))


async def test_a_crm_that_is_away_costs_nobody_anything(side: Baton, crm: PaperCrm) -> None:
    away = Unavailable("away", retry_after_s=0.05)

    def refuse(method: str, argument: object) -> None:
        raise away

    async with running(side.settings, crm, give_up_after_s=0.01) as connector:
        await until(lambda: connector.vitals.assigned is not None or connector.subscription is not None)
        crm.before = refuse
        orders = [await side.route(number) for number in range(1, 6)]
        await until(lambda: crm.calls.count("ping") > 3, "knocking")
        assert connector.metrics.value("baton_crm_available", "paper") == 0
        connector.look()
        assert connector.vitals.waits_for == "crm: paper does not serve us (away)"
        crm.before = lambda _method, _argument: None
        await until(lambda: all(len(crm.of(order.handoff)) == 1 for order in orders))
    assert await side.records("leads.routed.dead") == []


async def test_an_answer_that_got_lost_is_found_again_and_not_made_twice(side: Baton, crm: PaperCrm) -> None:
    lost = iter(range(3))

    def lose(method: str, argument: object) -> None:
        if method == "create" and next(lost, None) is not None:
            raise Failing("timeout")

    crm.after = lose
    async with running(side.settings, crm, give_up_after_s=3600.0):
        orders = [await side.route(number) for number in range(1, 4)]
        await until(lambda: all(crm.of(order.handoff) for order in orders))
    assert [len(crm.of(order.handoff)) for order in orders] == [1, 1, 1]


async def test_a_request_that_was_carried_out_late_is_taken_back(side: Baton, crm: PaperCrm) -> None:
    async with running(side.settings, crm):
        order = await side.route(1)
        await until(lambda: crm.of(order.handoff))
        [deal] = crm.of(order.handoff)
        await crm.create([crm.cards[deal.id]])
        await until(lambda: len(crm.open_ones(order.handoff)) == 1, "one of them gone")
    assert crm.open_ones(order.handoff) == [deal]


async def test_a_lead_that_somebody_took_on_stays_his_when_the_clock_gives_it_away(side: Baton, crm: PaperCrm) -> None:
    async with running(side.settings, crm, poll_s=3600.0) as connector:
        order = await side.route(1)
        await until(lambda: crm.of(order.handoff))
        [deal] = crm.of(order.handoff)
        await until(lambda: connector.metrics.value("baton_crm_orders_total", "paper", "create") == 1)
        crm.act(deal.id, stage="opportunity")
        await side.route(1, "ben", 2, change="reassigned", previous_rep="ann")
        await until(lambda: _has(side, 1, "accepted"), "heard before it was overwritten")
        await until(lambda: connector.metrics.value("baton_crm_orders_total", "paper", "people_decided") == 1)
    assert crm.deals[deal.id].owner == "e-ann"


async def test_an_alert_is_one_remark_on_the_record_it_names_and_counted_where_there_is_none(
    side: Baton, crm: PaperCrm
) -> None:
    lost = iter(range(2))

    def lose(method: str, argument: object) -> None:
        if method == "remark" and next(lost, None) is not None:
            raise Failing("timeout")

    async with running(side.settings, crm, give_up_after_s=3600.0) as connector:
        order = await side.route(1)
        await until(lambda: crm.of(order.handoff))
        crm.after = lose  # the note is there, the answer got lost
        told = alert(lead=order.lead, handoff=order.handoff)
        for each in (told, told, alert(lead=order.lead, handoff=None)):
            await side.send("accounts.alerts", order.lead, each)
        done = connector.metrics
        await until(lambda: done.value("baton_crm_orders_total", "paper", "not_deliverable") == 1, "the last one")
    async with running(side.settings, crm):
        other = await side.route(2)
        await until(lambda: crm.of(other.handoff))
    [deal] = crm.of(order.handoff)
    assert [remark.text for remark in deal.remarks] == [alert_text(told)]
    assert await side.kinds(1) == [], "what we say ourselves is no outcome"


async def test_a_withdrawn_lead_leaves_the_desk_with_a_word(side: Baton, crm: PaperCrm) -> None:
    async with running(side.settings, crm):
        order = await side.route(1)
        await until(lambda: crm.of(order.handoff))
        await side.withdraw(1)
        await until(lambda: not crm.open_ones(order.handoff))
        await until(lambda: crm.of(order.handoff)[0].remarks)
    [deal] = crm.of(order.handoff)
    assert "unsubscribed" in deal.remarks[0].text
    assert await side.kinds(1) == [], "what we did ourselves is no outcome"


async def test_a_deleted_record_is_heard_of_without_any_change(side: Baton, crm: PaperCrm) -> None:
    async with running(side.settings, crm):
        order = await side.route(1)
        await until(lambda: crm.of(order.handoff))
        crm.delete(crm.of(order.handoff)[0].id)
        await until(lambda: _has(side, 1, "rejected"))


async def test_what_has_no_word_is_counted_and_told_once_it_has(side: Baton, crm: PaperCrm) -> None:
    async with running(side.settings, crm) as connector:
        order = await side.route(1)
        await until(lambda: crm.of(order.handoff))
        [deal] = crm.of(order.handoff)
        crm.act(deal.id, stage="lost", reason="meh")
        await until(lambda: connector.metrics.value("baton_crm_unmapped", "paper") == 1)
        assert await side.kinds(1) == []
        crm.act(deal.id, stage="lost", reason="no budget")
        await until(lambda: _has(side, 1, "rejected"))
        await until(lambda: connector.metrics.value("baton_crm_unmapped", "paper") == 0)


async def test_an_answer_that_was_overtaken_is_not_believed(side: Baton, crm: PaperCrm) -> None:
    under_way, arrives = asyncio.Event(), asyncio.Event()

    async def on_its_way(method: str, _: object) -> None:
        if method == "changes":
            under_way.set()
            await arrives.wait()

    async with running(side.settings, crm) as connector:
        order = await side.route(1)
        await until(lambda: crm.of(order.handoff))
        [deal] = crm.of(order.handoff)
        crm.act(deal.id, stage="opportunity")
        await until(lambda: _has(side, 1, "accepted"))
        crm.after = on_its_way
        await until(under_way.is_set, "an answer that still says: opportunity")
        crm.act(deal.id, stage="lost", reason="no budget")
        await side.route(1, "ben", 2, change="reassigned", previous_rep="ann")
        await until(lambda: _has(side, 1, "lost"), "seen by who came to write")
        crm.after = lambda _method, _argument: None
        looks = connector.metrics.value("baton_crm_polls_total", "paper") or 0
        arrives.set()
        await until(lambda: (connector.metrics.value("baton_crm_polls_total", "paper") or 0) > looks + 1)
    assert await side.kinds(1) == ["accepted", "lost"], "and not opened again"


async def _has(side: Baton, number: int, kind: str) -> bool:
    return kind in await side.kinds(number)


async def _has_letters(side: Baton, topic: str, number: int) -> bool:
    return len(await side.records(topic)) == number
