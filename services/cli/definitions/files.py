"""A definition as a file: read, checked, written back; and the list of who may sign that stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.documents.fields import Fields
from baton_schemas.documents.signers import Signers
from services.cli.config_folder import check_definition
from services.runtime.agreement import Standing, remarks, standing
from services.runtime.documents import line_of, parse
from services.runtime.errors import UserError
from services.scorer.fields import problems as misfits


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check found. `problems` keep it from being applied and are mistakes; `warnings` are what is left to do."""

    definition: LeadDefinition | None
    standing: Standing | None
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def check(text: str, where: str, signers: Signers | None, now: int, fields: Fields | None = None) -> Findings:
    """Everything that is wrong with a text, a line each with line, field and fix; and what is left to do.

    With `fields`, conditions may look at these alone, each as its type allows.
    """
    try:
        definition = parse(LeadDefinition, text, where)
    except UserError as error:
        return Findings(None, None, tuple(str(error).splitlines()), ())
    problems, warnings = misfits(definition, text, where, fields), []
    try:
        check_definition(definition, where)
    except UserError as error:
        problems += str(error).splitlines()
    for field, fix in (
        ("review_by", "name the day by which both teams look at it again"),
        ("liaisons", "name one person of each team, and how to reach him"),
    ):
        if getattr(definition, field) is None:
            warnings.append(f"{where}: {field}: none - {fix}")
    if signers is None:
        fix = "list who may sign in signers.yaml beside it, or name the list: --signers"
        warnings.append(f"{where}: signatures: can't be checked, there is no list of signers - {fix}")
        return Findings(definition, None, tuple(problems), tuple(warnings))
    found = standing(definition, signers)
    for index, why in found.refused:
        line = line_of(text, ("signatures", index))
        problems.append(f"{where}:{line}: signatures.{index}: {why} - take it out, or have it signed again")
    fix = f"baton definition sign {where}"
    warnings += [f"{where}: signatures: {team} has not signed - {fix}" for team in found.missing]
    for index, entry in enumerate(definition.signatures):
        if entry.team in found.stale:
            line = line_of(text, ("signatures", index))
            warnings.append(f"{where}:{line}: signatures.{index}: altered after {entry.team} signed - {fix}")
    for said in remarks(definition, found.approvals, now):
        line = line_of(text, (said.partition(":")[0],))
        warnings.append(f"{where}:{line}: {said}")
    return Findings(definition, found, tuple(problems), tuple(warnings))


def read_text(file: Path) -> str:
    """The text of a file. Raises UserError when it can't be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error


def write_text(file: Path, text: str) -> None:
    """Replaces a file, whole or not at all."""
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)


def signers_beside(file: Path, given: Path | None) -> Signers | None:
    """Who may sign: the list that was named, else the one beside the file; None when there is none."""
    if given is None:
        given = next((path for path in sorted(file.parent.glob("signers*.y*ml"))), None)
    return None if given is None else parse(Signers, read_text(given), str(given))


def fields_beside(file: Path) -> Fields | None:
    """The fields that the company has: the list beside the file; None when there is none."""
    found = sorted(path for path in file.parent.glob("fields*.y*ml") if path.stem.partition("-")[0] == "fields")
    return parse(Fields, read_text(found[0]), str(found[0])) if found else None
