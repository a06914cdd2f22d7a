"""The simulated CRM: which handoffs lie on whose desk, and which answer is due next."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush

from baton_schemas.envelope import from_record, to_headers
from baton_schemas.feedback import OutcomeReported
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadHandedOver, LeadRouted
from services.runtime.effects import Send
from services.runtime.record import Record
from services.simulator.people import Person
from services.simulator.reps import SOURCE, Answer, plan

_GONE = 1 << 30


class Desks:
    """Takes in what Baton publishes on `leads.routed`, gives out what the CRM reports on `feedback.events`.

    A newer version of a handoff takes it from the old rep's desk, as long as nobody has called; who calls first keeps
    it. A withdrawn one leaves every desk.
    """

    def __init__(self, people: Iterable[Person], *, seed: int) -> None:
        self._people = {person.email: person for person in people}
        self._protagonist = next((email for email, person in self._people.items() if person.number == 0), "")
        self._seed = seed
        self._versions: dict[str, int] = {}
        self._touched: dict[str, int] = {}
        self._teams: dict[str, set[str]] = {}
        self._due: list[tuple[int, str, int, str, Answer]] = []

    def take(self, record: Record) -> None:
        """A record of `leads.routed`; repeats change nothing."""
        event = from_record(record.headers, record.value)
        if event.type == LeadWithdrawn.TYPE:
            self._versions[LeadWithdrawn.model_validate_json(event.data or b"").handoff] = _GONE
            return
        if event.type == LeadHandedOver.TYPE:  # who goes on with the lead has a handoff of his own
            self._versions[LeadHandedOver.model_validate_json(event.data or b"").handoff] = _GONE
            return
        routed = LeadRouted.model_validate_json(event.data or b"")
        reps = self._teams.setdefault(routed.team, set())
        reps.add(routed.rep)
        if routed.version <= self._versions.get(routed.handoff, 0):
            return
        self._versions[routed.handoff] = routed.version
        if routed.handoff in self._touched:
            return
        email = routed.qualified.contact.email or ""
        answers = plan(
            routed,
            self._people.get(email),
            sorted(reps),
            seed=self._seed,
            protagonist=email == self._protagonist,
        )
        for answer in answers:
            heappush(self._due, (answer.at, routed.handoff, routed.version, answer.id, answer))

    def due(self, now: int) -> list[Send]:
        """The reports that are due at `now` (Baton ms), in order."""
        sends = []
        while self._due and self._due[0][0] <= now:
            _, handoff, version, _, answer = heappop(self._due)
            latest = self._versions[handoff]
            if latest == _GONE or self._touched.get(handoff, latest) != version:
                continue
            if isinstance(answer.data, OutcomeReported) and answer.data.kind == "touched":
                self._touched[handoff] = version
            sends.append(_send(answer))
        return sends


def _send(answer: Answer) -> Send:
    data = answer.data
    headers = to_headers(id=answer.id, source=SOURCE, type=data.TYPE, time=answer.at)
    return Send("feedback.events", data.lead.encode(), data.to_json(), headers)
