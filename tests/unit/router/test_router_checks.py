"""What `baton apply` refuses, with the sentence that a person reads; and that the worked example passes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from baton_schemas.configuration import ConfigKind
from services.router.checks import check, rules_of
from services.router.territories import profile
from services.runtime.errors import UserError
from tests.unit.router.story import DOCUMENTS

KINDS: tuple[ConfigKind, ...] = ("territories", "teams", "calendars", "sla")
CONFIG = Path(__file__).parents[3] / "config"


def documents(**changed: str) -> Mapping[tuple[ConfigKind, str], str]:
    texts = {**DOCUMENTS, **changed}
    return {(kind, kind): texts[kind] for kind in KINDS}


def example() -> Mapping[tuple[ConfigKind, str], str]:
    return {(kind, kind): (CONFIG / f"{kind}.yaml").read_text() for kind in KINDS}


def test_the_worked_example_and_the_stories_pass() -> None:
    assert check(example()) == []
    assert check(documents()) == []


@pytest.mark.parametrize(
    ("country", "region", "employees", "industry", "territory"),
    [
        ("DE", "BY", 120, "software", "dach"),
        ("Germany", None, None, None, "dach"),
        ("AT", "W", 120, "Manufacturing ", "dach-manufacturing"),
        ("AT", "W", 1000, "manufacturing", "enterprise"),
        ("FR", "IDF", 999, "software", "france"),
        ("IE", None, None, None, "uk-ireland"),
        ("US", "NY", 35, "retail", "us-east"),
        ("us", "us-ca", 35, "retail", "us-west"),
        ("United States", "California", 35, "retail", "us-west"),
        ("US", None, 35, "retail", "us"),
        ("US", "nowhere", 35, "retail", "us"),
        ("PL", "MZ", 35, "retail", "rest-of-world"),
        (None, None, None, None, "rest-of-world"),
    ],
)
def test_the_worked_example_sends_leads_where_a_person_would(
    country: str | None, region: str | None, employees: int | None, industry: str | None, territory: str
) -> None:
    match = rules_of(example(), "s").territories.match(profile(country, region, employees, industry))
    assert match is not None
    assert match.territory.name == territory


def test_every_state_of_the_us_lies_in_exactly_one_territory_of_the_example() -> None:
    rules = rules_of(example(), "s")
    for state in "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC".split():  # noqa: E501, SIM905
        match = rules.territories.match(profile("US", state, None, None))
        assert match is not None
        assert match.territory.name in ("us-east", "us-west"), state


SOUTH = "  - {name: south, countries: [DE, CH], team: dach, pool: inbound, policy: standard}\n"
FOR_EVER = "absences: [{from: 2026-03-05, until: 9999-12-31}]"
BACKWARDS = "absences: [{from: 2026-03-05, until: 2026-03-01}]"
BAVARIA = "  - {name: by, countries: [DE], regions: [BY], team: dach, pool: inbound, policy: standard}\n"
BY_REGION = ("dach, countries: [DE, AT]", "dach, countries: [DE], regions: [BY]")


@pytest.mark.parametrize(
    ("kind", "old", "new", "says"),
    [
        ("territories", "", SOUTH, "territories 'dach' and 'south' overlap: a lead with country DE"),
        ("territories", "elsewhere: unrouted\n", "", "nobody takes a lead with country BR"),
        ("territories", "dach, countries: [DE, AT]", "dach, countries: [AT]", "lead with country DE, region"),
        ("territories", *BY_REGION, "nobody takes a lead with country DE, region BB"),
        ("territories", "team: dach", "team: dahc", "territories[dach].team: 'dahc' is no team - use one of big, dach"),
        ("territories", "pool: inbound", "pool: out", "territories[dach].pool: 'out' is no pool of team 'dach'"),
        ("territories", "policy: standard", "policy: gold", "territories[dach].policy: 'gold' is no SLA policy"),
        ("territories", "[DE, AT]", "[DE, UK]", "territories[dach].countries: 'UK' is no country - write GB"),
        ("territories", "", BAVARIA.replace("[BY]", "[XX]"), "territories[by].regions: 'XX' is no part of DE"),
        ("territories", "", BAVARIA.replace("[DE]", "[DE, AT]"), "`regions` need exactly one country"),
        ("territories", "[DE, AT]", "[DE, NO]", "put them in quotes"),
        ("territories", "countries: [DE, AT]", "catch_all: true, countries: [DE]", "a catch-all has no conditions"),
        ("territories", "countries: [DE, AT], ", "", "say `catch_all: true`"),
        ("territories", "countries: [DE, AT]", "contries: [DE, AT]", "unknown field, did you mean `countries`?"),
        ("teams", "{id: pia, c", "{id: ann, capacity: 2}, {id: pia, c", "teams[big].reps: 'ann' is also in"),
        ("teams", "{rep: cyn}", "{rep: cyndi}", "'cyndi' is not in `reps` of team 'dach'"),
        ("teams", "{id: pia, c", "{id: pia@us.example, c", "give the CRM's id of the rep"),
        ("teams", "{id: pia, c", "{id: pia, absences: [], capacity: yes}, {id: zoe, c", "capacity: give a number"),
        ("teams", "members: [{rep: pia}]", "members: []", "teams.1.pools.0.members"),
        ("teams", "capacity: 2", "capacity: 0", "teams[big].pools[named]: no member has capacity"),
        ("teams", "calendar: berlin", "calendar: bonn", "teams[dach].calendar: 'bonn' is no calendar - use one"),
        ("teams", "ann, capacity: 3", "ann, capacity: 3, " + BACKWARDS, "`until` is before `from`"),
        ("teams", "ann, capacity: 3", "ann, capacity: 3, " + FOR_EVER, "who is gone for good leaves `reps`"),
        ("calendars", 'mon-fri: ["09:00-17:00"]', "", "has no open time"),
        ("calendars", "09:00-17:00", "09:00-09:01", "360 business minutes are over a year in calendar 'berlin'"),
        ("sla", "otherwise: warm", "otherwise: cold", "otherwise: 'cold' is not in `tiers`"),
        ("sla", "warn_at: 0.5", "warn_at: 1.5", "warn_at"),
        ("sla", "", "contact_pressure: {}", "contact_pressure: limits nothing: say `per_person`, `per_account`"),
        ("sla", "", "contact_pressure: {per_person: {handoffs: 2, days: 91}}", "contact_pressure.per_person.days"),
        ("sla", "", "contact_pressure: {per_acount: {handoffs: 2, days: 9}}", "did you mean `per_account`?"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_with_field_and_fix(kind: str, old: str, new: str, says: str) -> None:
    text = DOCUMENTS[kind].replace(old, new, 1) if old else DOCUMENTS[kind] + new
    problems = check(documents(**{kind: text}))
    assert any(says in problem for problem in problems), problems


def test_every_problem_is_said_at_once() -> None:
    broken = documents(
        teams=DOCUMENTS["teams"].replace("calendar: berlin", "calendar: bonn"),
        territories=DOCUMENTS["territories"].replace("policy: standard", "policy: gold"),
    )
    assert len(check(broken)) == 4
    with pytest.raises(UserError, match=r"(?s)bonn.*gold"):
        rules_of(broken, "s")


def test_a_set_needs_one_document_of_each_kind() -> None:
    assert check({("teams", "teams"): DOCUMENTS["teams"]}) == [
        "territories: none - a set has exactly one document of this kind",
        "calendars: none - a set has exactly one document of this kind",
        "sla: none - a set has exactly one document of this kind",
    ]
