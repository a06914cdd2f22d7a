"""Puts together what `baton explain` says of a person, as it is or as it was. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from baton_schemas.contract import format_time
from baton_schemas.feedback import ModelPublished
from baton_schemas.leads import LeadScored
from services.cli.explaining.document import Explained, Score
from services.cli.explaining.finding import Found
from services.cli.explaining.rebuilding import Rebuilt
from services.cli.explaining.weighing import weighed
from services.cli.life import Life
from services.runtime.config_set import BrokenSetError
from services.runtime.errors import UserError
from services.runtime.processor import Globals
from services.scorer.configuration import MODELS_TOPIC, compiled
from services.scorer.scope import Definitions


def as_it_is(found: Found, life: Life, tables: Globals, now: int) -> Explained:
    """The person at `now` (Baton ms), read from what the scorer holds. Raises UserError when there is nothing."""
    one = found.people.get(found.root)
    if one is None:
        if not life.records and not life.said:
            raise UserError("nothing of this person is on the log", fix="it may be older than the topics' retention")
        note = "the scorer holds nothing of this person: it was erased, or is older than what the topics keep"
        return _document(found.asked, found.root, found.linked, now, None, life, life.said, [note])
    now = max(now, one.lead.judged_at)
    score = weighed(one, _definitions(tables), now, life.said, _model_at(tables))
    notes = _to_be_judged(score, life.said)
    return _document(found.asked, found.root, found.linked, now, score, life, life.said, notes)


def as_it_was(found: Found, life: Life, past: Rebuilt, then: int) -> Explained:
    """The person at `then` (Baton ms), from what was recomputed. Raises UserError when nothing was known of it."""
    root, linked = past.place_of(found.asked)
    one = past.people.get(root)
    if one is None:
        raise UserError(f"nothing was known of this person at {format_time(then)}", fix="give a later time")
    said, notes = [each for each in past.scored if each.lead == root], [*past.notes]
    if life.said and (not said or _differ(life.said[-1], said[-1])):
        told = life.said[-1]
        notes.append(f"what was published then: grade {told.grade}, {told.score:g} points, at {format_time(told.at)}")
    score = weighed(one, past.definitions, then, said, _model_at(past.tables))
    notes += _to_be_judged(score, said)
    return _document(found.asked, root, linked, then, score, life, said, notes, was=True)


def _to_be_judged(score: Score, said: Sequence[LeadScored]) -> list[str]:
    """What is in force judges a person at its next event or clock; until then it stands as it was judged."""
    if not said or said[-1].versions == score.versions:
        return []
    told = said[-1]
    with_model = f" and model {told.versions.model_version}" if told.versions.model_version else ""
    words = (
        f"grade {told.grade} with {told.score:g} points is what was published, by version "
        f"{told.versions.definition_version}{with_model}; shown is how the person's next event or clock is judged"
    )
    return [words]


def _document(
    asked: str,
    root: str,
    linked: Sequence[str],
    at: int,
    score: Score | None,
    life: Life,
    said: Sequence[LeadScored],
    notes: Sequence[str] = (),
    *,
    was: bool = False,
) -> Explained:
    return Explained(
        person=asked,
        lead=root,
        linked=list(linked),
        at=at,
        rebuilt=was,
        score=score,
        scored=said[-1] if said else None,
        notes=list(notes),
        handoffs=life.handoffs,
        life=[{"type": data.TYPE, **data.model_dump(mode="json", exclude_none=True)} for data in life.records],
    )


def _definitions(tables: Globals) -> Definitions:
    try:
        return compiled(tables)
    except (BrokenSetError, ValidationError) as error:
        raise UserError(f"baton.config: {error}", fix="baton apply config/") from None


def _differ(one: LeadScored, other: LeadScored) -> bool:
    """Whether two scores say something else of the person; when exactly they were said may differ by a hop."""
    return (one.grade, one.qualified, one.versions) != (other.grade, other.qualified, other.versions)


def _model_at(tables: Globals) -> int | None:
    """When the model in force was learnt."""
    packed = next(iter(tables.table(MODELS_TOPIC).values()), None)
    try:
        return None if packed is None else ModelPublished.model_validate_json(packed).at
    except ValidationError:
        return None
