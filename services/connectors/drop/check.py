"""What `baton connector check` looks at for CSV files: the folder, and the mapping by Baton's configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping

from baton_schemas.documents.reasons import Reasons
from baton_schemas.documents.teams import Teams
from services.connectors.crm import Finding
from services.connectors.drop import folder
from services.connectors.drop.settings import CsvSettings
from services.runtime.config_set import ConfigSet
from services.runtime.documents import parse

_PROBE = ".baton-check.csv"


def check(settings: CsvSettings, active: ConfigSet | None) -> list[Finding]:
    """Everything that can be looked at; `active` is the configuration in force, None when there is none."""
    findings = [_folder(settings), _waiting(settings)]
    if active is None:
        return [*findings, Finding("Baton's configuration", False, "none is active: baton apply config/")]
    return [*findings, *_reasons(settings, active.of("reasons")), _reps(settings, active.of("teams"))]


def _folder(settings: CsvSettings) -> Finding:
    """Whether files can be made, renamed and taken away in it."""
    try:
        folder.make(settings.folder)
        for each in (folder.LEADS, folder.SLA, folder.ALERTS, folder.OUTCOMES, f"{folder.OUTCOMES}/{folder.DONE}"):
            probe = settings.folder / each / _PROBE
            folder.write(probe, b"")
            probe.unlink()
    except OSError as error:
        fix = f"{error.strerror}: give the connector's user read and write access to {settings.folder}"
        return Finding("folder", False, fix)
    return Finding("folder", True)


def _waiting(settings: CsvSettings) -> Finding:
    """Dropped files that can't be read."""
    try:
        found = folder.dropped(settings.folder, 0)
    except OSError:
        return Finding("dropped files", False, f"make {settings.folder}/{folder.OUTCOMES} readable")
    closed = [path.name for path in found if not os.access(path, os.R_OK)]
    return Finding("dropped files", not closed, f"make {', '.join(closed[:5])} readable for us" if closed else "")


def _reasons(settings: CsvSettings, documents: Mapping[str, str]) -> list[Finding]:
    known = {reason.code for name, text in documents.items() for reason in parse(Reasons, text, f"{name}.yaml").reasons}
    named = {each.code for each in settings.answers.reasons}
    strange, silent = sorted(named - known), sorted(known - named)
    return [
        Finding("reasons known", not strange, f"Baton's reasons have no {', '.join(strange)}" if strange else ""),
        Finding("reasons reachable", not silent, f"no words lead to {', '.join(silent)}" if silent else ""),
    ]


def _reps(settings: CsvSettings, documents: Mapping[str, str]) -> Finding:
    every = {
        rep.id
        for name, text in documents.items()
        for team in parse(Teams, text, f"{name}.yaml").teams
        for rep in team.reps
    }
    strange = sorted(settings.answers.reps.keys() - every)
    return Finding("reps", not strange, f"no team has {', '.join(strange)}: correct answers.reps" if strange else "")
