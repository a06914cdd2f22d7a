"""Says of a worker's configuration what people should hear: that a set was refused, that the definition in force is
due for a review, that somebody who signed it may not sign any more.

One log line for each when it becomes so, and two gauges. No names: a signer is the name of his key (L8).
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from pydantic import ValidationError

from baton_schemas.contract import format_time
from services.runtime import log_events
from services.runtime.agreement import Agreed, agreed_in, overdue_ms
from services.runtime.config_set import CONFIG_TOPIC, EMPTY, BrokenSetError, active_set
from services.runtime.errors import UserError
from services.runtime.metrics import Metrics
from services.runtime.processor import Globals

log = structlog.get_logger(__name__)

OVERDUE, REMOVED = "baton_definition_review_overdue_seconds", "baton_definition_signers_removed"


class DefinitionWatch:
    """Looks at one worker's snapshots of the global topics, as often as it is asked to."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._offset = 0
        self._heard = ""
        self._agreed: Mapping[str, Agreed] = {}
        self._told: frozenset[tuple[str, str]] = frozenset()

    def look(self, snapshot: Globals, now: int) -> None:
        """Takes up what changed, and shows how things are at `now` (Baton ms)."""
        offset = snapshot.offsets.get(CONFIG_TOPIC, 0)
        if offset != self._offset:
            self._offset = offset
            self._take_up(snapshot)
        self._show(now)

    def _take_up(self, snapshot: Globals) -> None:
        try:
            found = active_set(snapshot)
            if found is EMPTY:
                return
            agreed = agreed_in(found)
        except (BrokenSetError, UserError, ValidationError) as error:
            if self._heard != str(error):
                stays = "the set before stays in force" if self._agreed else "there is none before it"
                log.error(log_events.CONFIG_REFUSED, topic=CONFIG_TOPIC, error=str(error), stays=stays)
            self._heard = str(error)
            return
        if self._heard != found.set_id:
            log.info(log_events.CONFIG_IN_FORCE, topic=CONFIG_TOPIC, set_id=found.set_id)
            self._told = frozenset()
        self._heard = found.set_id
        for gone in {each.definition.name for each in self._agreed.values()}:
            self._metrics.set(OVERDUE, 0, gone)
            self._metrics.set(REMOVED, 0, gone)
        self._agreed = agreed

    def _show(self, now: int) -> None:
        so: set[tuple[str, str]] = set()
        for agreed in self._agreed.values():
            definition = agreed.definition
            overdue = overdue_ms(definition, now)
            removed = [each for each in agreed.approvals if each.removed(now)]
            self._metrics.set(OVERDUE, overdue / 1000, definition.name)
            self._metrics.set(REMOVED, len(removed), definition.name)
            if overdue and self._is_new(so, definition.name, "review"):
                log.warning(log_events.REVIEW_OVERDUE, definition=definition.name, review_by=str(definition.review_by))
            for each in removed:
                if self._is_new(so, definition.name, each.key):
                    since = format_time(each.until or 0)
                    log.warning(
                        log_events.SIGNER_REMOVED, definition=definition.name, team=each.team, key=each.key, since=since
                    )
        self._told = frozenset(so)

    def _is_new(self, so: set[tuple[str, str]], name: str, what: str) -> bool:
        so.add((name, what))
        return (name, what) not in self._told
