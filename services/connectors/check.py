"""Whether a connector will work, before it does: the CRM by its own word, then the mapping by Baton's configuration."""

from __future__ import annotations

from collections.abc import Mapping

from baton_schemas.documents.reasons import Reasons
from baton_schemas.documents.teams import Teams
from services.connectors.crm import Crm, Finding
from services.connectors.errors import CrmError
from services.connectors.settings import ConnectorSettings
from services.connectors.words import Words
from services.runtime.config_set import ConfigSet
from services.runtime.documents import parse

_MOST_NAMED = 10


async def check(settings: ConnectorSettings, crm: Crm, active: ConfigSet | None) -> list[Finding]:
    """Everything that can be looked at; `active` is the configuration in force, None when there is none."""
    try:
        try:
            await crm.open()
        except CrmError as error:
            return [Finding("log-in", False, f"{error}: check url, database, user and password")]
        findings = list(await crm.check())
        if active is None:
            return [*findings, Finding("Baton's configuration", False, "none is active: baton apply config/")]
        people = await crm.people()
    except CrmError as error:
        return [*findings, Finding("people in sales", False, str(error))]
    finally:
        await crm.close()
    words = Words(settings.mapping, people)
    return [*findings, *reasons(settings, active.of("reasons")), reps(words, active.of("teams"))]


def reasons(settings: ConnectorSettings, documents: Mapping[str, str]) -> list[Finding]:
    """Whether each code that the mapping names is a reason of Baton's, for the answer that it is given with."""
    known = {
        reason.code: frozenset(reason.applies_to)
        for name, text in documents.items()
        for reason in parse(Reasons, text, f"{name}.yaml").reasons
    }
    mapping = settings.mapping
    named = {each.code for each in mapping.reasons} | {each.reason for each in mapping.stages if each.reason}
    named |= {mapping.deleted} if mapping.deleted else set()
    strange = sorted(named - known.keys())
    silent = sorted(known.keys() - named)
    rejections = [each.reason for each in mapping.stages if each.reason and each.means == "rejected"]
    rejections += [mapping.deleted] if mapping.deleted else []
    wrong = sorted(code for code in rejections if code in known and "rejected" not in known[code])
    return [
        Finding("reasons known", not strange, f"Baton's reasons have no {', '.join(strange)}" if strange else ""),
        Finding("reasons reachable", not silent, f"no words lead to {', '.join(silent)}" if silent else ""),
        Finding("reasons fit", not wrong, f"{', '.join(wrong)} can't be said of a rejection" if wrong else ""),
    ]


def reps(words: Words, documents: Mapping[str, str]) -> Finding:
    """Whether the CRM knows each rep."""
    every = [
        rep.id
        for name, text in documents.items()
        for team in parse(Teams, text, f"{name}.yaml").teams
        for rep in team.reps
    ]
    missing = [rep for rep in every if words.owner(rep) is None]
    shown = ", ".join(missing[:_MOST_NAMED]) + (
        f" and {len(missing) - _MOST_NAMED} more" if missing[_MOST_NAMED:] else ""
    )
    return Finding(
        "reps",
        not missing,
        f"the CRM has no {shown}: give them the rep's id as code, or name them in mapping.reps" if missing else "",
    )
