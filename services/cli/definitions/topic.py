"""Definitions on `baton.config`: proposed, active, retired; and what an apply and a proposal write of them.

A version is named by its content's digest. Proposals and history stand beside the active set and are bounded, so that
the topic stays small: every process reads all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import ValidationError

from baton_schemas.configuration import (
    HISTORY,
    MANIFEST_KEY,
    PROPOSAL,
    ConfigManifest,
    DefinitionProposed,
    DefinitionRecorded,
    Period,
)
from baton_schemas.contract import Contract
from baton_schemas.documents.definition import LeadDefinition, Team
from baton_schemas.documents.signing import content_digest
from baton_schemas.envelope import envelop
from services.cli.definitions.text import with_signatures
from services.runtime.config_set import CONFIG_TOPIC, BrokenSetError, ConfigSet, active_set
from services.runtime.documents import parse
from services.runtime.effects import Send
from services.runtime.errors import UserError
from services.runtime.processor import Globals

MOST_RETIRED, MOST_PROPOSED, MOST_PERIODS = 20, 10, 20
"""Kept for each name: contents that were in force, proposals, and the times that one content was in force."""
SOURCE = "/baton/definition"
State = Literal["proposed", "active", "retired"]
Table = Mapping[bytes, bytes]
C = TypeVar("C", bound=Contract)


@dataclass(frozen=True, slots=True)
class Version:
    """One content of a definition on the topic; `at` is when it was proposed or came into force last."""

    name: str
    number: int
    digest: str
    text: str
    state: State
    at: int
    by: str | None
    periods: tuple[Period, ...] = ()

    @property
    def ref(self) -> str:
        """How to name exactly this one: `b2b-saas@0f4c21d9`."""
        return f"{self.name}@{self.digest[:8]}"


def versions(table: Table, name: str | None = None) -> list[Version]:
    """Every version on the topic, of `name` or of all, the newest first. Records that can't be read are left out."""
    found: dict[tuple[str, str], Version] = {}
    for place, records in _proposals(table).items():
        (known_as, digest), first = place, records[0]
        found[place] = Version(known_as, first.version, digest, _whole(records), "proposed", first.at, first.by)
    active = _active(table)
    for recorded in _all(table, HISTORY, DefinitionRecorded):
        place, last = (recorded.name, recorded.digest), recorded.periods[-1]
        if place not in active and place in found and last.until is not None:
            continue  # proposed again
        state: State = "active" if place in active else "retired"
        periods = tuple(recorded.periods)
        found[place] = Version(
            recorded.name, recorded.version, recorded.digest, recorded.text, state, last.since, last.by, periods
        )
    for (known, digest), (definition, text, manifest) in active.items():
        if (known, digest) not in found or found[known, digest].state != "active":
            period = Period(since=manifest.applied_at, by=manifest.applied_by)
            found[known, digest] = Version(
                known, definition.version, digest, text, "active", period.since, period.by, (period,)
            )
    chosen = [each for each in found.values() if name is None or each.name == name]
    return sorted(chosen, key=lambda each: (each.name, -each.at, each.digest))


def find(table: Table, ref: str) -> Version:
    """The version that `ref` names: NAME (the active one), NAME@2 (its number), or NAME@ and first letters of its
    digest. Raises UserError when there is none or several."""
    name, _, which = ref.partition("@")
    known = versions(table, name)
    if not known:
        names = ", ".join(sorted({each.name for each in versions(table)})) or "none"
        raise UserError(f"{ref}: no such file, and no definition of that name on the topic", fix=f"there are: {names}")
    if which in ("", "active", "proposed"):
        fits = [each for each in known if each.state == (which or "active")]
    else:
        fits = [each for each in known if str(each.number) == which]
        fits = fits or [each for each in known if len(which) >= 4 and each.digest.startswith(which)]
    if len(fits) != 1:
        listed = ", ".join(f"{each.ref} (version {each.number}, {each.state})" for each in known)
        raise UserError(f"{ref}: {'several' if fits else 'none'} of that name", fix=f"name one of {listed}")
    return fits[0]


def proposal(table: Table, text: str, *, now: int, by: str | None, where: str) -> list[Send]:
    """What puts `text` on the topic as a proposal: in the place of an older text of the same content, whose time and
    proposer it keeps; the oldest proposals beyond the bound go. Raises UserError when that content is in force."""
    definition = parse(LeadDefinition, text, where)
    digest = content_digest(definition)
    if (definition.name, digest) in _active(table):
        raise UserError(f"{definition.name}@{digest[:8]}: is in force already", fix="nothing is left to propose")
    known = {place: records for place, records in _proposals(table).items() if place[0] == definition.name}
    older = known.pop((definition.name, digest), None)
    data = DefinitionProposed(
        name=definition.name,
        version=definition.version,
        digest=digest,
        text=text,
        at=now if older is None else older[0].at,
        by=by if older is None else older[0].by,
    )
    latest = sorted(known.values(), key=lambda records: records[0].at, reverse=True)
    gone = [each for records in latest[MOST_PROPOSED - 1 :] for each in records]
    return [_record(data.key, data, now), *_tombstones(gone)]


def signed_proposal(proposed: Version, text: str, team: Team, now: int) -> Send:
    """What puts a team's signature, in `text`, beside a proposal."""
    data = DefinitionProposed(
        name=proposed.name, version=proposed.number, digest=proposed.digest, text=text, at=now, team=team
    )
    return _record(data.key, data, now)


def recorded(table: Table, agreed: Mapping[str, tuple[LeadDefinition, str]], now: int, by: str | None) -> list[Send]:
    """What keeps history when the definitions of `agreed` (by digest, with their text) come into force, or are in
    force: what was before is closed, what was only proposed is no proposal any more.

    An apply that was cut short after its manifest is made up for by the next one.
    """
    before = {each.digest: each for each in _all(table, HISTORY, DefinitionRecorded)}
    after = dict(before)
    for (_, digest), (definition, text, manifest) in _active(table).items():
        if not _open(after.get(digest)):
            period = Period(since=manifest.applied_at, by=manifest.applied_by)
            after[digest] = _with(after.get(digest), definition, digest, text, period)
    for digest, each in after.items():
        if digest not in agreed and _open(each):
            closed = [*each.periods[:-1], each.periods[-1].model_copy(update={"until": now})]
            after[digest] = each.model_copy(update={"periods": closed})
    for digest, (definition, text) in agreed.items():
        fresh = None if _open(after.get(digest)) else Period(since=now, by=by)
        after[digest] = _with(after.get(digest), definition, digest, text, fresh)
    kept = _bounded(after, agreed)
    sends = [_record(each.key, each, now) for digest, each in kept.items() if before.get(digest) != each]
    sends += _tombstones(each for digest, each in before.items() if digest not in kept)
    return sends + _tombstones(each for each in _all(table, PROPOSAL, DefinitionProposed) if each.digest in agreed)


def stands_beside(key: bytes) -> bool:
    """Whether a record is a proposal or history, and so no part of a set. What is coming is neither: an apply ends a
    look-back."""
    return key.startswith((PROPOSAL.encode(), HISTORY.encode()))


def _proposals(table: Table) -> dict[tuple[str, str], list[DefinitionProposed]]:
    """The records of each proposal by name and digest: the proposal itself, then what teams signed beside it."""
    found: dict[tuple[str, str], list[DefinitionProposed]] = {}
    for each in sorted(_all(table, PROPOSAL, DefinitionProposed), key=lambda one: (one.team is not None, one.at)):
        found.setdefault((each.name, each.digest), []).append(each)
    return found


def _whole(records: Sequence[DefinitionProposed]) -> str:
    """The text of a proposal with the signatures that teams put beside it. One that can't be read is left out."""
    text, name = records[0].text, records[0].name
    for each in records[1:]:
        try:
            entries = [one for one in parse(LeadDefinition, each.text, name).signatures if one.team == each.team]
            text = with_signatures(text, parse(LeadDefinition, text, name), entries, name)
        except UserError:
            continue
    return text


def _tombstones(gone: Iterable[DefinitionProposed | DefinitionRecorded]) -> list[Send]:
    return [Send(CONFIG_TOPIC, each.key.encode(), None) for each in gone]


def _active(table: Table) -> dict[tuple[str, str], tuple[LeadDefinition, str, ConfigManifest]]:
    """The definitions of the active set by name and digest; none when it is broken or of another release."""
    try:
        found: ConfigSet = active_set(Globals({CONFIG_TOPIC: table}))
        manifest = ConfigManifest.model_validate_json(table.get(MANIFEST_KEY.encode(), b""))
        read = [(parse(LeadDefinition, text, name), text) for name, text in found.of("definition").items()]
    except (BrokenSetError, UserError, ValidationError):
        return {}
    return {(each.name, content_digest(each)): (each, text, manifest) for each, text in read}


def _with(
    known: DefinitionRecorded | None, definition: LeadDefinition, digest: str, text: str, fresh: Period | None
) -> DefinitionRecorded:
    periods = [*(known.periods if known is not None else []), *([fresh] if fresh is not None else [])]
    return DefinitionRecorded(
        name=definition.name, version=definition.version, digest=digest, text=text, periods=periods[-MOST_PERIODS:]
    )


def _open(known: DefinitionRecorded | None) -> bool:
    return known is not None and known.periods[-1].until is None


def _bounded(all_: Mapping[str, DefinitionRecorded], agreed: Mapping[str, object]) -> dict[str, DefinitionRecorded]:
    """All that is in force, and of each name the latest that were."""
    kept = {digest: each for digest, each in all_.items() if digest in agreed}
    for name in {each.name for each in all_.values()}:
        retired = [each for each in all_.values() if each.name == name and each.digest not in agreed]
        retired.sort(key=lambda each: each.periods[-1].until or 0, reverse=True)
        kept |= {each.digest: each for each in retired[:MOST_RETIRED]}
    return kept


def _all(table: Table, prefix: str, model: type[C]) -> Sequence[C]:
    found = []
    for key, packed in table.items():
        if key.startswith(prefix.encode()):
            try:
                found.append(model.model_validate_json(packed))
            except ValidationError:
                continue
    return found


def _record(key: str, data: Contract, now: int) -> Send:
    headers, value = envelop(data, id=f"{key}:{now}", source=SOURCE, time=now)
    return Send(CONFIG_TOPIC, key.encode(), value, headers)
