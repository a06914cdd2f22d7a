"""What both teams agreed on: definitions whose signatures are those of listed people, over exactly this content (L7).

Every service asks here before it takes up a set, so none of them uses what another one refuses. Pure: who may sign
comes with the set itself, and no clock is asked; `overdue_ms` is told what time it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import lru_cache

from baton_schemas.contract import format_time
from baton_schemas.documents.definition import TEAMS, LeadDefinition, SignatureEntry, Team
from baton_schemas.documents.signers import Signers, key_blob
from baton_schemas.documents.signing import NAMESPACE, canonical_bytes, content_digest
from services.runtime import sshsig
from services.runtime.config_set import ConfigSet
from services.runtime.documents import parse
from services.runtime.errors import UserError

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Approval:
    """A team's valid signature. `by` is name and title as listed; from `until` on (ms) he may not sign."""

    team: Team
    by: str
    at: int
    key: str
    until: int | None = None

    def removed(self, now: int) -> bool:
        """Whether he may not sign any more."""
        return self.until is not None and self.until <= now


@dataclass(frozen=True, slots=True)
class Agreed:
    """A definition that both teams signed."""

    definition: LeadDefinition
    approvals: tuple[Approval, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a definition's signatures go. `missing` are teams that have not signed this content; `refused` says of
    signatures that claim to be for it, by their place in the list, why they are void."""

    approvals: tuple[Approval, ...]
    missing: tuple[Team, ...]
    stale: tuple[Team, ...]
    refused: tuple[tuple[int, str], ...]


def standing(definition: LeadDefinition, signers: Signers) -> Standing:
    """Looks at every signature of a definition."""
    message, digest = canonical_bytes(definition), content_digest(definition)
    approvals, stale, refused = [], [], []
    by_team = {entry.team: entry for entry in definition.signatures}
    for index, entry in enumerate(definition.signatures):
        if entry.digest != digest:
            stale.append(entry.team)
            continue
        try:
            approvals.append(_approval(entry, signers, message))
        except sshsig.NotValidError as error:
            refused.append((index, f"{entry.team}'s signature {error}"))
    missing = tuple(team for team in TEAMS if team not in by_team)
    return Standing(tuple(approvals), missing, tuple(stale), tuple(refused))


def check_signed(definition: LeadDefinition, signers: Signers) -> tuple[Approval, ...]:
    """The approvals of both teams. Raises UserError, one problem a line, unless both have signed exactly this."""
    found, name = standing(definition, signers), definition.name
    problems = [f"definition {name}: signatures: {team} has not signed" for team in found.missing]
    problems += [f"definition {name}: signatures: altered after {team} signed" for team in found.stale]
    problems += [f"definition {name}: signatures.{index}: {why}" for index, why in found.refused]
    if problems:
        fix = f"have it signed: baton definition sign (digest {content_digest(definition)})"
        raise UserError("\n".join(problems), fix=fix)
    return found.approvals


def agreed_in(found: ConfigSet) -> Mapping[str, Agreed]:
    """The definitions of a set by document name. Raises UserError when there is none, or one that is not signed."""
    return _agreed(tuple(found.of("definition").items()), tuple(found.of("signers").items()))


def read_signers(documents: Mapping[str, str], where: str = "{}.yaml") -> Signers:
    """The one document of signers in a set. `where` makes a document's name a file's, for errors. Raises UserError."""
    if len(documents) != 1:
        names = ", ".join(documents) or "none"
        fix = "a set needs exactly one list of who may sign, in a file named signers.yaml"
        raise UserError(f"signers: {names}", fix=fix)
    ((name, text),) = documents.items()
    return parse(Signers, text, where.format(name))


def overdue_ms(definition: LeadDefinition, now: int) -> int:
    """How long ago the last day (UTC) ended on which it should have been looked at; 0 before, or without a date."""
    if definition.review_by is None:
        return 0
    begins = datetime.combine(definition.review_by, time(), UTC)
    return max(0, now - round(begins.timestamp() * 1000) - DAY_MS)


def remarks(definition: LeadDefinition, approvals: Iterable[Approval], now: int) -> Iterator[str]:
    """A review that is overdue and signers who may not sign any more, in words for people: they hold names."""
    if overdue := overdue_ms(definition, now):
        days = 1 + overdue // DAY_MS
        passed = f"review_by: {definition.review_by} is {days} {'day' if days == 1 else 'days'} ago"
        yield f"{passed} - look at it together, set a new date, sign again"
    for each in approvals:
        if each.until is not None and each.removed(now):
            since = format_time(each.until)[:10]
            yield f"signatures: {each.by}, who signed for {each.team}, may not since {since} - have it signed again"


@lru_cache(maxsize=16)
def _agreed(definitions: tuple[tuple[str, str], ...], signers: tuple[tuple[str, str], ...]) -> Mapping[str, Agreed]:
    if not definitions:
        raise UserError("definition: none - a set needs one")
    listed = read_signers(dict(signers), "signers/{}")
    parsed = {name: parse(LeadDefinition, text, f"definition/{name}") for name, text in definitions}
    return {name: Agreed(definition, check_signed(definition, listed)) for name, definition in parsed.items()}


def _approval(entry: SignatureEntry, signers: Signers, message: bytes) -> Approval:
    """Raises NotValidError, which goes on after "marketing's signature" and holds no name: it is logged (L8)."""
    held = signers.holder(entry.key)
    if held is None:
        raise sshsig.NotValidError(f"is by a key that is not listed: {entry.key}")
    team, signer = held
    if team != entry.team:
        raise sshsig.NotValidError(f"is by a key that is listed for {team}: {entry.key}")
    if signer.name != entry.by:
        raise sshsig.NotValidError(f"does not name the holder of its key as he is listed: {entry.key}")
    sshsig.verify(entry.signature, NAMESPACE, message, key_blob(signer.key))
    if signer.until is not None and entry.at >= signer.until:
        raise sshsig.NotValidError(f"was given after its signer was removed: {entry.key}")
    return Approval(entry.team, signer.words, entry.at, entry.key, signer.until)
