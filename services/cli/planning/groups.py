"""Who can be replayed apart from whom: people who share an identity or a company stay together, all others need not.

So a replay can be cut into parts for as many processes as there are, and each part is small enough to stay near the
processor. What an event says of its people is read by the scorer's own keys; an event that names nobody who can be read
goes by its record's key, and is refused there as it would be anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from baton_schemas.engagement import PersonAliased, PersonUnlinked
from services.runtime.errors import Permanent
from services.runtime.record import LogRecord
from services.scorer.hot import Traits, Who
from services.scorer.identity import Keyring

FACTS = "crm.facts"
_OF_TWO = {model.TYPE.encode(): model for model in (PersonAliased, PersonUnlinked)}
_COMPANY = ("company_domain", "account", "domain")
"""Under these names a person's company is told."""


class _Ids(msgspec.Struct, gc=False):
    email: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None


class _Said(msgspec.Struct, gc=False):
    person: _Ids
    account: object = None
    traits: dict[str, object] | None = None
    properties: dict[str, object] | None = None


def parts(records: Sequence[LogRecord], keyring: Keyring, most: int) -> list[list[int]]:
    """The places of the records, cut into up to `most` parts that can be replayed apart; in their order within each."""
    found = _Found()
    roots = [found.root(found.of_record(record, keyring)) for record in records]
    members: dict[int, list[int]] = {}
    for place, number in enumerate(roots):
        members.setdefault(found.root(number), []).append(place)
    size = -(-len(records) // most)
    cut: list[list[int]] = []
    for places in members.values():
        if not cut or (len(cut[-1]) + len(places) > size and len(cut) < most):
            cut.append([])
        cut[-1] += places
    for part in cut:
        part.sort()
    return cut


class _Found:
    """Which names belong together (union and find): keys of people, companies, records."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._above: list[int] = []
        self._seen: dict[tuple[str | None, str | None, str | None], int] = {}

    def of_record(self, record: LogRecord, keyring: Keyring) -> int:
        """The group of a record so far, joined with whom it names."""
        if record.topic == FACTS or record.value is None:
            return self._number((record.key or b"").decode(errors="replace"))
        for name, kind in record.headers:
            if name == "ce_type" and kind in _OF_TWO:
                return self._all(_named_by_two(_OF_TWO[kind], record, keyring), record)
        try:
            said = _DECODE(record.value)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return self._all((), record)
        who = said.person
        known = (who.email, who.user_id, who.anonymous_id)
        number = self._seen.get(known)
        if number is None:
            number = self._seen[known] = self._all(_keys(known, keyring), record)
        if said.account is not None or said.traits or said.properties:
            for company in _companies(said):
                self._join(number, self._number(keyring.account(company)))
        return number

    def root(self, number: int) -> int:
        """The number that stands for a group."""
        above = self._above
        while above[number] != number:
            above[number] = above[above[number]]
            number = above[number]
        return number

    def _all(self, keys: Sequence[str], record: LogRecord) -> int:
        numbers = [self._number(key) for key in keys] or [self._number((record.key or b"").decode(errors="replace"))]
        for other in numbers[1:]:
            self._join(numbers[0], other)
        return numbers[0]

    def _number(self, name: str) -> int:
        number = self._numbers.setdefault(name, len(self._above))
        if number == len(self._above):
            self._above.append(number)
        return number

    def _join(self, one: int, other: int) -> None:
        first, second = self.root(one), self.root(other)
        if first != second:
            self._above[second] = first


def _keys(known: tuple[str | None, str | None, str | None], keyring: Keyring) -> Sequence[str]:
    """The keys of whom an event names."""
    try:
        owned = keyring.owned(Traits(Who(*known)))
    except Permanent:
        return ()
    return (owned.owner.key, *owned.weaker)


def _named_by_two(model: type[PersonAliased | PersonUnlinked], record: LogRecord, keyring: Keyring) -> Sequence[str]:
    """The keys of whom an event names that is of two: one that can't be read is of nobody."""
    try:
        event = model.model_validate_json(record.value or b"")
        if isinstance(event, PersonUnlinked):
            return keyring.unlinked(event)
        owned = keyring.owned(event)
    except (ValueError, Permanent):
        return ()
    return (owned.owner.key, *owned.weaker)


def _companies(said: _Said) -> Iterator[str]:
    """What may be taken for the person's company."""
    if said.account:
        yield str(said.account)
    for told in (said.traits, said.properties):
        for name in _COMPANY:
            if told and told.get(name):
                yield str(told[name])


_DECODE = msgspec.json.Decoder(_Said).decode
