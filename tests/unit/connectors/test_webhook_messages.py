"""What a webhook sends, and where to: ids that stay, signatures that others verify, addresses that are allowed."""

from __future__ import annotations

import base64
import json
import re
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from baton_schemas.contract import Contract
from baton_schemas.envelope import envelop
from baton_schemas.feedback import OutcomeReported
from services.cli.publishing.cloudevents import parse_cloud_event
from services.connectors.errors import Refused, Unavailable
from services.connectors.main import webhook_settings, which
from services.connectors.webhook import signing
from services.connectors.webhook.addresses import OnlyAllowed
from services.connectors.webhook.message import fitting, identity, message
from services.connectors.webhook.sending import judge, read_secrets
from services.connectors.webhook.settings import SCHEDULE, WebhookSettings
from services.runtime.errors import Permanent, UserError
from services.runtime.record import LogRecord
from tests.unit.connectors.deals import ROOT, handed_over, routed, step, withdrawn

KEYS = st.binary(min_size=24, max_size=64)


def record(data: Contract, id: str = "e1", offset: int = 0) -> LogRecord:
    headers, value = envelop(data, id=id, source="/router", time=0)
    return LogRecord("leads.routed", 0, offset, 0, b"k", value, headers)


@given(st.lists(KEYS, min_size=1, max_size=2, unique=True), st.text(max_size=50), st.binary(min_size=24, max_size=64))
def test_whoever_has_one_of_the_secrets_can_verify_and_nobody_else(keys: list[bytes], text: str, other: bytes) -> None:
    body = json.dumps({"data": text}).encode()
    headers = signing.headers("msg_1", int(datetime.now(UTC).timestamp()), body, keys)  # the verifier looks at the wall
    for key in keys:
        secret = "whsec_" + base64.b64encode(key).decode()
        assert signing.secret(secret) == key
        assert Webhook(secret).verify(body, headers) == {"data": text}
    if other not in keys:
        with pytest.raises(WebhookVerificationError):
            Webhook(other).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(keys[0]).verify(body + b" ", headers)


def test_the_example_of_the_specifications_own_libraries() -> None:
    key = signing.secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    said = signing.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key])
    assert said["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("text", ["", "abc", "whsec_", "whsec_!!!!", "whsec_YWJj", "whsec_" + "YWJj" * 30])
def test_a_secret_that_is_none_is_refused_without_quoting_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "s").write_text(text)
    with pytest.raises(UserError, match=r"secret_files.0: .*openssl rand") as refused:
        read_secrets([tmp_path / "s"])
    assert text.removeprefix("whsec_")[:12] not in str(refused.value) or len(text) < 10


@pytest.mark.parametrize(
    ("data", "kind"),
    [(routed(), "routed"), (withdrawn(), "withdrawn"), (handed_over(), "handed_over"), (step(), "breached")],
)
def test_a_record_is_always_the_same_message(data: Contract, kind: str) -> None:
    first, again, other = message(record(data)), message(record(data, offset=9)), message(record(data, id="e2"))
    assert first is not None
    assert first == again
    assert other is not None
    assert (first.kind, first.id != other.id) == (kind, True)
    assert re.fullmatch(r"msg_[0-9a-f]{30}", first.id), "no full stop: the signature is over id.time.body"
    document = json.loads(first.body)
    assert list(document) == ["type", "timestamp", "data"]
    assert document["type"] == data.TYPE
    assert type(data).model_validate(document["data"]) == data


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), min_size=2, max_size=2, unique=True))
def test_different_events_have_different_ids(events: list[tuple[str, str, str]]) -> None:
    first, second = events
    assert identity(*first) != identity(*second)


def test_what_is_no_record_of_ours_is_refused_and_what_concerns_nobody_passed_over() -> None:
    with pytest.raises(Permanent):
        message(LogRecord("leads.routed", 0, 0, 0, b"k", b"nonsense", ()))
    strange = record(routed())
    headers = tuple((name, b"x.v1" if name == "ce_type" else value) for name, value in strange.headers)
    assert message(strange._replace(headers=headers)) is None
    found = message(record(routed()))
    assert found is not None
    with pytest.raises(Refused, match="largest_body"):
        fitting(found, len(found.body) - 1)
    assert fitting(found, len(found.body)) is found


def settings(**fields: Any) -> WebhookSettings:
    known = {"name": "x", "connector": "webhook", "url": "https://crm.example/h", "secret_files": ["s"]}
    return WebhookSettings.model_validate(known | fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "http://crm.example/h"}, "must be https"),
        ({"url": "https://127.0.0.1/h"}, "private_addresses: true"),
        ({"url": "https://[::1]/h"}, "private_addresses: true"),
        ({"url": "https://localhost/h"}, "private_addresses: true"),
        ({"url": "https://169.254.169.254/latest"}, "private_addresses: true"),
        ({"url": "https://[::ffff:10.0.0.1]/h"}, "private_addresses: true"),
        ({"url": "http://93.184.216.34/h", "private_addresses": True}, "public address"),
        ({"url": "https://me:secret@crm.example/h"}, "holds a password"),
        ({"url": "https://crm.example/h#x"}, "#"),
        ({"secret_files": []}, "secret_files"),
        ({"send": ["paid"]}, "send"),
    ],
)
def test_settings_that_open_a_way_inside_or_make_no_sense_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        settings(**fields)


def test_the_worked_example_is_one_and_its_schedule_spans_a_day() -> None:
    example = ROOT / "config/connectors/webhook.yaml"
    found = webhook_settings(example)
    assert which(example) == "webhook"
    assert found.secret_files == [example.parent / "webhook-secret"]
    assert found.retries_s == SCHEDULE
    assert 23.5 < sum(SCHEDULE) / 3600 < 24
    assert settings(url="http://10.1.2.3/h", private_addresses=True).url.scheme == "http"


def test_the_way_back_that_the_readme_shows_can_be_published() -> None:
    shown = re.search(r"```json\n(.*?)```", (ROOT / "services/connectors/webhook/README.md").read_text(), re.DOTALL)
    assert shown is not None
    draft = parse_cloud_event(json.loads(shown[1]))
    assert isinstance(draft.data, OutcomeReported)


class Names(AbstractResolver):
    """Answers with addresses that a test gives."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self.addresses
        ]

    async def close(self) -> None:
        return None


@pytest.mark.asyncio
@pytest.mark.parametrize("address", ["127.0.0.1", "10.9.8.7", "fe80::1", "fd00::1", "64:ff9b::a00:1", "2002:a00:1::"])
async def test_a_name_that_turns_inside_is_refused_and_allowed_only_inside(address: str) -> None:
    with pytest.raises(OSError, match="no public address"):
        await OnlyAllowed(private=False, inner=Names(address)).resolve("crm.example")
    [kept] = await OnlyAllowed(private=True, inner=Names(address, "93.184.216.34")).resolve("crm.example")
    assert kept["host"] == address


@pytest.mark.parametrize(
    ("status", "code", "everybody"),
    [
        (301, "redirect", False), (400, "rejected", False), (401, "unauthorized", True), (403, "forbidden", False),
        (409, "rejected", False), (410, "gone", True), (413, "too_large", False), (429, "too_many_requests", True),
        (500, "server_error", False), (503, "away", True),
    ],
)  # fmt: skip
def test_a_status_is_what_happens_next(status: int, code: str, everybody: bool) -> None:
    found = judge(status, {"Retry-After": "7"}, "routed")
    assert (found.code, isinstance(found, Unavailable)) == (code, everybody)
