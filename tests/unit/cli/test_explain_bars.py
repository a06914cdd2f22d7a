"""What `baton explain` shows of a person: bars, what is missing, why it moved; on pages of any width, and as JSON."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Collection

import pytest
from rich.console import Console

from baton_schemas.leads import LeadScored
from services.cli.explain import show
from services.cli.explaining.bars import Paper, drawn, page
from services.cli.explaining.document import Explained
from services.cli.explaining.finding import Found
from services.cli.explaining.rebuilding import GLOBALS
from services.cli.explaining.telling import as_it_is
from services.cli.life import Life, life_of
from services.runtime.memory.tables import Tables
from services.runtime.record import LogRecord
from tests.unit.scorer.world import DAY, NOW, World, email, key_of

ADA, VISITOR = key_of(email("ada")), key_of({"anonymous_id": "v1"})


def story() -> World:
    """A vice president looks at prices as a visitor, reads, looks for a job, asks for a demo; then time passes."""
    world = World()
    world.act({"anonymous_id": "v1"}, "page_viewed", url="https://us.example/pricing")
    world.act({"anonymous_id": "v1"}, "page_viewed", url="https://us.example/about")
    world.traits({**email("ada"), "anonymous_id": "v1"}, seniority="vp", company="Acme")
    world.run()
    world.engine.advance(DAY)
    for number in range(12):
        world.act(email("ada"), "page_viewed", url=f"/docs/{number}")
    world.act(email("ada"), "careers_viewed")
    world.run()
    world.engine.advance(2 * DAY)
    world.act(email("ada"), "demo_requested", properties={"form": "Ünï\x1b[2J"})
    world.run()
    world.engine.advance(3 * DAY)
    return world


class Memory:
    """The search by key, on the memory engine's log."""

    def __init__(self, world: World) -> None:
        self._engine = world.engine

    async def of_keys(self, topic: str, keys: Collection[bytes]) -> list[LogRecord]:
        return [record for record in self._engine.records(topic) if record.key in keys]


def life(world: World, until: int | None = None) -> Life:
    return asyncio.run(life_of(Memory(world), ADA, (VISITOR,), until=until))


def told(world: World, key: str = ADA) -> Explained:
    people = {each: one for each in (ADA, VISITOR) if (one := world.person(each)) is not None}
    found = Found(key, ADA, (VISITOR,), (ADA, VISITOR), people)
    return as_it_is(found, life(world), Tables(world.engine.log).snapshot(GLOBALS), world.clock.now())


def lines(explained: Explained, paper: Paper) -> list[str]:
    return [text for text, _ in page(explained, paper)]


def test_a_page() -> None:
    shown = "\n".join(line.rstrip() for line in lines(told(story(), VISITOR), Paper(96)))
    assert shown == PAGE.format(ada=ADA, visitor=VISITOR)


PAGE = """\
lead {ada}, with 1 linked identity
asked for as {visitor}, which is the same person
  linked {visitor}

grade B2: 53.9 points = 20.0 fit + 33.9 engagement; qualified, at Sun 08 Mar 09:30 UTC

  +20.0 fit
  +20.0    |#########       Decides
                            seniority = vp, since Monday

  +33.9 engagement
  +28.0    |#############   Asked for a demo, 1 time, last on Thursday, halves every 30 days,
                            cap 45
                            demo requested (Ünï\\x1b[2J) Thu 05 Mar 09:30
   +8.0    |####            Read a page, 14 times, last on Tuesday, halves every 7 days, at its
                            cap of 8
                            page viewed (/docs/2) Tue 03 Mar 09:30; page viewed (/docs/7) Tue 03
                            Mar 09:30; page viewed (/docs/10) Tue 03 Mar 09:30
   -6.6 ###|                Wants a job, 1 time, last on Tuesday, halves every 10 days, cap -18
                            careers viewed Tue 03 Mar 09:30
   +4.5    |##              Saw prices, 1 time, last on Monday, halves every 14 days, cap 18
                            page viewed (/pricing) Mon 02 Mar 09:30

  B2 -> A2: 5 points of fit, such as: Right size (+10)
  B2 -> B1: 6.1 points of engagement, such as: Asked for a demo (+17)
  time alone: grade B3 at Wed 18 Mar 05:00 UTC

from Tue 03 Mar 09:30 to Thu 05 Mar 09:30 UTC: B4 -> B2, 22.5 -> 55.0 points (+32.5)
    +30.0 asked for a demo on Thursday
     +2.2 read a page 8 times, last on Tuesday
     +0.8 longer ago now (wants a job)
     -0.5 nothing new for 3 days (saw prices)

since Thu 05 Mar 09:30 UTC: B2, 55.0 -> 53.9 points (-1.1)
     -2.7 nothing new for 3 days (asked for a demo, saw prices)
     +1.6 longer ago now (wants a job)

judged by small version 1 with the points as they were signed
  signed for marketing by Mia, Mon 12 Jan 10:00 UTC
  signed for sales by Sam, Mon 12 Jan 10:00 UTC"""


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_is_wider_than_the_page(width: int) -> None:
    for blocks in (True, False):
        written = lines(told(story()), Paper(width, blocks))
        assert max(map(len, written)) <= width
        assert any("█" in line for line in written) == blocks


def test_what_nobody_looks_at_is_plain_and_unbroken() -> None:
    file = io.StringIO()
    show(told(story()), life(story()), Console(file=file, width=40, soft_wrap=True, highlight=False))
    shown = file.getvalue()
    assert "Read a page, 14 times, last on Tuesday, halves every 7 days, at its cap of 8" in shown
    assert shown.replace("Ünï", "").isascii()
    assert "\x1b" not in shown


def test_blocks_and_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown() -> str:
        file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        show(told(story()), life(story()), Console(file=file, force_terminal=True, color_system="standard", width=80))
        file.seek(0)
        return file.read()

    assert "█" in shown()
    assert "\x1b[31m" in shown()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "█" not in shown()
    assert "\x1b[31m" not in shown()


@pytest.mark.parametrize(
    ("points", "among", "bar"),
    [
        (10, [10, 5], "############"),
        (0.1, [10, 0.1], "#           "),
        (0, [10, 0], "            "),
        (-5, [10, -5], "####|       "),
        (10, [10, -5], "    |#######"),
        (-1, [10, -5], "   #|       "),
        (-3, [-3], "###########|"),
        (0, [0], "            "),
    ],
)
def test_a_bar_is_as_long_as_its_points_say(points: float, among: list[float], bar: str) -> None:
    assert drawn(points, among, Paper(60)) == bar


def test_the_document_is_what_it_was_and_reads_itself_again() -> None:
    explained = told(story())
    again = Explained.model_validate_json(explained.model_dump_json(exclude_none=True))
    assert again == explained
    assert isinstance(explained.scored, LeadScored)
    assert explained.linked == [VISITOR]


def test_a_handoff_under_another_identity_is_part_of_the_life() -> None:
    world = World()
    visitor = {"anonymous_id": "v1"}
    world.traits(visitor, seniority="vp", employees=200, email="ada@example.com")
    world.act(visitor, "demo_requested")
    world.run()
    (own,) = world.qualified()
    world.engine.advance(DAY)
    world.traits({**email("ada"), **visitor})
    world.run()
    assert own.lead == VISITOR
    assert own.handoff in life(world).handoffs
    assert [line.at for line in life(world).lines] == sorted(line.at for line in life(world).lines)
    assert life(world, until=own.at - 1).handoffs == []


def test_a_person_without_state_has_a_life_all_the_same() -> None:
    world = story()
    explained = as_it_is(Found(ADA, ADA, (), (ADA,), {}), life(world), Tables(world.engine.log).snapshot(GLOBALS), NOW)
    assert explained.score is None
    assert "the scorer holds nothing of this person" in explained.notes[0]
