"""What gives way first when a person is too large: what nobody reads, and the score last."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from services.runtime.metrics import CATALOGUE
from services.scorer import person, profile
from services.scorer.giving_way import Part, days, shortened
from services.scorer.joining import join
from services.scorer.ledger import ALL, Ledger, add, advance
from services.scorer.limit import MOST_BYTES, MOST_PROFILE, fit, read_by
from services.scorer.person import Engaged, Held, Lead, Link, Membership, Person
from services.scorer.profile import Latest, Profile, Value, pack_act, set_trait
from services.scorer.reading import read_lines
from services.scorer.scope import together
from services.scorer.turn import CUT
from tests.unit.scorer.world import DAY, HOUR, NOW, RICH_RULES, World, email, key_of

RICH = together([RICH_RULES])
TODAY = NOW // HOUR


def lived(days: int, each: int = 5, names: tuple[str, ...] = (ALL, "view", "pricing", "click", "demo")) -> Profile:
    """Somebody who did so much on each of the last days."""
    one = Profile()
    for day in reversed(range(days)):
        advance(one.ledger, TODAY - 24 * day)
        for number in range(each):
            for name in names:
                add(one.ledger, name, TODAY - 24 * day, b"%03d%03d" % (day, number))
    return one


def lines_of(*profiles: Profile) -> object:
    return read_lines(RICH_RULES.scorecard, [each.ledger for each in profiles], TODAY)


def test_traits_that_nobody_reads_go_first_the_longest_before_the_others() -> None:
    one = lived(20)
    for name, text in (("seniority", "vp"), ("message", "m" * 900), ("phone", "1" * 900), ("a", "x" * 900)):
        set_trait(one, name, text, 5, b"abcdef")
    for number in range(12):
        set_trait(one, f"unread_{number:02}", "y" * (500 + number), number, b"abcdef")
    before, kept = lines_of(one), dict(one.ledger.lines)
    assert dict(fit(Person(one), RICH)[1]) == {"trait": 8}
    assert "a" not in one.traits
    assert [name for name in one.traits if name.startswith("unread")] == [f"unread_{number:02}" for number in range(5)]
    assert {"seniority", "message", "phone"} <= one.traits.keys()
    assert lines_of(one) == before
    assert one.ledger.lines == kept


def test_ids_of_the_oldest_days_become_numbers_and_the_score_stays_the_same() -> None:
    one = lived(31, each=19, names=(ALL, "view", "pricing"))
    before = lines_of(one)
    gone = fit(Person(one), RICH)[1]
    assert set(gone) == {"ids"}
    assert lines_of(one) == before
    closed = [code for code, held in one.ledger.lines["view"].items() if isinstance(held, int)]
    assert closed == list(one.ledger.lines["view"])[: len(closed)], "the oldest"
    assert sum(isinstance(each, int) for line in one.ledger.lines.values() for each in line.values()) == gone["ids"]
    assert add(one.ledger, "view", closed[0] // 2, b"000000") == "full", "nobody can tell a repeat any more"
    assert lines_of(one) == before


def test_a_day_whose_ids_were_let_go_is_joined_as_what_it_holds() -> None:
    one, other = lived(5), lived(5)
    for line in one.ledger.lines.values():
        line[(TODAY // 24 - 3) * 48 + 1] = 5
    before = lines_of(other)
    join(one, other)
    assert lines_of(one) == before


def test_the_ids_of_linked_identities_are_nobodys_loss() -> None:
    linked = {f"k{place:033}": lived(25) for place in range(4)}
    one = Person(Profile())
    one.held = {source: Held(1, source, profile.pack(each)) for source, each in linked.items()}
    assert len(person.pack(one)) > MOST_BYTES
    before = lines_of(*linked.values())
    assert not fit(one, RICH)[1]
    assert len(person.pack(one)) < MOST_BYTES
    assert lines_of(*(profile.unpack(each.packed or b"") for each in one.held.values())) == before


def test_what_others_publish_costs_an_identity_nothing_that_it_knows() -> None:
    one = Person(lived(20))
    own = profile.pack(one.profile)
    texts = {f"trait_{number}": Latest(1, b"abcdef", "x" * 900) for number in range(8)}
    for place in range(50):
        packed = profile.pack(Profile(traits=dict(texts), acts=[pack_act(NOW - place * DAY, b"abcdef", "view", "")]))
        one.held[f"k{place:033}"] = Held(1, f"k{place:033}", packed, f"h{place:024}" if place == 49 else None)
    one.held = dict(sorted(one.held.items()))
    gone = fit(one, RICH)[1]
    assert profile.pack(one.profile) == own
    assert gone["trait"] == 8 * 50 - sum(len(profile.unpack(each.packed or b"").traits) for each in one.held.values())
    assert len(one.held) == 50 - gone["identity"]
    assert f"k{49:033}" in one.held, "with it would go what was announced"


@pytest.mark.parametrize("value", ["é" * 400, ["🙂" * 90, "b"], ["a" * 100] * 9, "x" * 300])
def test_a_long_value_is_cut_to_what_it_may_take(value: Value) -> None:
    short = shortened(value, 256)
    assert 200 <= len(profile._ENCODER.encode(short)) <= 256
    assert type(short) is type(value)


def test_what_a_definition_looks_at_is_read() -> None:
    read = read_by(RICH)
    assert {"seniority", "employees", "company_domain", "email", "job_title", "phone"} <= read.traits
    assert read.notes == {"message", "pains"}
    assert {ALL, "view", "then_demo.0", "then_demo.1", "quiet", "gone"} <= read.counted


def test_it_is_counted_by_name_and_the_person_judged_by_what_is_kept() -> None:
    ada, world = email("ada"), World()
    key = key_of(ada)
    world.traits(ada, seniority="vp", employees=100)
    world.act(ada, "demo_requested")
    for number in range(30):
        long: dict[str, Any] = {f"long_{number}": "x" * 900}
        world.traits(ada, **long)
    world.run()
    one = world.person(key)
    assert one is not None
    assert len(profile.pack(one.profile)) <= MOST_PROFILE
    kept = [name for name in one.profile.traits if name.startswith("long_")]
    assert world.engine.observed[CUT, ("trait",)] == 30 - len(kept) > 0
    assert len(world.qualified(key)) == 1


def test_parts_are_the_values_of_the_metrics_label() -> None:
    assert CATALOGUE[CUT].labels[0].values == get_args(Part)


def test_an_empty_ledger_has_nothing_to_cut() -> None:
    assert not fit(Person(Profile(Ledger())), RICH)[1]


def test_what_may_still_be_decided_has_its_place() -> None:
    """A person at its limit is told to stop with the longest reason; all that is overwritten is at its longest."""
    one = Person(lived(31, each=19, names=(ALL, "view", "pricing", "click", "demo")))
    packed = profile.pack(lived(9, each=1))
    one.held = {f"k1.{n:032}": Held(1, f"k1.{n:032}", packed, f"h{n:024}") for n in range(60)}
    fit(one, RICH)
    assert one.held
    one.lead = Lead("j" * 30, NOW, "A1", 999, True, 99, "h" * 25, True, 999, NOW, NOW, "c" * 128)
    one.lead.stopped = {each.handoff or "": "r" * 128 for each in one.held.values()}
    one.lead.merged = one.lead.last = "h" * 25
    one.lead.rested_at = one.lead.rests_until = one.lead.announce_at = NOW
    one.lead.rest_reason = one.lead.definition = "r" * 128
    one.lead.history = [(NOW, "A1", 999)] * 6
    one.membership = Membership("k1." + "a" * 32, 99, "t" * 120, 99, True, None)
    one.engaged = Engaged(dict.fromkeys(range(20_000, 20_030), 99_999), (NOW, "A1"), 9, NOW, "k1." + "a" * 32, 9)
    one.link, one.version, one.born = Link("k1." + "a" * 32, NOW, "c" * 128), 9, NOW
    assert len(person.pack(one)) <= MOST_BYTES


def test_a_criterion_of_which_no_day_is_left_is_gone_as_a_whole() -> None:
    """What is left of it would say that it was met, and never when."""
    one = lived(40, each=1)
    advance(one.ledger, TODAY + 24 * 40)
    add(one.ledger, ALL, TODAY + 24 * 40, b"latest")
    for cut in list(days([one], 0)):
        cut.take()
    assert list(one.ledger.lines) == [ALL]
    assert lines_of(one) == []
