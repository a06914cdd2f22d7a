"""Baton itself as it would be installed: topics, a configuration, and services started by their own command."""

from __future__ import annotations

from pathlib import Path

from bench.log import SECRET
from services.cli.applying import publish_set
from services.cli.config_folder import Documents, check_set
from services.cli.services import journalled
from services.cli.system import config_folder, read_checked
from services.runtime.clock import SystemClock
from services.runtime.kafka import admin
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings


async def prepare(settings: Settings, documents: Documents | None = None) -> None:
    """Makes all topics, and applies `documents` (default: those of `config/`)."""
    await admin.apply(settings, plans(settings))
    if documents is None:
        documents = read_checked(config_folder(None))
    else:
        check_set(documents, Path("bench"))
    async with LogClient(settings) as client:
        await publish_set(client, documents, now=SystemClock(settings.scale).now(), by="bench")


def plans(settings: Settings) -> list[admin.TopicPlan]:
    """All topics of a system."""
    return admin.plan(settings, processors=journalled(settings))


def environment(settings: Settings, data_dir: Path) -> dict[str, str]:
    """What `baton worker` needs to work with `settings`."""
    return {
        "BATON_KAFKA": settings.kafka,
        "BATON_PARTITIONS": str(settings.partitions),
        "BATON_TOPIC_PREFIX": settings.topic_prefix,
        "BATON_PERSON_KEY_SECRET": SECRET,
        "BATON_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
        "BATON_HEARTBEAT_MS": str(settings.heartbeat_ms),
        "BATON_DATA_DIR": str(data_dir),
        "BATON_LOG_FORMAT": "json",
    }


def worker(name: str) -> list[str]:
    """The arguments of `python` that run a service."""
    return ["-m", "services.cli", "worker", name]
