"""What a person does over the simulated days: visits, mails, forms, webinars, in sessions within a working day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import exp
from random import Random

from services.simulator.people import Person

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

_PAGES = (
    "/",
    "/product",
    "/product/routing",
    "/customers",
    "/blog/handoff",
    "/blog/sla",
    "/docs",
    "/about",
    "/careers",
)
_MAILS = ("spring-newsletter", "handoff-guide", "webinar-invitation", "customer-story")
_CAMPAIGNS = ({"name": "handoff-guide", "source": "newsletter", "medium": "email"},
              {"name": "brand", "source": "search", "medium": "cpc"}, None, None)  # fmt: skip

# action: (weight of the idle, weight of the keen); the keen ask for prices and demos
_ACTS = {
    "page_viewed": (50, 42), "email_opened": (22, 14), "email_clicked": (7, 9), "content_downloaded": (8, 5),
    "webinar_registered": (3, 4), "webinar_attended": (1, 5), "pricing_viewed": (2, 11), "form_submitted": (1, 4),
    "demo_requested": (0.05, 2.5),
}  # fmt: skip
IDENTIFYING = ("form_submitted", "webinar_registered", "demo_requested", "content_downloaded")


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person did at `at` (ms since the world began). `identifies`: it said who it is, from here on."""

    person: Person
    at: int
    action: str
    known: bool
    identifies: bool = False
    properties: dict[str, str | int] = field(default_factory=dict)
    campaign: dict[str, str] | None = None
    url: str | None = None


def keenness(person: Person) -> float:
    """From 0 (idle) to 1 (about to buy), out of the hidden intent."""
    return 1 / (1 + exp(-1.6 * (person.intent - 0.9)))


def journey(person: Person, length_ms: int, random: Random) -> list[Act]:
    """The person's acts in order of time, over a world of `length_ms`."""
    keen = keenness(person)
    count = 2 + int(random.expovariate(1 / (5.2 + 9 * keen)))
    moments = sorted(_moments(count, length_ms, random))
    weights = [idle + keen * (eager - idle) for idle, eager in _ACTS.values()]
    known = not person.calm
    acts: list[Act] = []
    for index, at in enumerate(moments):
        action = random.choices(list(_ACTS), weights)[0]
        if not known and action.startswith("email"):
            action = "page_viewed"  # nobody can write to a stranger
        if index == count - 1 and keen > 0.75 and random.random() < 0.5:
            action = "demo_requested"
        identifies = action in IDENTIFYING and not known
        known = known or identifies
        acts.append(_act(person, at, action, random, known=known, identifies=identifies))
    return acts


def protagonist_journey(person: Person) -> list[Act]:
    """A good story: visits, a webinar that says who she is, a paper, then the wish to talk; prices while she waits."""
    script = (
        (3, "page_viewed", False, "/blog/handoff"),
        (9, "page_viewed", False, "/product/routing"),
        (16, "webinar_registered", True, "/webinars/sla"),
        (22, "email_opened", True, None),
        (23, "email_clicked", True, None),
        (31, "webinar_attended", True, "/webinars/sla"),
        (43, "content_downloaded", True, "/guides/handoff"),
        (52, "form_submitted", True, "/contact"),
        (140, "pricing_viewed", True, "/pricing"),
        (400, "pricing_viewed", True, "/pricing"),
    )
    wish: dict[str, str | int] = {
        "message": "We lose leads between marketing and sales; can you show us the SLA clocks?",
        "pains": "leads wait for days",
        "current_supplier": "spreadsheets",
    }
    acts = []
    for minute, action, known, path in script:
        identifies = action == "webinar_registered"
        properties = wish if action == "form_submitted" else {}
        url = f"https://baton.example{path}" if path else None
        acts.append(Act(person, minute * MINUTE_MS, action, known, identifies, properties, None, url))
    return acts


def _act(person: Person, at: int, action: str, random: Random, *, known: bool, identifies: bool) -> Act:
    properties: dict[str, str | int] = {}
    url = None
    if action.startswith("email"):
        properties["campaign"] = random.choice(_MAILS)
    elif action == "pricing_viewed":
        url = "https://baton.example/pricing"
    elif action == "page_viewed":
        url = "https://baton.example" + random.choice(_PAGES)
    elif action == "demo_requested":
        properties["message"] = random.choice(("please show us", "we compare three vendors", "budget is there"))
    return Act(person, at, action, known, identifies, properties, random.choice(_CAMPAIGNS), url)


def _moments(count: int, length_ms: int, random: Random) -> Iterator[int]:
    """Times of acts: a few sessions by day, each with a handful of acts some minutes apart."""
    made = 0
    while made < count:
        start = random.uniform(0, length_ms * 0.9)
        for _ in range(min(1 + int(random.expovariate(0.4)), count - made)):
            yield min(int(start), length_ms)
            start += random.uniform(0.3, 6) * MINUTE_MS
            made += 1
