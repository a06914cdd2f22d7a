"""Which rules are in force: compiled once per set; a set that can't work leaves the last good one in force.

The router needs nothing of the lead definition but whether owners are alerted, and still refuses a set whose definition
is not signed by both teams or was altered: scorer and feedback refuse it, and no part of a set is in force without the
others (L7).
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from services.router.checks import rules_of
from services.router.rules import Rules
from services.runtime.agreement import agreed_in
from services.runtime.config_set import CONFIG_TOPIC, EMPTY, BrokenSetError, active_set
from services.runtime.effects import Effects, Observation
from services.runtime.errors import Transient, UserError
from services.runtime.processor import Globals

REFUSED = "baton_config_refused_total"


class Rulebook:
    """Keeps the compiled rules of one processor."""

    def __init__(self) -> None:
        self._seen: tuple[object, int | None] | None = None
        self._rules: Rules | None = None

    def rules(self, snapshot: Globals, effects: Effects) -> Rules:
        """The rules in force. Raises Transient while there never were any."""
        seen = (snapshot.tables.get(CONFIG_TOPIC), snapshot.offsets.get(CONFIG_TOPIC))
        if self._seen is None or self._seen[0] is not seen[0] or self._seen[1] != seen[1]:
            self._take_up(snapshot, effects)
            self._seen = seen
        if self._rules is None:
            raise Transient("no configuration: run `baton apply config/`")
        return self._rules

    def _take_up(self, snapshot: Globals, effects: Effects) -> None:
        try:
            found = active_set(snapshot)
            if found is EMPTY or (self._rules is not None and self._rules.set_id == found.set_id):
                return
            agreed = agreed_in(found).values()
            alerts = any(each.definition.alerts is not None for each in agreed)
            self._rules = replace(rules_of(found.documents, found.set_id), alerts=alerts)
        except (BrokenSetError, UserError, ValidationError):
            effects.observations.append(Observation(REFUSED, 1.0, ("router",)))
