"""People who become leads at a steady rate: each story has so many events, and the last one tips.

Stories overlap like tiles: whatever the rate, one event in `length` makes somebody a lead, at an even pace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from baton_schemas.contract import Contract
from baton_schemas.engagement import EngagementRecorded, Identifiers, PersonIdentified
from baton_schemas.envelope import envelop
from bench.log import SECRET, Keyed
from services.cli.publishing.records import KeyMaker

SOURCE = "/bench/marketing"
SPACING = 10
"""Stories that begin between two events of one."""
_KEYS = KeyMaker(SECRET.encode(), "k1")
_COUNTRIES = (("DE", "BY"), ("FR", "IDF"), ("GB", "ENG"), ("US", "NY"))
_COLLEAGUES = 5


@dataclass(frozen=True, slots=True)
class Tiling:
    """`people` stories of `length` events; `first` numbers the people, so that two tilings share nobody."""

    first: int
    people: int
    length: int = 20

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Person and step of each event, in the order of the log."""
        for block in range(self.people + SPACING * (self.length - 1)):
            for step in range(self.length):
                person = block - SPACING * step
                if 0 <= person < self.people:
                    yield self.first + person, step


def tip_id(person: int, length: int) -> str:
    """The event that makes somebody a lead."""
    return f"{person}-{length - 1}"


def record(person: int, step: int, length: int, at: int) -> Keyed:
    """Step `step` of a person's story. First who it is, then pages and mails, at last the wish to talk."""
    company = person // _COLLEAGUES
    who = Identifiers(email=f"person.{person}@company-{company}.example")
    data: Contract
    if step == 0:
        country, region = _COUNTRIES[company % len(_COUNTRIES)]
        data = PersonIdentified(
            person=who,
            traits={
                "first_name": "Kim",
                "last_name": f"Number {person}",
                "job_title": "Head of Sales Operations",
                "seniority": "head",
                "company": f"Company {company}",
                "company_domain": f"company-{company}.example",
                "country": country,
                "region": region,
                "industry": "software",
                "employees": 420,
            },
        )
    elif step == length - 1:
        data = EngagementRecorded(person=who, action="demo_requested", url="https://baton.example/demo")
    elif step % 3 == 0:
        data = EngagementRecorded(person=who, action="page_viewed", url=f"https://baton.example/blog/{step}")
    else:
        data = EngagementRecorded(person=who, action="email_opened", properties={"campaign": "spring-newsletter"})
    headers, value = envelop(data, id=f"{person}-{step}", source=SOURCE, time=at)
    return _KEYS.person(who).encode(), value, headers
