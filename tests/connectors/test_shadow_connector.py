"""A connector in shadow on a real Kafka: it tells what people do, once, and carries out nothing that Baton decides."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from baton_schemas.crm import DealFacts
from baton_schemas.envelope import from_record
from baton_schemas.keys import person_key
from services.connectors.deal import Deal
from services.connectors.read_only import ReadOnly
from services.runtime.embedded.broker import Broker
from tests.connectors.paper import PaperCrm
from tests.connectors.running import Baton, baton, running, settings_for, until

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio]


@pytest_asyncio.fixture
async def side(kafka: Broker, unique: Callable[[str], str]) -> AsyncIterator[Baton]:
    assert kafka.bootstrap is not None
    settings = settings_for(kafka.bootstrap, unique(""), shadow=True)
    async with baton(settings, "crm.actual") as found:
        yield found


def person(email: str) -> str:
    return person_key(b"a secret of the tests", "k1", "email", email)


async def facts(side: Baton) -> list[DealFacts]:
    events = [from_record(record.headers, record.value) for record in await side.records("crm.actual")]
    return [DealFacts.model_validate_json(event.data or b"") for event in events]


def made(crm: PaperCrm, id: str, email: str | None, owner: str = "e-ann") -> None:
    """A rep makes a deal of his own."""
    now = time.time_ns() // 1_000_000
    crm.deals[id] = Deal(id, "", "r0", "lead", now, owner, "u-ann", email=email, made_at=now)


async def test_what_people_do_is_told_and_nobody_is_given_anything(side: Baton) -> None:
    crm = PaperCrm()
    made(crm, "d-ada", "ada@example.com")
    made(crm, "d-who", None)
    async with running(side.settings, crm) as connector:
        assert isinstance(connector.crm, ReadOnly), "whatever the code above tries"
        await until(lambda: facts(side), "a deal is told")
        await side.route(1)
        await side.withdraw(1)
        crm.note("d-ada", "called, wants a demo")
        crm.act("d-ada", stage="opportunity", owner="e-ben", by="u-ben")

        async def seen() -> bool:
            return any(each.stage == "accepted" for each in await facts(side))

        await until(seen, "the next step is told")
        last = (await facts(side))[-1]
        assert (last.person, last.deal, last.owner) == (person("ada@example.com"), "d-ada", "ben")
        assert last.first_touch_at is not None
        assert connector.registry.get_sample_value(
            "baton_crm_actual_total", {"connector": "paper", "what": "no_address"}
        )  # fmt: skip
    before = await facts(side)
    async with running(side.settings, crm):
        made(crm, "d-eve", "eve@example.com")
        await until(lambda: _told(side, "d-eve"), "the next start goes on")
    assert [each for each in await facts(side) if each.deal == "d-ada"] == before, "told once, also after a restart"
    assert not {"create", "change", "remark"} & set(crm.calls)
    assert await side.records("feedback.events") == []


async def _told(side: Baton, id: str) -> bool:
    return any(each.deal == id for each in await facts(side))
