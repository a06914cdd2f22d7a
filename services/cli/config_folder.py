"""A folder of YAML documents as one set: which file is of which kind, and whether they hold together.

A file's kind is its name up to the first dash: `teams.yaml`, `definition-b2b.yaml`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from baton_schemas.configuration import ConfigKind
from baton_schemas.documents.campaigns import Campaigns
from baton_schemas.documents.definition import LeadDefinition, near
from baton_schemas.documents.fields import Fields
from baton_schemas.documents.reasons import Reasons
from baton_schemas.documents.signers import Signers
from baton_schemas.documents.sla import SlaPolicies
from services.feedback.reasons import Catalogue
from services.router import checks
from services.runtime.agreement import check_signed, read_signers, remarks, standing
from services.runtime.documents import parse
from services.runtime.errors import UserError
from services.scorer import definition as definitions
from services.scorer.fields import problems as misfits
from services.scorer.scope import at_odds

KINDS: tuple[ConfigKind, ...] = get_args(ConfigKind)
Documents = dict[tuple[ConfigKind, str], str]


def read_folder(folder: Path) -> Documents:
    """The documents in `folder` by kind and file name. Raises UserError with every file that is none."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such directory", fix="name the folder with your YAML files, such as config/")
    documents: Documents = {}
    problems = []
    for path in sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml")):
        kind = _kind(path.stem)
        if kind is None:
            near = difflib.get_close_matches(path.stem.partition("-")[0], KINDS, n=1)
            hint = f"did you mean {near[0]}{path.suffix}?" if near else f"name it {', '.join(KINDS)} (-name).yaml"
            problems.append(f"{path}: no kind of document, {hint}")
            continue
        try:
            documents[kind, path.stem] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{path}: can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}")
    if not documents and not problems:
        problems.append(f"{folder}: no YAML documents")
    if problems:
        raise UserError("\n".join(problems))
    return documents


def definitions_of(documents: Mapping[tuple[ConfigKind, str], str]) -> list[LeadDefinition]:
    """A set's lead definitions, in the order of their files' names."""
    return [definitions.read(text, name) for (kind, name), text in sorted(documents.items()) if kind == "definition"]


def check_set(documents: Mapping[tuple[ConfigKind, str], str], folder: Path, *, signed: bool = True) -> None:
    """Raises UserError with every problem, one a line: `file:line: field: what is wrong`. A draft need not be
    `signed`."""
    problems: list[str] = []
    signers: list[Signers] = []
    if signed:
        problems += _attempt(lambda: signers.append(signers_of(documents, folder)))
    fields: list[Fields | None] = []
    problems += _attempt(lambda: fields.append(fields_of(documents, folder)))
    for (kind, name), text in sorted(documents.items()):
        if kind == "definition":
            problems += _attempt(partial(_signed, text, f"{folder}/{name}.yaml", *signers))
            for each in fields:
                problems += _misfits(text, f"{folder}/{name}.yaml", each)
    for kind in ("definition", "reasons"):
        if not any(each == kind for each, _ in documents):
            problems.append(f"{folder}: {kind}: none - a set needs one, in a file named {kind}.yaml")
    problems += _attempt(partial(_reasons, documents, folder))
    for (kind, name), text in sorted(documents.items()):
        if kind == "campaigns":
            problems += _attempt(partial(parse, Campaigns, text, f"{folder}/{name}.yaml"))
    problems += [f"{folder}/{line}" for line in checks.check(documents)]
    if not problems:
        problems = [f"{folder}{problem}" for problem in _together(documents)]
    if problems:
        raise UserError("\n".join(problems))


def _together(documents: Mapping[tuple[ConfigKind, str], str]) -> list[str]:
    """What is wrong between documents that are right each by itself."""
    agreed = definitions_of(documents)
    problems = [f": {problem}" for problem in at_odds(agreed)]
    tiers = {tier.name: None for definition in agreed for tier in definition.tiers}
    problems += _unknown_reasons(documents, agreed)
    for (kind, file), text in documents.items():
        for policy in parse(SlaPolicies, text, file).policies if kind == "sla" else ():
            for tier in policy.tiers.keys() - tiers.keys():
                fix = f"use one of {', '.join(tiers)}, or its leads get the targets of `otherwise`"
                problems.append(f"/{file}.yaml: policies[{policy.name}].tiers: {tier!r} is no tier - {fix}")
    return problems


def _unknown_reasons(
    documents: Mapping[tuple[ConfigKind, str], str], agreed: Sequence[LeadDefinition]
) -> Iterator[str]:
    known = [
        reason.code
        for (kind, name), text in documents.items()
        if kind == "reasons"
        for reason in parse(Reasons, text, name).reasons
    ]
    for definition in agreed:
        for code in definition.cool_downs:
            if code not in known:
                yield f": definition {definition.name!r}: cool_downs: no reason `{code}`{near(code, known)}"


def remarks_of(documents: Mapping[tuple[ConfigKind, str], str], now: int) -> list[str]:
    """What both teams should know of the definitions of a set that `check_set` has passed."""
    signers = read_signers({name: text for (kind, name), text in documents.items() if kind == "signers"})
    found = []
    for (kind, name), text in sorted(documents.items()):
        if kind == "definition":
            definition = definitions.read(text, name)
            said = remarks(definition, standing(definition, signers).approvals, now)
            found += [f"{definition.name}: {each}" for each in said]
    return found


def signers_of(documents: Mapping[tuple[ConfigKind, str], str], folder: Path) -> Signers:
    """Who may sign, as a folder says. Raises UserError with every problem of the document."""
    found = {name: text for (kind, name), text in documents.items() if kind == "signers"}
    if len(found) == 1:
        return read_signers(found, f"{folder}/{{}}.yaml")
    try:
        return read_signers(found)
    except UserError as error:
        raise UserError(f"{folder}: {error}") from None


def fields_of(documents: Mapping[tuple[ConfigKind, str], str], folder: Path) -> Fields | None:
    """The fields that a company has, or None when no document says. Raises UserError with every problem."""
    found = {name: text for (kind, name), text in documents.items() if kind == "fields"}
    if len(found) > 1:
        raise UserError(f"{folder}: fields: {', '.join(found)}: several at once", fix="put them in one file")
    return next((parse(Fields, text, f"{folder}/{name}.yaml") for name, text in found.items()), None)


def check_definition(definition: LeadDefinition, where: str) -> None:
    """Raises UserError when a definition that is right as a document must not judge leads."""
    if not definition.required:
        fix = "name evidence that a lead needs besides points, or downloads alone earn a sales call"
        raise UserError(f"{where}: required: none - {fix}")


def _signed(text: str, where: str, *signers: Signers) -> None:
    """Without `signers` there is nothing to check signatures against, and that is said elsewhere."""
    definition = definitions.read(text, where)
    check_definition(definition, where)
    try:
        for each in signers:
            check_signed(definition, each)
    except UserError as error:
        raise UserError("\n".join(f"{where}: {line}" for line in str(error).splitlines())) from None


def _misfits(text: str, where: str, fields: Fields | None) -> list[str]:
    """What a definition asks of fields that can't be; a definition that can't be read is told of elsewhere."""
    try:
        definition = definitions.read(text, where)
    except UserError:
        return []
    return misfits(definition, text, where, fields)


def _reasons(documents: Mapping[tuple[ConfigKind, str], str], folder: Path) -> None:
    parsed: list[Reasons] = [
        parse(Reasons, text, f"{folder}/{name}.yaml") for (kind, name), text in documents.items() if kind == "reasons"
    ]
    try:
        Catalogue(parsed)
    except ValueError as error:
        raise UserError(f"{folder}/{error}") from None


def _attempt(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except UserError as error:
        return str(error).splitlines()
    return []


def _kind(stem: str) -> ConfigKind | None:
    first = stem.partition("-")[0]
    return next((kind for kind in KINDS if kind == first), None)
