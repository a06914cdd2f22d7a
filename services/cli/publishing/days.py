"""A backfill: a file's events as whole days of people, and what an earlier run said of those days and is true no more.

The file may be in any order and larger than memory, so its acts wait in a private SQLite file, which nobody else can
see and which is gone with the process. A day of the file replaces what the same source said of it before: of everybody,
so people whom the file no longer has on that day are told, too, with nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from baton_schemas.backfill import MOST_ACTS, BackfilledAct, DayBackfilled
from baton_schemas.contract import Contract
from baton_schemas.engagement import EngagementRecorded, Identifiers, PersonAliased
from baton_schemas.envelope import from_record
from baton_schemas.keys import IdentifierKind, normalise
from services.cli.publishing.draft import Draft, Refused, content_id
from services.cli.publishing.records import KINDS, MAX_VALUE_BYTES, KeyMaker, to_send
from services.runtime.effects import Send
from services.runtime.record import LogRecord

BULK = "engagement.bulk"
DAY_MS = 86_400_000
_SOURCE, _DAY = "backfill", "day"
"""Extensions of a record's envelope: what an earlier run said is found again by its headers alone."""
_EPOCH = date(1970, 1, 1)
_ROOM = 1000
"""Bytes for what a record holds beside its acts."""
_TABLES = """
create table acts (key text, day int, at int, id text, line int, act text, primary key (key, day, id)) without rowid;
create table people (key text primary key, person text) without rowid;
create table links (key text, kind text, other text, at int, primary key (key, kind, other)) without rowid;
create table said (key text, day int, person text, primary key (key, day)) without rowid;
"""


class Days:
    """Takes a file's drafts in, one by one; then `links`, `days` and `taken_back` are what is to be published.

    `now` (ms) is when the backfill runs; what happened at or after `before` (ms) is left out, and counted.
    """

    def __init__(self, source: str, keys: KeyMaker, *, now: int, before: int | None = None) -> None:
        self.left_out = 0
        self._source = source
        self._keys = keys
        self._now = now
        self._before = before
        self._of_file: frozenset[int] | None = None
        self._rows = sqlite3.connect("")
        self._rows.executescript(_TABLES)

    def close(self) -> None:
        """Forgets everything."""
        self._rows.close()

    def take(self, line: int, draft: Draft) -> Send | None:
        """Takes a draft in; what is no act is to be published as it is. Raises Refused for what no backfill takes."""
        if draft.time is None:
            raise Refused("time", "is required: a backfill says when it was")
        if draft.time > self._now:
            raise Refused("time", "must not be in the future")
        sent = to_send(draft, self._keys)
        if sent.topic != "engagement.events":
            raise Refused("type", "is no engagement event: publish it without --backfill")
        if self._before is not None and draft.time >= self._before:
            self.left_out += 1
            return None
        if not isinstance(draft.data, EngagementRecorded):
            return sent._replace(topic=BULK, key=self._owner(draft.data).encode())
        self._keep(line, draft, draft.data, draft.time)
        return None

    def links(self) -> Iterator[Send]:
        """Who is who by the acts: each pair of identifiers once, with its latest evidence."""
        for key, kind, other, at in self._rows.execute("select * from links order by key, kind, other"):
            person = Identifiers.model_validate_json(self._person(key))
            alias = PersonAliased(person=person, previous=Identifiers.model_validate({kind: other}))
            yield to_send(self._draft(alias, at, key, kind, other), self._keys, topic=BULK)

    def days(self) -> Iterator[tuple[Send, list[int]]]:
        """Each person's days, oldest first; with each the lines for which it has no room."""
        wanted = "select key, day, line, act from acts order by key, day, at, id"
        place: tuple[str, int] | None = None
        acts: list[str] = []
        size, over = 0, list[int]()
        for key, day, line, act in self._rows.execute(wanted):
            if place not in (None, (key, day)):
                yield self._day(*place, acts), over
                acts, size, over = [], 0, []
            place = key, day
            size += len(act.encode()) + 1
            if len(acts) < MOST_ACTS and size <= MAX_VALUE_BYTES - _ROOM:
                acts.append(act)
            else:
                over.append(line)
        if place is not None:
            yield self._day(*place, acts), over

    def hear(self, record: LogRecord) -> None:
        """Takes note of what an earlier run said, if it is of the source and a day of the file."""
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        if headers.get(f"ce_{_SOURCE}") != self._source or record.key is None or record.value is None:
            return
        day = headers.get(f"ce_{_DAY}", "")
        if not day.isdigit() or not self._has_day(int(day)):
            return
        data = DayBackfilled.model_validate_json(from_record(record.headers, record.value).data or b"")
        place = record.key.decode(), int(day)
        if data.acts:
            person = data.person.model_dump_json(exclude_none=True)
            self._rows.execute("insert or replace into said values (?, ?, ?)", (*place, person))
        else:
            self._rows.execute("delete from said where key = ? and day = ?", place)

    def taken_back(self) -> Iterator[Send]:
        """Days of the file on which people did something by what was heard, and nothing by the file."""
        gone = "select * from said where not exists (select 1 from acts a where a.key = said.key and a.day = said.day)"
        for key, day, person in self._rows.execute(gone):
            yield self._said(key, day, person, ())

    def _owner(self, data: Contract) -> str:
        """The key of whom the event belongs to: on this topic nobody sends it on to its owner."""
        sides = [
            _given(side)
            for name in ("person", "previous")
            if isinstance(side := getattr(data, name, None), Identifiers)
        ]
        kind, text = min((side[0] for side in sides), key=lambda first: KINDS.index(first[0]))
        return self._keys.identifier(kind, text)

    def _keep(self, line: int, draft: Draft, data: EngagementRecorded, at: int) -> None:
        (kind, text), *others = _given(data.person)
        key = self._keys.identifier(kind, text)
        act = BackfilledAct(
            source=draft.source,
            id=draft.id,
            time=at,
            action=data.action,
            properties=data.properties,
            campaign=data.campaign,
            url=data.url,
            user_agent=data.user_agent,
        )
        person = Identifiers.model_validate({kind: text}).model_dump_json(exclude_none=True)
        packed = act.model_dump_json(exclude_none=True)
        execute = self._rows.execute
        execute("insert or ignore into people values (?, ?)", (key, person))
        event = f"{draft.source}\0{draft.id}"
        execute("insert or ignore into acts values (?, ?, ?, ?, ?, ?)", (key, at // DAY_MS, at, event, line, packed))
        for kind, other in others:
            execute(
                "insert into links values (?, ?, ?, ?) on conflict do update set at = max(at, excluded.at)",
                (key, kind, other, at),
            )

    def _has_day(self, day: int) -> bool:
        """Whether anybody did something on a day of the file. To be asked when the file is read."""
        if self._of_file is None:
            self._of_file = frozenset(each for (each,) in self._rows.execute("select distinct day from acts"))
        return day in self._of_file

    def _person(self, key: str) -> str:
        (person,) = self._rows.execute("select person from people where key = ?", (key,)).fetchone()
        return str(person)

    def _day(self, key: str, day: int, acts: Iterable[str]) -> Send:
        return self._said(key, day, self._person(key), acts)

    def _said(self, key: str, day: int, person: str, acts: Iterable[str]) -> Send:
        data = DayBackfilled(
            person=Identifiers.model_validate_json(person),
            source=self._source,
            day=(_EPOCH + timedelta(days=day)).isoformat(),
            acts=[BackfilledAct.model_validate_json(act) for act in acts],
        )
        draft = self._draft(data, (day + 1) * DAY_MS - 1, key, day, [each.model_dump_json() for each in data.acts])
        marked = ((_SOURCE, self._source), (_DAY, str(day)))
        return to_send(replace(draft, extensions=marked), self._keys, topic=BULK)

    def _draft(self, data: Contract, at: int, *parts: Any) -> Draft:
        return Draft(data, content_id(data.TYPE, at, *parts), f"/backfill/{self._source}", at)


def _given(who: Identifiers) -> list[tuple[IdentifierKind, str]]:
    """The identifiers that say anything, the strongest first."""
    found = [(kind, text) for kind in KINDS if (text := getattr(who, kind)) is not None and normalise(kind, text)]
    if not found:
        raise Refused("person", "one of email, user_id, anonymous_id must not be blank")
    return found
