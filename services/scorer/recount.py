"""The log read once more for a look-back: what each identity's own events say under a definition, as packed profiles.

It folds as the scorer does, event by event, under the key of the event's owner. It decides nothing and links nobody:
who belongs to whom is known already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic import ValidationError

from baton_schemas.engagement import PersonUnlinked
from services.runtime.errors import Permanent
from services.runtime.record import LogRecord
from services.scorer import hot, profile
from services.scorer.definition import Rules
from services.scorer.engagement import ENGAGEMENT, fold
from services.scorer.identity import Keyring
from services.scorer.intake import HORIZON_MS, clamp, open_envelope, tie_of
from services.scorer.profile import Profile

_READERS = {model.TYPE: hot.reader(model) for model in ENGAGEMENT}


class Recount:
    """Takes the records of `engagement.events` in any order. `since` (ms) is how far back it looks: at most as long as
    ids are kept. `now_at` gives a record's time as Baton time, `erased_at` when a person asked to be forgotten."""

    def __init__(
        self,
        rules: Rules,
        keyring: Keyring,
        *,
        since: int,
        now_at: Callable[[int], int],
        erased_at: Callable[[bytes], int | None],
    ) -> None:
        self._rules = rules
        self._keyring = keyring
        self._now_at = now_at
        self._erased_at = erased_at
        self.since = since
        self._people: dict[str, bytes] = {}
        self.events = 0

    def take(self, record: LogRecord) -> None:
        """One record; what the scorer refused is passed over."""
        now = self._now_at(record.timestamp)
        try:
            envelope = open_envelope(record)
            read = _READERS.get(envelope.type)
            if read is None:
                return
            event = read(envelope.data)
            at = envelope.time
            if at is None or not now - HORIZON_MS <= at <= now:
                at, _ = clamp(envelope, now)
            if at >= self.since and not isinstance(event, PersonUnlinked):
                self._fold(event, at, tie_of(envelope))
        except (Permanent, ValidationError):
            return

    def people(self) -> Iterator[tuple[str, bytes]]:
        """Everybody who did anything, by key, with the packed profile."""
        yield from sorted(self._people.items())

    def since_of(self, key: str) -> int:
        """From when on a person's events were counted: an erasure ends what was before."""
        return max(self.since, (self._erased_at(key.encode()) or -1) + 1)

    def __len__(self) -> int:
        return len(self._people)

    def _fold(self, event: hot.Event, at: int, tie: bytes) -> None:
        owner, key_bytes, _ = self._keyring.owned(event)
        erased = self._erased_at(key_bytes)
        if erased is not None and at <= erased:
            return
        packed = self._people.get(owner.key)
        one = Profile() if packed is None else profile.unpack(packed)
        fold(one, self._rules, event, at, tie)
        if owner.email is not None and one.email is None:
            one.email = owner.email
        self._people[owner.key] = profile.pack(one)
        self.events += 1
