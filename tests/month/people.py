"""The people out there: they look around unnamed, ask under a name, and two names may turn out to be one human."""

from __future__ import annotations

import json
from random import Random
from typing import Any, NamedTuple

from baton_schemas.configuration import ErasureRequested
from baton_schemas.envelope import to_headers
from baton_schemas.keys import person_key
from services.runtime.memory import MemoryEngine
from tests.month.company import DAY, DAYS, HOUR, MONDAY
from tests.month.crm import SECRET

COMPANIES, PEOPLE = 9, 14
COUNTRIES = ("DE", "DE", "AT", "GB", "GB", "BR")


class Act(NamedTuple):
    """Somebody does something at `at`: an event of `kind`, whole."""

    at: int
    kind: str
    data: dict[str, Any]


def key_of(email: str) -> str:
    """The person key of an address."""
    return person_key(SECRET, "k1", "email", email)


class Public:
    """Everybody who may become a lead; `acts` is all that they will do in the month, in order of time.

    `same` are the addresses that belong to one human, from when on that is known.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._serial = 0
        self.same: list[tuple[int, str, str]] = []
        self.emails: list[str] = []
        acts: list[Act] = []
        for number in range(PEOPLE):
            acts += self._human(number)
        self.acts = sorted(acts, key=lambda act: act.at)

    def _human(self, number: int) -> list[Act]:
        random = self._random
        company = random.randrange(COMPANIES)
        emails = [f"p{number}{letter}@firm{company}.example" for letter in "ab"[: random.choice([1, 1, 2])]]
        self.emails += emails
        acts: list[Act] = []
        for email in emails:
            acts += self._life(email, company)
        if len(emails) == 2:
            at = MONDAY + random.randrange(2 * DAY, (DAYS - 4) * DAY)
            first, second = (("email", email) for email in random.sample(emails, 2))
            acts.append(Act(at, "person.aliased", {"person": dict([first]), "previous": dict([second])}))
            self.same.append((at, emails[0], emails[1]))
        return acts

    def _life(self, email: str, company: int) -> list[Act]:
        """Visits, now and then a demo request, rarely an opt-out."""
        random = self._random
        who = {"email": email}
        traits = {
            "seniority": random.choice(["director", "director", "clerk"]),
            "employees": random.choice([20, 200, 900]),
            "country": random.choice(COUNTRIES),
            "company": f"Firm {company}",
            "company_domain": f"firm{company}.example",
        }
        first = self._moment(0, DAYS - 8)
        visitor = {"anonymous_id": f"v-{email}"}
        acts = [
            Act(first - random.randrange(DAY), "engagement.recorded", _did(visitor, "page_viewed")),
            Act(first, "person.identified", {"person": {**who, **visitor}, "traits": traits}),
        ]
        for _ in range(random.randint(1, 3)):
            asked = self._moment((first - MONDAY) // DAY, DAYS - 3)
            acts += [
                Act(asked - random.randrange(HOUR), "engagement.recorded", _did(visitor, "page_viewed")),
                Act(asked, "engagement.recorded", _did(who, "demo_requested")),
            ]
        if random.random() < 0.1:
            acts.append(Act(self._moment(3, DAYS - 1), "engagement.recorded", _did(who, "unsubscribed")))
        return acts

    def _moment(self, first: int, last: int) -> int:
        return MONDAY + self._random.randrange(first * DAY, max(first + 1, last) * DAY)


def publish(engine: MemoryEngine, act: Act, id: str) -> None:
    """An event as marketing automation publishes it."""
    headers = to_headers(id=id, source="/site", type=f"baton.{act.kind}.v1", time=act.at)
    engine.publish("engagement.events", None, json.dumps(act.data).encode(), headers)


def erase(engine: MemoryEngine, email: str) -> None:
    """Asks to forget somebody."""
    data = ErasureRequested(person=key_of(email), at=engine.clock.now())
    engine.publish("privacy.erasures", data.person.encode(), data.to_json())


def _did(who: dict[str, str], action: str) -> dict[str, Any]:
    return {"person": who, "action": action}
