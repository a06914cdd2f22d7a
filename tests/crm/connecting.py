"""A connector's settings for the tests' Tryton."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from services.connectors.main import tryton_settings
from services.connectors.tryton.settings import TrytonSettings
from services.simulator.tryton.company import CONNECTOR, password

EXAMPLE = Path(__file__).parents[2] / "config/connectors/tryton.yaml"


def settings_for(url: str, database: str, folder: Path, **changes: Any) -> TrytonSettings:
    """The worked example of config/, for a server at `url`; its files are written into `folder`."""
    return tryton_settings(settings_file(url, database, folder, **changes))


def settings_file(url: str, database: str, folder: Path, **changes: Any) -> Path:
    """The same as a file, for a process."""
    document = yaml.safe_load(EXAMPLE.read_text())
    categories: dict[str, Any] = {
        "do_not_contact": [],
        "disqualified": {},
        "consents": {},
    }  # a new company has no labels
    mapping = document["mapping"] | {"standing": document["mapping"]["standing"] | categories}
    known = {"url": url, "database": database, "user": CONNECTOR, "poll_s": 0.2, "mapping": mapping}
    (folder / document["password_file"]).write_text(password(CONNECTOR))
    file = folder / "tryton.yaml"
    file.write_text(yaml.safe_dump(document | known | changes))
    return file
