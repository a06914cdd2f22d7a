"""The commands' client on a real broker."""

from __future__ import annotations

import pytest

from services.runtime.embedded.broker import Broker
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import load

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio]


async def test_a_mistake_found_before_anything_is_read_is_what_the_user_is_told(kafka: Broker) -> None:
    with pytest.raises(UserError, match="not a letter's position"):
        async with LogClient(load(kafka=kafka.bootstrap)):
            raise UserError("not a letter's position")
