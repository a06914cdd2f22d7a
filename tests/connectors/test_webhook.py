"""A webhook on a real Kafka with a real receiver: signed, in order, nothing lost, whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml
from aiohttp import web
from standardwebhooks import Webhook as Verifier

from baton_schemas.connectors import ConnectorWaiting
from services.cli.home import environment
from services.connectors.webhook import sending
from services.connectors.webhook.check import check
from services.connectors.webhook.settings import WebhookSettings
from services.connectors.webhook.waiting import WaitingBook
from services.connectors.webhook.worker import Webhook
from services.runtime.clock import SystemClock
from services.runtime.dead_letters import read as read_letter
from services.runtime.embedded.broker import Broker
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings
from tests.connectors.receiver import NEXT_SECRET, SECRET, Receiver, never, receiving, settings_document
from tests.connectors.running import Baton, at_work, baton, settings_for, until
from tests.unit.connectors.deals import step

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio]
README = Path(sending.__file__).parent / "README.md"


@pytest_asyncio.fixture
async def side(kafka: Broker, unique: Callable[[str], str]) -> AsyncIterator[Baton]:
    assert kafka.bootstrap is not None
    async with baton(settings_for(kafka.bootstrap, unique("")), "privacy.erasures") as found:
        yield found


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@asynccontextmanager
async def running(side: Baton, url: str, folder: Path, **fields: Any) -> AsyncIterator[Webhook]:
    config = WebhookSettings.model_validate(settings_document(url, folder, **fields))
    member = Webhook(side.settings, config)
    async with at_work(member):
        yield member


async def test_what_happens_to_a_lead_arrives_in_order_and_a_restart_repeats_nothing(
    side: Baton, receiver: Receiver, tmp_path: Path
) -> None:
    async with running(side, receiver.url, tmp_path) as member:
        order = await side.route(1)
        await side.route(1, "ben", 2, change="reassigned", previous_rep="ann")
        await side.withdraw(1, 3)
        await side.send("sla.events", order.lead, step(lead=order.lead, handoff=order.handoff))
        await until(lambda: len(receiver.taken) == 4)
        assert member.metrics.value("baton_crm_orders_total", "hooks", "sent") == 4
    told = [each.document for each in receiver.taken if each.document["type"] != "baton.sla.step.v1"]
    assert [each["data"]["version"] for each in told] == [1, 2, 3]
    assert told[0]["data"]["qualified"]["contact"]["email"] == "robin.1@company-1.example"
    async with running(side, receiver.url, tmp_path):
        await side.route(2)
        await until(lambda: receiver.ids(2))
    assert len(receiver.taken) == 5


async def test_a_failing_lead_holds_up_only_itself_and_its_later_ones_go_after_a_dead_letter(
    side: Baton, receiver: Receiver, tmp_path: Path
) -> None:
    def refuse(document: dict[str, Any]) -> web.Response | None:
        mine = document["data"]["handoff"] == f"h{1:024x}" and document["data"]["version"] == 1
        return web.Response(status=500) if mine else None

    receiver.answer = refuse
    async with running(side, receiver.url, tmp_path) as member:
        bad = await side.route(1)
        await side.withdraw(1)
        for number in range(2, 12):
            await side.route(number)
        await until(lambda: all(receiver.ids(number) for number in range(2, 12)), "the others")
        while not receiver.ids(1):  # a failure counts while others are served
            before = len(receiver.ids(12))
            await side.route(12)
            await until(partial(_more_than, before, receiver, 12))
        await until(lambda: _waiting(member) == 0, "nothing waits")
    [letter] = await side.records("leads.routed.dead")
    assert (read_letter(letter).code, letter.key) == ("server_error", bad.lead.encode())
    attempts = [each for each in receiver.received if each.status == 500]
    assert len(attempts) >= 4
    assert len({(each.id, each.body) for each in attempts}) == 1, "the same id and bytes each time"


async def test_what_waits_survives_a_restart_and_repeats_nobody_elses(
    side: Baton, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = lambda said: web.Response(status=403) if said["data"].get("handoff") == f"h{1:024x}" else None
    patient = {"retries_s": [0.05, 3600]}
    async with running(side, receiver.url, tmp_path, **patient):
        await side.route(1)
        await until(lambda: receiver.received, "its first failure")
        for number in range(2, 6):
            await side.route(number)
        await until(lambda: len([each for each in receiver.received if each.status == 403]) == 2)
        await side.withdraw(1)
        await side.route(6)
        await until(lambda: receiver.ids(6))
    config = WebhookSettings.model_validate(settings_document(receiver.url, tmp_path))
    async with LogClient(side.settings) as client:
        said = {each.what: each for each in await check(config, client, send_ping=True)}
    assert not said["nothing waits"].ok
    assert said["nothing waits"].fix.startswith("2 messages wait, the oldest since 20")
    assert said["ping"].ok
    assert receiver.received[-1].document["type"] == "baton.webhook.ping.v1"
    before = len(receiver.received)
    receiver.answer = lambda _: None
    async with running(side, receiver.url, tmp_path, **patient) as member:
        await side.route(7)
        await until(lambda: receiver.ids(7))
        member.look()
        assert member.metrics.value("baton_webhook_waiting", "hooks") == 2, "its pause goes on"
        assert len(receiver.received) == before + 1


async def test_what_is_noted_and_read_once_more_goes_once(side: Baton, receiver: Receiver, tmp_path: Path) -> None:
    await side.route(1)
    [record] = await side.records("leads.routed")
    note = ConnectorWaiting(
        connector="hooks", topic=record.topic, offset=record.offset, arrived=1, failures=1, code="away",
        since=1, due=1, at=1,
    )  # fmt: skip
    async with LogClient(side.settings) as client:
        await WaitingBook(client, "hooks", record.partition, SystemClock()).keep(note)
    async with running(side, receiver.url, tmp_path) as member:
        await side.withdraw(1)
        await until(lambda: len(receiver.ids(1)) >= 2 and _waiting(member) == 0)
    assert [each.document["data"].get("version") for each in receiver.taken] == [1, 2]


@pytest.mark.parametrize("how", ["401", "410", "429", "500", "302", "hang", "refused"])
async def test_a_receiver_that_takes_nothing_costs_nobody_anything(
    how: str, side: Baton, receiver: Receiver, tmp_path: Path
) -> None:
    answers: dict[str, Callable[[dict[str, Any]], Any]] = {
        "hang": never,
        "429": lambda _: web.Response(status=429, headers={"Retry-After": "0.5"}),
        "302": lambda _: web.Response(status=302, headers={"Location": receiver.url}),
    }
    receiver.answer = answers.get(how, lambda _: web.Response(status=int(how)))
    url, port = receiver.url, receiver.port
    if how == "refused":
        await receiver.close()
    lasting = {"disable_after_s": 0.3, "probe_every_s": 0.3, "shut_after": 3}
    async with running(side, url, tmp_path, **lasting) as member:
        for number in range(1, 6):
            await side.route(number)
        await until(lambda: member.metrics.value("baton_webhook_disabled", "hooks") == 1, "disabled")
        member.look()
        assert "is disabled" in member.vitals.waits_for
        assert member.metrics.value("baton_crm_available", "hooks") == 0
        config = WebhookSettings.model_validate(settings_document(url, tmp_path))
        async with LogClient(side.settings) as client:
            await until(lambda: _is_disabled(config, client), "seen from outside")
        if how == "refused":
            await receiver.serve(port)
        receiver.answer = lambda _: None
        await until(lambda: all(len(receiver.ids(number)) == 1 for number in range(1, 6)), "all of them, by itself")
        assert member.metrics.value("baton_webhook_disabled", "hooks") == 0
    assert await side.records("leads.routed.dead") == []


async def test_gone_is_disabled_at_once_and_a_person_enables_it(
    side: Baton, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = lambda _: web.Response(status=410)
    async with running(side, receiver.url, tmp_path) as member:
        for number in range(1, 4):
            await side.route(number)
        await until(lambda: member.metrics.value("baton_webhook_disabled", "hooks") == 1)
        until_when = member.endpoint.standing.until
        assert until_when is not None
        assert until_when - time.monotonic() > 800, "left alone until the next probe"
        receiver.answer = lambda _: None
        receiver.secrets = [SECRET, NEXT_SECRET]
        (tmp_path / "next").write_text(NEXT_SECRET)
        member.config.secret_files.append(tmp_path / "next")
        member.wake()
        await until(lambda: len(receiver.taken) == 3, "both secrets sign")


async def test_too_fast_waits_as_long_as_it_is_told(side: Baton, receiver: Receiver, tmp_path: Path) -> None:
    loop, times = asyncio.get_running_loop(), []

    def busy(_: dict[str, Any]) -> web.Response | None:
        times.append(loop.time())
        return web.Response(status=503, headers={"Retry-After": "1"}) if len(times) == 1 else None

    receiver.answer = busy
    async with running(side, receiver.url, tmp_path):
        await side.route(1)
        await until(lambda: receiver.taken)
    assert times[1] - times[0] >= 0.99


async def test_a_slow_receiver_is_not_asked_more_at_once_than_allowed(
    side: Baton, receiver: Receiver, tmp_path: Path
) -> None:
    async def slowly(_: dict[str, Any]) -> web.Response:
        await asyncio.sleep(0.1)
        return web.Response(status=202)

    receiver.answer = slowly
    async with running(side, receiver.url, tmp_path, at_once=3):
        for number in range(1, 13):
            await side.route(number)
        await until(lambda: len(receiver.taken) == 12)
    assert receiver.most_at_once == 3


async def test_who_is_forgotten_while_he_waits_is_not_sent(side: Baton, receiver: Receiver, tmp_path: Path) -> None:
    receiver.answer = lambda _: web.Response(status=503)
    async with running(side, receiver.url, tmp_path) as member:
        order = await side.route(1)
        await until(lambda: receiver.received)
        await side.erase(1, order.at + 1)
        await side.withdraw(1)
        await until(lambda: member._kit.erasures.cover(order.lead, order.at))
        receiver.answer = lambda _: None
        await until(lambda: receiver.ids(1), "its withdrawal")
        assert member.metrics.value("baton_crm_orders_total", "hooks", "forgotten") == 1
    assert [each.document["type"] for each in receiver.taken] == ["baton.lead.withdrawn.v1"]


async def test_what_is_too_large_or_no_record_of_ours_is_a_dead_letter_at_once(
    side: Baton, receiver: Receiver, tmp_path: Path
) -> None:
    async with running(side, receiver.url, tmp_path, largest_body=1024):
        await side.route(1)
        await side.withdraw(2)
        await until(lambda: receiver.ids(2))
        await until(lambda: _letters(side, 1))
    buried = read_letter((await side.records("leads.routed.dead"))[0])
    assert (buried.code, buried.field) == ("too_large", "body")


async def test_whatever_fails_and_whoever_restarts_all_arrive_in_order(
    side: Baton, receiver: Receiver, tmp_path: Path
) -> None:
    luck = Random(7)

    def moody(_: dict[str, Any]) -> web.Response | Awaitable[web.Response] | None:
        mood = luck.random()
        if mood < 0.03:
            return never(_)
        statuses = {0.1: 503, 0.2: 403, 0.4: 500}
        return next((web.Response(status=status) for most, status in statuses.items() if mood < most), None)

    receiver.answer = moody
    often = {"retries_s": [0.02] * 50, "timeout_s": 0.2}
    async with running(side, receiver.url, tmp_path, **often):
        async with running(side, receiver.url, tmp_path, **often):
            for number in range(1, 21):
                await side.route(number)
            await until(lambda: len(receiver.taken) > 10, "some")
        for number in range(1, 21):
            await side.route(number, "ben", 2, change="reassigned", previous_rep="ann")
        await until(lambda: len(receiver.taken) > 20, "more")
    for number in range(1, 21):
        await side.withdraw(number, 3)
    async with running(side, receiver.url, tmp_path, **often) as member:
        await until(lambda: all(len(set(receiver.ids(number))) == 3 for number in range(1, 21)), "all of them")
        await until(lambda: _waiting(member) == 0)
    for number in range(1, 21):
        mine = {each.id: each for each in reversed(receiver.taken) if each.handoff == f"h{number:024x}"}
        first_times = sorted(mine.values(), key=receiver.taken.index)
        assert [each.document["data"]["version"] for each in first_times] == [1, 2, 3]
    assert len({each.id for each in receiver.received}) == len({(each.id, each.body) for each in receiver.received})
    assert await side.records("leads.routed.dead") == []


async def test_killed_after_the_answer_it_repeats_the_same_id_and_the_receiver_of_the_readme_keeps_one(
    side: Baton, receiver: Receiver, tmp_path: Path
) -> None:
    store, port = tmp_path / "received.db", _free_port()
    async with _readme_receiver(tmp_path, port, store):
        url = f"http://127.0.0.1:{port}/"
        killed: list[int] = []

        async def forward_and_kill(_: dict[str, Any]) -> web.Response:
            killed.append(process.pid)
            os.kill(process.pid, signal.SIGKILL)
            return web.Response(status=204)

        receiver.answer = forward_and_kill
        file = tmp_path / "webhook.yaml"
        file.write_text(yaml.safe_dump(settings_document(receiver.url, tmp_path)))
        process = await _connector(side.settings, file)
        await side.route(1)
        await until(lambda: killed, "sent, and killed before it was noted")
        await process.wait()
        receiver.answer = lambda _: None
        process = await _connector(side.settings, file)
        await until(lambda: len(receiver.received) == 2, "sent again")
        process.terminate()
        assert await process.wait() == 0, (tmp_path / "connector.log").read_text()
        first, second = receiver.received
        assert (first.id, first.body) == (second.id, second.body)

        await side.route(2)
        async with running(side, url, tmp_path, name="readme", secret_files=[tmp_path / "secret"]):
            await until(lambda: store.exists() and len(_stored(store)) == 2, "taken by the receiver of the README")
        async with running(side, url, tmp_path, name="once-more") as member:
            await until(lambda: member.metrics.value("baton_crm_orders_total", "once-more", "sent") == 2, "all again")
    stored = _stored(store)
    assert len(stored) == 2, "repeats are dropped"
    assert first.id in stored


async def test_the_receiver_of_the_readme_takes_only_what_is_genuine(tmp_path: Path) -> None:
    port, body = _free_port(), b'{"type":"x"}'
    now = int(time.time())

    def signed(at: int, secret: str = SECRET) -> dict[str, str]:
        signature = Verifier(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body.decode())
        return {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": f"v1,AAAA {signature}"}

    stranger = "whsec_" + "QUFB" * 8
    async with _readme_receiver(tmp_path, port, tmp_path / "db"), aiohttp.ClientSession() as session:
        said = []
        for headers in (signed(now), signed(now, NEXT_SECRET), signed(now, stranger), signed(now - 400), {}):
            async with session.post(f"http://127.0.0.1:{port}/", data=body, headers=headers) as answer:
                said.append(answer.status)
    assert said == [204, 204, 401, 401, 401]
    assert len(_receiver_code().splitlines()) <= 40, "short enough to be read"


def _more_than(before: int, receiver: Receiver, number: int) -> bool:
    return len(receiver.ids(number)) > before


def _waiting(member: Webhook) -> float | None:
    member.look()
    return member.metrics.value("baton_webhook_waiting", "hooks")


async def _is_disabled(config: WebhookSettings, client: LogClient) -> bool:
    return any(each.what == "enabled" and not each.ok for each in await check(config, client, send_ping=False))


async def _letters(side: Baton, number: int) -> bool:
    return len(await side.records("leads.routed.dead")) == number


async def _connector(settings: Settings, file: Path) -> asyncio.subprocess.Process:
    """`baton connector webhook` as people run it."""
    own = {
        "BATON_TOPIC_PREFIX": settings.topic_prefix, "BATON_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
        "BATON_HEARTBEAT_MS": str(settings.heartbeat_ms), "BATON_DATA_DIR": str(file.parent),
    }  # fmt: skip
    with (file.parent / "connector.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", "connector", "webhook", str(file),
            env={**environment(settings), **own}, stdout=log, stderr=log,
        )  # fmt: skip


def _receiver_code() -> str:
    found = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@asynccontextmanager
async def _readme_receiver(folder: Path, port: int, store: Path) -> AsyncIterator[None]:
    """The program that stands in the README."""
    file = folder / "receiver.py"
    file.write_text(_receiver_code())
    own = {"WEBHOOK_SECRETS": f"{NEXT_SECRET} {SECRET}", "WEBHOOK_STORE": str(store), "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(file), env={**os.environ, **own}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: _listens(port), "the receiver")
        yield
    finally:
        process.terminate()
        await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as found:
        return found.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _stored(store: Path) -> dict[str, dict[str, Any]]:
    with sqlite3.connect(store) as found:
        return {name: json.loads(body) for name, body in found.execute("select id, body from messages")}
