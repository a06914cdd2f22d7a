"""Wires connectors: from a settings file to the CRM that it describes."""

from __future__ import annotations

from pathlib import Path

from services.connectors.crm import Crm
from services.connectors.settings import ConnectorSettings
from services.connectors.tryton.crm import Tryton
from services.connectors.tryton.settings import TrytonSettings
from services.runtime.documents import parse
from services.runtime.errors import UserError


def tryton_settings(path: Path) -> TrytonSettings:
    """The settings in a file; the password's file is looked for beside it. Raises UserError."""
    found = parse(TrytonSettings, _text(path), str(path))
    return found.model_copy(update={"password_file": path.parent / found.password_file})


def tryton(path: Path) -> tuple[ConnectorSettings, Crm]:
    """The Tryton that a file describes."""
    settings = tryton_settings(path)
    return settings, Tryton(settings)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", fix="name the connector's settings file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text", fix="save it as UTF-8") from error
