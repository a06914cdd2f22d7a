"""What `up` and the demo do before the services start: topics, configuration, the secret; each step only if needed."""

from __future__ import annotations

from pathlib import Path

import services
from baton_schemas.configuration import MANIFEST_KEY
from services.cli.applying import Changes, publish_set
from services.cli.config_folder import Documents, check_set, read_folder
from services.cli.services import journalled
from services.runtime.clock import SystemClock
from services.runtime.config_set import CONFIG_TOPIC
from services.runtime.errors import UserError
from services.runtime.kafka import admin
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings


def config_folder(given: Path | None) -> Path:
    """The folder to apply: what was named, else `config/` here, else the worked example of the source tree."""
    if given is not None:
        return given
    for folder in (Path("config"), Path(services.__file__).parents[1] / "config"):
        if (folder / "definition.yaml").exists():
            return folder
    raise UserError("no configuration: there is no config/ here", fix="name a folder with --config")


def read_checked(folder: Path) -> Documents:
    """The documents of a folder, after all checks."""
    documents = read_folder(folder)
    check_set(documents, folder)
    return documents


async def create_topics(settings: Settings) -> list[str]:
    """Creates and corrects topics; returns those touched."""
    return await admin.apply(settings, admin.plan(settings, processors=journalled(settings)))


async def apply_first(settings: Settings, folder: Path | None) -> Changes | None:
    """Applies a folder if no set is active yet; None when there is one."""
    async with LogClient(settings) as client:
        manifest = MANIFEST_KEY.encode()
        active = [r.value async for r in client.read(CONFIG_TOPIC) if r.key == manifest]
        if active and active[-1] is not None:
            return None
        documents = read_checked(config_folder(folder))
        return await publish_set(client, documents, now=SystemClock(settings.scale).now(), by="baton up")
