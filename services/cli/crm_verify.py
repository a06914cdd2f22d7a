"""Reads both sides, Baton's topics and the CRM, for `baton connector verify` and the demo."""

from __future__ import annotations

from services.cli.conservation import Verdict
from services.cli.crm_comparison import TOPICS, BatonSide, compare
from services.connectors.crm import Crm
from services.connectors.deal import Deal
from services.connectors.settings import ConnectorSettings
from services.connectors.words import Words
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings

_AT_ONCE = 200


async def verify(settings: Settings, config: ConnectorSettings, crm: Crm) -> list[Verdict]:
    """The laws of `crm_comparison`. Raises CrmError when the CRM does not answer; opens and closes it."""
    side = BatonSide(config.name)
    async with LogClient(settings) as client:
        positions = [(topic, number) for topic in TOPICS for number in await client.partitions(topic)]
        async for record in client.read_all(positions):
            side.take(record)
    try:
        await crm.open()
        words = Words(config.mapping, await crm.people(), await crm.own_user(), closes_as=crm.closes_as)
        return compare(side, await _deals(crm, list(side.handoffs)), words)
    finally:
        await crm.close()


async def _deals(crm: Crm, handoffs: list[str]) -> list[Deal]:
    """The records of these handoffs, and whatever else people worked on that bears a reference."""
    found: dict[str, Deal] = {}
    for start in range(0, len(handoffs), _AT_ONCE):
        found |= {deal.id: deal for deal in await crm.find(handoffs[start : start + _AT_ONCE])}
    position, more = "", True
    while more:
        page = await crm.changes(position, 0.0)
        found |= {deal.id: deal for deal in page.deals if deal.reference}
        position, more = page.position, page.more
    return list(found.values())
