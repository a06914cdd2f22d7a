"""The tests that every implementation of `Crm` has to pass: subclass, give it a CRM and hands, run it with pytest.

    class TestOurs(CrmContract):
        @pytest_asyncio.fixture
        async def crm(self): ...        # an opened Crm
        @pytest_asyncio.fixture
        async def hands(self): ...      # acts in the same CRM as people do, under log-ins of their own

`Crm.people` has to give at least two, and `hands.first` and `hands.second` are their codes.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Protocol

import pytest

from services.connectors.crm import Crm
from services.connectors.deal import Card, Deal
from services.connectors.errors import Conflict

_PATIENCE_S = 10.0
_AWKWARD = "Zoë <script>alert(1)</script> \u4f60\u597d \U0001f680 =1+1 'quoted' \"twice\""


class Hands(Protocol):
    """People at their screens. Ids are those of deals."""

    first: str
    second: str
    taken: str
    """The stage after `take_on`."""

    async def take_on(self, id: str) -> None:
        """The first rep accepts."""
        ...

    async def give(self, id: str, code: str) -> None:
        """The first rep gives it to somebody."""
        ...

    async def note(self, id: str, text: str) -> None:
        """The first rep writes a note."""
        ...

    async def delete(self, id: str) -> None:
        """Somebody deletes the record."""
        ...


def card(reference: str, owner: str | None, **fields: object) -> Card:
    """A card of a company of its own."""
    name = reference.replace("_", "-")
    known: dict[str, object] = {
        "title": f"{name}: grade A1, hot", "story": "Grade A1.\n\nWhy it is good\n  +15.0  Asked for a demo",
        "company": f"Company {name}", "domain": f"{name}.example", "name": "Robin Example",
        "email": f"robin@{name}.example", "phone": "+49 30 5550100", "job_title": "Head of Operations", "country": "DE",
        "due_at": 1_772_446_000_000, "probability": 0.6,
    }  # fmt: skip
    return Card(reference=reference, owner=owner, **{**known, **fields})  # type: ignore[arg-type]


@pytest.mark.asyncio
class CrmContract:
    """See the module."""

    async def owner(self, crm: Crm, code: str) -> str:
        return next(person.id for person in await crm.people() if person.code == code)

    async def made(self, crm: Crm, hands: Hands) -> Deal:
        """A new record of the first rep, as `find` shows it."""
        reference = f"h{secrets.token_hex(12)}"
        [made] = await crm.create([card(reference, await self.owner(crm, hands.first))])
        [found] = await crm.find([reference])
        assert found.id == made.id
        return found

    async def read(self, crm: Crm, position: str, overlap_s: float = 2.0) -> tuple[dict[str, Deal], str]:
        """All that changed since a position, by id, and the position after it."""
        deals: dict[str, Deal] = {}
        page, more = position, True
        while more:
            found = await crm.changes(page, overlap_s)
            deals |= {deal.id: deal for deal in found.deals}
            page, more = found.position, found.more
        assert page >= position, "positions sort as time does"
        return deals, page

    async def seen(self, crm: Crm, position: str, wanted: str) -> tuple[Deal, str]:
        """The deal as `changes` shows it, sooner or later; and the position after it."""
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            deals, end = await self.read(crm, position)
            if wanted in deals:
                return deals[wanted], end
            await asyncio.sleep(0.05)
        raise AssertionError(f"changes never showed {wanted}")

    async def end(self, crm: Crm) -> str:
        """The position up to which everything is read."""
        return (await self.read(crm, "", 0.0))[1]

    async def test_what_is_made_is_found_by_its_reference_with_owner_and_stage(self, crm: Crm, hands: Hands) -> None:
        found = await self.made(crm, hands)
        assert found.owner == await self.owner(crm, hands.first)
        assert (found.by, found.remarks) == (await crm.own_user(), ())
        assert await crm.get([found.id]) == [found]

    async def test_many_are_made_in_the_order_of_their_cards(self, crm: Crm, hands: Hands) -> None:
        references = [f"h{secrets.token_hex(12)}" for _ in range(5)]
        made = await crm.create([card(reference, None) for reference in references])
        assert [each.reference for each in made] == references
        found = {each.reference: each.id for each in await crm.find(references)}
        assert found == {each.reference: each.id for each in made}

    async def test_two_people_of_a_company_share_it_and_nobody_is_made_twice(self, crm: Crm, hands: Hands) -> None:
        one, other, again = (f"h{secrets.token_hex(12)}" for _ in range(3))
        company = {"company": "Shared Company", "domain": f"{one}.example"}
        await crm.create([card(one, None, **company)])
        await crm.create([card(other, None, **company), card(again, None, **company, email=f"robin@{one}.example")])
        found = await crm.find([one, other, again])
        assert len({deal.party for deal in found}) == 1

    async def test_text_arrives_as_it_is(self, crm: Crm, hands: Hands) -> None:
        reference = f"h{secrets.token_hex(12)}"
        odd = card(
            reference, None, title=_AWKWARD, company=_AWKWARD, name=_AWKWARD, story=_AWKWARD + "\n" + "x" * 7_900
        )
        [made] = await crm.create([odd])
        await crm.remark(made.id, _AWKWARD + "y" * 9_900)
        [found] = await crm.find([reference])
        assert [each.text for each in found.remarks] == [_AWKWARD + "y" * 9_900]

    async def test_nobody_is_found_by_a_reference_that_is_not_there(self, crm: Crm, hands: Hands) -> None:
        assert list(await crm.find([f"h{secrets.token_hex(12)}"])) == []

    async def test_another_owner_is_written_and_only_on_what_was_read(self, crm: Crm, hands: Hands) -> None:
        read = await self.made(crm, hands)
        second = await self.owner(crm, hands.second)
        written = await crm.change(read, owner=second)
        assert (written.id, written.owner, written.stage) == (read.id, second, read.stage)
        await hands.take_on(read.id)
        [now] = await crm.get([read.id])
        with pytest.raises(Conflict):
            await crm.change(read, owner=await self.owner(crm, hands.first))
        assert await crm.get([read.id]) == [now], "nothing was written"

    async def test_a_withdrawn_one_is_closed_and_only_as_it_was_read(self, crm: Crm, hands: Hands) -> None:
        read = await self.made(crm, hands)
        closed = await crm.change(read, close=True)
        assert closed.stage == crm.closes_as != read.stage
        [found] = await crm.get([read.id])
        assert found.stage == closed.stage
        other = await self.made(crm, hands)
        await hands.take_on(other.id)
        with pytest.raises(Conflict):
            await crm.change(other, close=True)

    async def test_a_remark_is_ours(self, crm: Crm, hands: Hands) -> None:
        read = await self.made(crm, hands)
        await crm.remark(read.id, "Baton: something to say")
        [found] = await crm.get([read.id])
        [remark] = found.remarks
        assert (remark.text, remark.by) == ("Baton: something to say", await crm.own_user())
        assert abs(remark.at - time.time() * 1000) < 60_000

    async def test_what_people_do_is_seen_with_who_and_when(self, crm: Crm, hands: Hands) -> None:
        read = await self.made(crm, hands)
        position = await self.end(crm)
        await hands.take_on(read.id)
        seen, end = await self.seen(crm, position, read.id)
        assert (seen.stage, seen.reference) == (hands.taken, read.reference)
        assert seen.by not in (None, await crm.own_user())
        assert seen.revision != read.revision
        assert abs(seen.at - time.time() * 1000) < 60_000
        assert read.id in (await self.read(crm, end, 60.0))[0], "within the overlap it is shown again"

    async def test_a_note_of_a_person_is_seen_although_the_record_did_not_change(self, crm: Crm, hands: Hands) -> None:
        read = await self.made(crm, hands)
        position = await self.end(crm)
        await hands.note(read.id, "called, wants a demo")
        seen, _ = await self.seen(crm, position, read.id)
        [remark] = seen.remarks
        assert (remark.text, remark.by != await crm.own_user()) == ("called, wants a demo", True)
        writer = next(person for person in await crm.people() if person.code == hands.first)
        assert remark.by in writer.users

    async def test_another_owner_is_seen(self, crm: Crm, hands: Hands) -> None:
        read = await self.made(crm, hands)
        position = await self.end(crm)
        await hands.give(read.id, hands.second)
        seen, _ = await self.seen(crm, position, read.id)
        assert seen.owner == await self.owner(crm, hands.second)

    async def test_what_is_deleted_is_not_there(self, crm: Crm, hands: Hands) -> None:
        read, stays = await self.made(crm, hands), await self.made(crm, hands)
        await hands.delete(read.id)
        assert [each.id for each in await crm.get([read.id, stays.id])] == [stays.id]
        assert list(await crm.find([read.reference])) == []

    async def test_nothing_is_missed_from_any_position(self, crm: Crm, hands: Hands) -> None:
        position = await self.end(crm)
        touched = []
        for _ in range(3):
            read = await self.made(crm, hands)
            await hands.take_on(read.id)
            touched.append(read.id)
            await self.seen(crm, position, read.id)
        found, _ = await self.read(crm, position)
        assert set(touched) <= found.keys()

    async def test_check_finds_nothing_missing(self, crm: Crm, hands: Hands) -> None:
        assert [finding for finding in await crm.check() if not finding.ok] == []
