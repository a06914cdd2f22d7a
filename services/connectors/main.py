"""Wires connectors: from a settings file to what it describes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict

from baton_schemas.documents.document import Document
from services.connectors.crm import Crm
from services.connectors.drop.settings import CsvSettings
from services.connectors.settings import ConnectorSettings
from services.connectors.tryton.crm import Tryton
from services.connectors.tryton.settings import TrytonSettings
from services.connectors.webhook.settings import WebhookSettings
from services.runtime.documents import parse
from services.runtime.errors import UserError

Which = Literal["tryton", "webhook", "csv"]


class _AnyConnector(Document):
    """Only what tells one kind of settings file from another."""

    model_config = ConfigDict(extra="ignore")

    connector: Which


def which(path: Path) -> Which:
    """Of which connector a file holds the settings. Raises UserError."""
    return parse(_AnyConnector, _text(path), str(path)).connector


def tryton_settings(path: Path) -> TrytonSettings:
    """The settings in a file; the password's file is looked for beside it. Raises UserError."""
    found = parse(TrytonSettings, _text(path), str(path))
    return found.model_copy(update={"password_file": path.parent / found.password_file})


def tryton(path: Path) -> tuple[ConnectorSettings, Crm]:
    """The Tryton that a file describes."""
    settings = tryton_settings(path)
    return settings, Tryton(settings)


def webhook_settings(path: Path) -> WebhookSettings:
    """The settings in a file; the secrets' files are looked for beside it. Raises UserError."""
    found = parse(WebhookSettings, _text(path), str(path))
    return found.model_copy(update={"secret_files": [path.parent / each for each in found.secret_files]})


def csv_settings(path: Path) -> CsvSettings:
    """The settings in a file; the folder is looked for beside it. Raises UserError."""
    found = parse(CsvSettings, _text(path), str(path))
    return found.model_copy(update={"folder": path.parent / found.folder})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", fix="name the connector's settings file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text", fix="save it as UTF-8") from error
