"""The score as it was: the scorer itself, in memory, over the person's own events up to a time.

Nothing is estimated. The events are those on the log under the keys of the person's identities, and those that the
scorer sent on to them; definition, model and erasures take turns as they did. Links between identities and the answers
of the account follow from them once more. The same is then done up to the present: if that is not what the scorer
holds, the topics no longer have everything, and the answer says so. Pure: records in, people out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from baton_schemas.configuration import MANIFEST_KEY
from baton_schemas.contract import format_time
from baton_schemas.feedback import ModelPublished
from baton_schemas.leads import LeadScored
from services.cli.story import contract_of
from services.runtime.clock import ManualClock, TimeScale
from services.runtime.config_set import CONFIG_TOPIC, BrokenSetError
from services.runtime.errors import UserError
from services.runtime.memory.engine import MemoryEngine
from services.runtime.memory.tables import Tables
from services.runtime.origin import Origin, origin_of
from services.runtime.processor import Globals
from services.runtime.record import LogRecord
from services.scorer import person
from services.scorer.configuration import ERASURES_TOPIC, MODELS_TOPIC, compiled
from services.scorer.engagement import ENGAGEMENT
from services.scorer.hops import Linked
from services.scorer.identity import Keyring
from services.scorer.person import Person
from services.scorer.processors import ScorerProcessor
from services.scorer.profile import pack
from services.scorer.scope import Definitions

GLOBALS = (CONFIG_TOPIC, MODELS_TOPIC, ERASURES_TOPIC)
INPUTS = ("crm.facts", "engagement.bulk", "engagement.events", "engagement.linked", "leads.recycled")
"""Topics of which the records under the person's keys are needed, and of `crm.facts` also those of its accounts."""
_MOST_HOPS = 8
_ORDER = {topic: place for place, topic in enumerate((*GLOBALS, *INPUTS))}
_SENT_ON = frozenset((Linked.TYPE, *(model.TYPE for model in ENGAGEMENT)))


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """People by key as they were at the time; the scores that were published until then, in order; what judged."""

    people: Mapping[str, Person]
    scored: Sequence[LeadScored]
    definitions: Definitions
    tables: Globals
    notes: Sequence[str]

    def place_of(self, key: str) -> tuple[str, tuple[str, ...]]:
        """The identity that stood for this one, and those that were linked to it."""
        root = root_of(key, self.people)
        held = self.people[root].held if root in self.people else {}
        return root, tuple(source for source, each in held.items() if each.packed is not None)


def root_of(key: str, people: Mapping[str, Person]) -> str:
    """The identity that stands for all that are linked."""
    for _ in range(_MOST_HOPS):
        one = people.get(key)
        if one is None or one.root is None:
            break
        key = one.root
    return key


def rebuilt(
    keyring: Keyring, records: Sequence[LogRecord], at: int, scale: TimeScale, held: Mapping[str, Person]
) -> Rebuilt:
    """Everything as of `at` (Baton ms). `records` are those of GLOBALS and INPUTS up to now, `held` what the scorer
    holds of the person's identities now. Raises UserError when no configuration can be used."""
    ordered = sorted(_needed(records), key=_place)
    first, since = _first_set(ordered)
    start = min((record.timestamp for record in ordered), default=0)
    scorer = ScorerProcessor(keyring)
    engine = MemoryEngine([scorer], clock=ManualClock(min(start, scale.wall(at)), scale), partitions=1)
    for record in first:
        engine.publish(record.topic, record.key, record.value, record.headers)
    rest = [record for record in ordered if record not in first]
    before = [record for record in rest if scale.at(record.timestamp) <= at]
    _run(engine, before)
    engine.advance(max(0, at - engine.clock.now()))
    engine.run_until_idle()
    tables = Tables(engine.log).snapshot(scorer.globals)
    definitions, people = scorer.in_force.definitions(tables), _people(engine)
    scored = [data for record in engine.records("leads.scored") if isinstance(data := contract_of(record), LeadScored)]
    notes = _doubts(ordered, scale, at, definitions, since)
    _run(engine, rest[len(before) :])
    engine.run_until_idle()
    if not _same(held, _people(engine)):
        notes.append(
            "the topics no longer hold all that this person did (or do not yet): the score as it was may differ"
        )
    return Rebuilt(people, scored, definitions, tables, notes)


def _run(engine: MemoryEngine, records: Sequence[LogRecord]) -> None:
    clock = engine.clock
    for record in records:
        engine.advance(max(0, clock.scale.at(record.timestamp) - clock.now()))
        clock.advance(max(0, record.timestamp - clock.wall()))
        engine.publish(record.topic, record.key, record.value, record.headers)


def _needed(records: Sequence[LogRecord]) -> list[LogRecord]:
    """Without what the scorer says anew by itself: profiles of linked identities, events that are here as published."""
    direct = {Origin(each.topic, each.partition, each.offset) for each in records if each.topic == "engagement.events"}
    return [
        record
        for record in records
        if record.topic != "engagement.linked"
        or (_type(record) in _SENT_ON and origin_of(record, record.topic) not in direct)
    ]


def _place(record: LogRecord) -> tuple[int, bool, int, int]:
    """In order of time; at one time what configures comes first, and what the scorer followed from others last."""
    return record.timestamp, _type(record) == Linked.TYPE, _ORDER[record.topic], record.offset


def _type(record: LogRecord) -> str:
    return next((value.decode(errors="replace") for name, value in record.headers if name == "ce_type"), "")


def _first_set(ordered: Sequence[LogRecord]) -> tuple[list[LogRecord], int]:
    """The records that make up the oldest set that can still be read, and since when (wall ms) it was in force. What
    came before it waited for it, or is no longer there."""
    tables: dict[str, dict[bytes, bytes]] = {CONFIG_TOPIC: {}}
    taken: list[LogRecord] = []
    problem = "baton.config: no set is active"
    for record in ordered:
        if record.topic != CONFIG_TOPIC or record.key is None:
            continue
        taken.append(record)
        if record.value is None:
            tables[CONFIG_TOPIC].pop(record.key, None)
            continue
        tables[CONFIG_TOPIC][record.key] = record.value
        if record.key == MANIFEST_KEY.encode():
            try:
                compiled(Globals(tables))
                return taken, record.timestamp
            except (UserError, BrokenSetError, ValidationError) as error:
                problem = str(error)
    raise UserError(problem, fix="baton apply config/")


def _doubts(ordered: Sequence[LogRecord], scale: TimeScale, at: int, judges: Definitions, since: int) -> list[str]:
    """Which words on what judged then are no longer on the topics."""
    notes = []
    if scale.at(since) > at:
        judged_by = ", ".join(f"{each.definition.name} version {each.definition.version}" for each in judges.rules)
        notes.append(
            f"the definition in force then is no longer on the topic; judged by {judged_by}, "
            f"applied {format_time(scale.at(since))}"
        )
    models = [
        model
        for record in ordered
        if record.topic == MODELS_TOPIC and isinstance(model := contract_of(record), ModelPublished)
    ]
    if models and models[0].version > 1 and models[0].at > at:
        notes.append("the model in force then is no longer on the topic; judged by the points as they were signed")
    return notes


def _people(engine: MemoryEngine) -> dict[str, Person]:
    return {
        key.removeprefix(person.PREFIX).decode(): person.unpack(value)
        for key, value in engine.state(ScorerProcessor.name).items()
        if key.startswith(person.PREFIX)
    }


def _same(held: Mapping[str, Person], found: Mapping[str, Person]) -> bool:
    empty = Person()
    return all(pack(one.profile) == pack(found.get(key, empty).profile) for key, one in held.items())
