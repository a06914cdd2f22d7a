"""What a CRM has to be able to do for Baton: the one interface that a new connector implements.

Everything else (order, versions, retries, dead letters, what people's acts mean) is the kit's; `contract` holds the
tests that an implementation has to pass. Methods raise the errors of `errors` and nothing else, and may be called again
after any of them: nothing may happen twice because a call was repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from services.connectors.deal import Card, Deal, Party, Person


class Changes(NamedTuple):
    """What changed in the CRM, from a position on. `more` says that there is more to read at once, from `position`; the
    position after the last of it sorts as time does. `parties` are those that changed or whose deals did."""

    deals: Sequence[Deal]
    parties: Sequence[Party]
    position: str
    more: bool = False


class Finding(NamedTuple):
    """What `baton connector check` says: `ok`, or what is missing and how to mend it. What is only needed `to_write` is
    not missed in shadow."""

    what: str
    ok: bool
    fix: str = ""
    to_write: bool = False


class Crm(Protocol):
    """One CRM. `closes_as` is the stage that `change` leaves a withdrawn record in."""

    closes_as: str

    async def open(self) -> None:
        """Logs in."""
        ...

    async def close(self) -> None:
        """Logs out and lets go of connections. Never raises."""
        ...

    async def ping(self) -> None:
        """Returns when requests are served again: log-in, server, database."""
        ...

    async def own_user(self) -> str:
        """The CRM's id of the user that the connector works with."""
        ...

    async def people(self) -> Sequence[Person]:
        """Who is in sales."""
        ...

    async def find(self, references: Sequence[str]) -> Sequence[Deal]:
        """The records of these handoffs, remarks included, oldest first; more than one of a handoff if there are."""
        ...

    async def get(self, ids: Sequence[str]) -> Sequence[Deal]:
        """Records by id, those that are there; remarks included."""
        ...

    async def create(self, cards: Sequence[Card]) -> Sequence[Deal]:
        """Makes a record for each card, in its order, all or none; company and contact are looked up before they are
        made. The kit has made sure that there is none with this reference."""
        ...

    async def change(self, deal: Deal, *, owner: str | None = None, close: bool = False) -> Deal:
        """Gives the record to `owner`, or ends it as withdrawn; answers with the record as it is then. Raises Conflict
        when it is not of `deal.revision` any more; Overtaken where a CRM may miss that and it is seen afterwards."""
        ...

    async def remark(self, id: str, text: str) -> None:
        """Adds a note to a record."""
        ...

    async def changes(self, position: str, overlap_s: float) -> Changes:
        """What changed since `position` (empty: from the beginning), less the overlap, in order of time."""
        ...

    async def check(self) -> Sequence[Finding]:
        """Looks whether everything that is needed is there and allowed."""
        ...
