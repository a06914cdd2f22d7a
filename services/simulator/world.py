"""The whole simulated world as one sorted list of records to send: a function of the seed and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from baton_schemas.contract import Contract
from baton_schemas.engagement import Campaign, EngagementRecorded, Identifiers, PersonIdentified
from baton_schemas.envelope import envelop
from services.runtime.effects import Send
from services.simulator.journeys import Act, journey, protagonist_journey
from services.simulator.noise import TOPIC, Emission, disturbed, poison
from services.simulator.people import Person, population

SOURCE = "/simulator/marketing"
KeyOf = Callable[[Identifiers], str]


@dataclass(frozen=True, slots=True)
class World:
    """People and what they will do. `emissions` are sorted by the time they are sent."""

    people: list[Person]
    emissions: list[Emission]
    poisoned: int
    length_ms: int

    @property
    def protagonist(self) -> Person:
        return self.people[0]


def build(*, seed: int, people: int, start: int, length_ms: int, key_of: KeyOf) -> World:
    """The world that begins at `start` (Baton ms). One tenth of the records carry a key that is not the person's.

    About nine acts a person; `key_of` is what the marketing tool uses as record key.
    """
    random = Random(seed)
    persons = population(people, random)
    sender = _Sender(start, key_of, random)
    told = list(sender.life(protagonist_journey(persons[0])))
    for person in persons[1:]:
        told += disturbed(sender.life(journey(person, length_ms, random)), length_ms, random)
    for bot in range(max(1, people // 400)):
        told += sender.bot(bot, length_ms)
    bad = poison(told[-1].send, length_ms, random)  # a crawler's, so that nobody's story is touched
    return World(persons, sorted(told + bad, key=lambda emission: emission.at), len(bad), length_ms)


class _Sender:
    """The marketing tool: turns acts into records."""

    def __init__(self, start: int, key_of: KeyOf, random: Random) -> None:
        self._start = start
        self._key_of = key_of
        self._random = random

    def life(self, acts: list[Act]) -> Iterator[Emission]:
        """An act's record; before it, at the first act of a known person, who it is."""
        introduced = False
        for number, act in enumerate(acts):
            if act.known and not introduced:
                introduced = True
                person = _identifiers(act.person, both=act.person.calm)
                data = PersonIdentified(person=person, traits={**act.person.traits, "email": act.person.email})
                yield self._emission(act.at, data, person, f"p{act.person.number}-identify")
            person = _identifiers(act.person, both=act.identifies, known=act.known)
            yield self._emission(act.at, _recorded(act, person), person, f"p{act.person.number}-{number}")

    def bot(self, number: int, length_ms: int) -> Iterator[Emission]:
        """A crawler: one page after the other, every few seconds, prices too."""
        person = Identifiers(anonymous_id=f"crawler-{number}")
        begin = int(self._random.uniform(0.05, 0.8) * length_ms)
        for page in range(120):
            data = EngagementRecorded(
                person=person,
                action="pricing_viewed" if page % 10 == 0 else "page_viewed",
                url=f"https://baton.example/blog/{page}",
                user_agent="Mozilla/5.0 (compatible; ExampleBot/2.1; +https://bot.example)",
            )
            yield self._emission(begin + page * 2000, data, person, f"bot{number}-{page}")

    def _emission(self, at: int, data: Contract, person: Identifiers, id: str) -> Emission:
        headers, value = envelop(data, id=id, source=SOURCE, time=self._start + at)
        known = self._random.random() < 0.9
        key = self._key_of(person) if known else f"session-{self._random.randrange(1 << 32):08x}"
        return Emission(at, Send(TOPIC, key.encode(), value, headers))


def _identifiers(person: Person, *, both: bool, known: bool = True) -> Identifiers:
    if not known:
        return Identifiers(anonymous_id=person.anonymous_id)
    return Identifiers(email=person.email, anonymous_id=person.anonymous_id if both else None)


def _recorded(act: Act, person: Identifiers) -> EngagementRecorded:
    return EngagementRecorded(
        person=person,
        action=act.action,
        properties=dict(act.properties),
        campaign=Campaign(**act.campaign) if act.campaign else None,
        url=act.url,
        user_agent="Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
    )
