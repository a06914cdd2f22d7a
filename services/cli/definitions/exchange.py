"""Reads and writes definitions on a cluster's `baton.config`."""

from __future__ import annotations

from pathlib import Path

from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.documents.signers import Signers
from baton_schemas.documents.signing import content_digest
from services.cli.definitions import topic
from services.cli.definitions.files import read_text
from services.cli.definitions.text import Signing, sign
from services.cli.definitions.topic import Table, Version
from services.runtime.agreement import read_signers
from services.runtime.clock import SystemClock
from services.runtime.config_set import CONFIG_TOPIC, BrokenSetError, active_set
from services.runtime.documents import parse
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.processor import Globals
from services.runtime.settings import Settings


async def table_of(settings: Settings) -> dict[bytes, bytes]:
    """All that is on the topic now."""
    async with LogClient(settings) as client:
        return await client.table(CONFIG_TOPIC)


async def propose(settings: Settings, text: str, by: str | None, where: str) -> Version:
    """Puts a text on the topic as a proposal, and says which version that is."""
    now = SystemClock(settings.scale).now()
    async with LogClient(settings) as client:
        for record in topic.proposal(await client.table(CONFIG_TOPIC), text, now=now, by=by, where=where):
            await client.send(record)
        await client.flush()
        return _of_content(await client.table(CONFIG_TOPIC), text, where)


async def sign_proposal(
    settings: Settings, ref: str, signing: Signing, signers: Path | None
) -> tuple[Version, Signers]:
    """Signs a proposal where it stands: the version with the signature, and the list by which it is valid."""
    now = SystemClock(settings.scale).now()
    async with LogClient(settings) as client:
        table = await client.table(CONFIG_TOPIC)
        version = topic.find(table, ref if "@" in ref else f"{ref}@proposed")
        if version.state != "proposed":
            raise UserError(f"{ref}: is {version.state}", fix="propose what is to be signed")
        listed = signers_of(table, signers)
        text, team = sign(version.text, signing, listed, at=now, where=version.ref)
        await client.send(topic.signed_proposal(version, text, team, now))
        await client.flush()
        return _of_content(await client.table(CONFIG_TOPIC), text, version.ref), listed


def signers_of(table: Table, given: Path | None) -> Signers:
    """Who may sign: the list that was named, else that of the active set. Raises UserError when there is none."""
    if given is not None:
        return parse(Signers, read_text(given), str(given))
    try:
        return read_signers(active_set(Globals({CONFIG_TOPIC: table})).of("signers"))
    except (BrokenSetError, UserError) as error:
        raise UserError(f"no list of signers is in force: {error}", fix="name one: --signers signers.yaml") from None


def _of_content(table: Table, text: str, where: str) -> Version:
    definition = parse(LeadDefinition, text, where)
    return topic.find(table, f"{definition.name}@{content_digest(definition)}")
