"""What `baton connector check` looks at for a webhook: secrets, address, what waits; the receiver only if asked."""

from __future__ import annotations

import asyncio
import secrets
import socket
import stat

from baton_schemas.connectors import ConnectorEndpoint, ConnectorWaiting
from baton_schemas.contract import format_time
from baton_schemas.envelope import from_record
from services.connectors.crm import Finding
from services.connectors.errors import CrmError
from services.connectors.webhook.addresses import is_private
from services.connectors.webhook.message import ping
from services.connectors.webhook.sending import Sender, read_secrets
from services.connectors.webhook.settings import WebhookSettings
from services.connectors.webhook.waiting import TOPIC
from services.connectors.webhook.worker import endpoint_name
from services.runtime.clock import SystemClock
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient


async def check(config: WebhookSettings, client: LogClient, *, send_ping: bool) -> list[Finding]:
    """Everything that can be looked at."""
    findings = [*_secrets(config), await _address(config), *await _on_the_log(config, client)]
    if send_ping and all(each.ok for each in findings if each.what in ("secrets", "address")):
        findings.append(await _ping(config))
    return findings


def _secrets(config: WebhookSettings) -> list[Finding]:
    try:
        read_secrets(config.secret_files)
    except UserError as error:
        return [Finding("secrets", False, str(error))]
    loose = [path.name for path in config.secret_files if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    return [
        Finding("secrets", True),
        Finding("secrets are ours alone", not loose, f"chmod 600 {' '.join(loose)}" if loose else ""),
    ]


async def _address(config: WebhookSettings) -> Finding:
    host, port = config.url.host or "", config.url.port or 443
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError:
        return Finding("address", False, f"{host} has no address: correct the url")
    if any(is_private(str(each[4][0])) is config.private_addresses for each in found):
        return Finding("address", True)
    if config.private_addresses:
        return Finding("address", False, f"{host} is public, and private_addresses: true allows only one's own network")
    return Finding("address", False, f"{host} is inside a private network: private_addresses: true allows that")


async def _on_the_log(config: WebhookSettings, client: LogClient) -> list[Finding]:
    """What the workers noted: whether the receiver is disabled, what waits."""
    latest: dict[bytes, bytes] = {}
    mine = f"{config.name}/".encode()
    async for record in client.read(TOPIC):
        key = record.key or b""
        if not key.startswith(mine):
            continue
        if record.value is None:
            latest.pop(key, None)
        else:
            latest[key] = from_record(record.headers, record.value).data or b""
    said = latest.get(endpoint_name(config.name).encode())
    disabled = None if said is None else ConnectorEndpoint.model_validate_json(said).disabled
    waiting = [
        ConnectorWaiting.model_validate_json(data)
        for key, data in latest.items()
        if key.startswith(mine + b"waiting/")
    ]  # fmt: skip
    codes = ", ".join(sorted({each.code for each in waiting if each.failures}))
    oldest = format_time(min((each.since for each in waiting), default=0))
    mend = f"the receiver is disabled ({disabled}): mend it, then kill -HUP the worker"
    waits = f"{len(waiting)} messages wait, the oldest since {oldest} ({codes})"
    return [
        Finding("enabled", disabled is None, mend if disabled else ""),
        Finding("nothing waits", not waiting, waits if waiting else ""),
    ]


async def _ping(config: WebhookSettings) -> Finding:
    message = ping(f"msg_ping{secrets.token_hex(12)}", SystemClock().now())
    try:
        async with Sender(config) as sender:
            await sender.send(message)
    except CrmError as error:
        return Finding("ping", False, f"{error}: see what the receiver says of it")
    return Finding("ping", True)
