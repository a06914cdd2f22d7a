"""From somebody's clicks to a rep's screen and back, with everything real: sales in two stages, and two who are one.

All acts are people's: a file of a marketing tool's calls goes in by `baton publish`, reps work in Tryton under their
own log-ins. What is asked for is what they see there, and what Baton's topics say beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import aiohttp
import pytest

from baton_schemas.crm import AccountFacts, AccountStanding
from baton_schemas.feedback import InsightReported
from baton_schemas.keys import account_key, sale_id
from baton_schemas.routing import LeadRouted, SlaEvent
from services.cli.verify import drained
from services.runtime.embedded.broker import Broker
from services.simulator.tryton.rpc import Session
from tests.connectors.running import PATIENCE_S, until
from tests.crm.installation import CONFIG, Installation, OnScreen, installed, on_screen
from tests.crm.office import Office

pytestmark = [pytest.mark.kafka, pytest.mark.crm, pytest.mark.asyncio, pytest.mark.timeout(300)]
BDRS = {"bdr-101", "bdr-102"}
"""Who qualifies German leads, by config/examples/two-stages."""
AES = {"ae-111", "ae-112"}
"""Who sells to them."""


@pytest.fixture(scope="module")
def company(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Where BDRs qualify and AEs sell. Both tests live there: look only at what the test itself brought in."""
    assert kafka.bootstrap is not None
    room = tmp_path_factory.mktemp("company")
    with installed(kafka.bootstrap, f"{room.name}.", CONFIG / "examples/two-stages", room) as found:
        yield found


@pytest.fixture
def floor(http: aiohttp.ClientSession, company: Installation) -> Office:
    """Its people."""
    return Office(http, company.server)


async def test_a_bdr_qualifies_and_an_ae_goes_on_with_what_he_wrote(company: Installation, floor: Office) -> None:
    boss = await floor.login("mgr-10")
    email = "ada.lang@tide-works.example"
    await company.publish("interest", *interest(email))
    offered = await appears(boss, email)
    assert offered.rep in BDRS
    assert offered.state == "lead"
    bdr = await floor.rep(offered.rep or "")

    await bdr.qualify(offered.id)
    await steps(company, offered.handoff, "first_touch", ["started", "met"])
    await steps(company, offered.handoff, "disposition", ["started"])
    await bdr.note(offered.id, "called: Two teams, budget is there")
    await bdr.note(offered.id, "pain: leads wait for days")
    await bdr.convert(offered.id)

    second = sale_id(offered.handoff)
    await until(partial(on_screen, boss, ["reference", "=", second]), "a record for the AE")
    first, sale = await on_screen(boss, ["contact.value", "=", email])
    assert (sale.handoff, sale.state) == (second, "lead")
    assert sale.rep in AES
    assert f"Qualified by {offered.rep} on " in sale.story
    assert f"(handoff {offered.handoff})" in sale.story
    assert f"{offered.rep}, touched by phone: Two teams, budget is there" in sale.story
    assert "sales, pains: leads wait for days" in sale.story
    word = f"Baton: qualified and handed over. Handoff {second} goes on with the lead. (version 2)"
    await until(partial(says, boss, first.id, word), "the word on the BDR's record")
    assert (first.rep, first.state) == (offered.rep, "converted"), "his record stays as he left it"

    began, [went_on] = await routed(company, first.handoff), await routed(company, second)
    assert {(each.stage, each.team, each.pool, each.clock.policy) for each in began} == {
        ("qualify", "bdr-berlin", "german", "qualify")
    }
    assert (went_on.stage, went_on.team, went_on.pool, went_on.clock.policy) == ("sell", "ae-dach", "field", "sell")
    assert went_on.clock.started_at > began[0].clock.started_at
    assert went_on.clock.due_at > began[0].clock.due_at
    of_the_first = await steps(company, first.handoff, "disposition", ["started", "met", "started", "met"])
    await steps(company, second, "first_touch", ["started"])
    ae = await floor.rep(sale.rep or "")
    await ae.note(sale.id, "called, wants an offer")
    await steps(company, second, "first_touch", ["started", "met"])
    assert await clock(company, first.handoff) == of_the_first, "the AE's call is none of the BDR's"
    pains = partial(company.told, "feedback.insights", InsightReported, first.handoff)
    await until(pains, "what marketing learns")
    assert [each.pains for each in await pains()] == [["leads wait for days"]]
    await ae.lose(sale.id, "no budget")
    await until(partial(is_free, company, "tide-works.example"), "the company has no open deal any more")
    assert await drained(company.settings, PATIENCE_S)
    colleague = "bo.lind@tide-works.example"
    await company.publish("colleague", *interest(colleague))
    assert (await appears(boss, colleague)).rep in BDRS, "the BDR's record, which stays converted, is in nobody's way"
    await until(partial(agreed, company), "both sides say the same")


async def test_of_two_that_are_one_person_one_record_stays(company: Installation, floor: Office) -> None:
    boss = await floor.login("mgr-10")
    work, home = "noor@harbour-lights.example", "noor.b@harbour-lights.example"
    desk, lab = "ivo@quarry-labs.example", "ivo.m@quarry-labs.example"
    await company.publish("first", *interest(work), *interest(desk))
    older, elder = await appears(boss, work), await appears(boss, desk)
    await company.publish("later", *interest(home), *interest(lab))
    younger, junior = await appears(boss, home), await appears(boss, lab)
    rep = await floor.rep(younger.rep or "")
    await rep.qualify(younger.id)
    await steps(company, younger.handoff, "first_touch", ["started", "met"])

    await company.publish("one", alias(work, home), alias(desk, lab))
    await closed_for(boss, older, younger)
    await closed_for(boss, junior, elder)
    await until(partial(agreed, company), "both sides say the same")
    [accepted] = await on_screen(boss, ["id", "=", younger.id])
    assert accepted == younger._replace(state="opportunity"), "whoever took it on has it, and reads nothing new"
    [kept] = await on_screen(boss, ["id", "=", elder.id])
    assert kept == elder, "nobody took either on, so the older one stays"
    await rep.note(younger.id, "called, still interested")
    await rep.convert(younger.id)
    await until(partial(on_screen, boss, ["reference", "=", sale_id(younger.handoff)]), "and the work goes on")


def interest(email: str) -> list[dict[str, object]]:
    """A director of a German software company who asks for a demo, as a marketing tool's calls."""
    who = {"email": email, "firstName": "Robin", "lastName": "Lang", "country": "DE"}
    job = {"title": "Director of Operations", "seniority": "director"}
    domain = email.partition("@")[2]
    works = {"company": domain.partition(".")[0], "companyDomain": domain, "employees": 220, "industry": "software"}
    asked = {"form": "demo", "message": "How soon can we start?"}
    known = {"context": {"traits": {"email": email}}}
    return [
        {"type": "identify", "messageId": f"who-{email}", "traits": {**who, **job, **works}},
        {"type": "track", "messageId": f"asks-{email}", "event": "Demo Requested", "properties": asked, **known},
    ]


def alias(email: str, previous: str) -> dict[str, object]:
    """Two addresses are one person."""
    traits = {"context": {"traits": {"email": email}}}
    return {"type": "alias", "messageId": f"one-{email}", "previousId": previous, **traits}


async def appears(user: Session, email: str) -> OnScreen:
    """The record of a lead, as soon as it is there."""
    await until(partial(on_screen, user, ["contact.value", "=", email]), f"a record of {email}")
    [record] = await on_screen(user, ["contact.value", "=", email])
    return record


async def says(user: Session, record: int, note: str) -> bool:
    """Whether a record bears this note, once."""
    [found] = await on_screen(user, ["id", "=", record])
    return found.notes.count(note) == 1


async def closed_for(user: Session, record: OnScreen, kept: OnScreen) -> None:
    """The record is closed, and says who keeps the other one."""
    keeps = f"which {kept.rep} keeps: they are one person. Please leave it to {kept.rep}."
    word = f"Baton: merged with {kept.handoff}, {keeps}"
    await until(partial(says, user, record.id, word), "the word on the record that is closed")
    [found] = await on_screen(user, ["id", "=", record.id])
    assert found == record._replace(state="cancelled", notes=(*record.notes, word))


async def routed(company: Installation, handoff: str) -> list[LeadRouted]:
    """What Baton said of who has it."""
    return await company.told("leads.routed", LeadRouted, handoff)


async def clock(company: Installation, handoff: str) -> list[SlaEvent]:
    """The steps of a handoff's clocks."""
    return await company.told("sla.events", SlaEvent, handoff)


async def steps(company: Installation, handoff: str, kind: str, wanted: list[str]) -> list[SlaEvent]:
    """Waits until one of a handoff's clocks has gone these steps; all steps of it then."""

    async def gone() -> bool:
        found = [each.step for each in await clock(company, handoff) if each.clock == kind]
        return found == wanted

    await until(gone, f"{kind}: {wanted}")
    return await clock(company, handoff)


async def is_free(company: Installation, domain: str) -> bool:
    """Whether the CRM, which had said otherwise, said last that a company has no deal."""
    account = account_key(company.settings.secret("person_key_secret"), company.settings.person_key_id, domain)
    said = [each.standing for each in await company.records("crm.facts", AccountFacts) if each.account == account]
    return len(said) > 1 and said[-1] == AccountStanding()


async def agreed(company: Installation) -> bool:
    """Whether every law holds, on the topics and beside the CRM."""
    return not await company.broken()
