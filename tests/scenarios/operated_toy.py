"""A worker process: the toy on a real Kafka with the whole operating side, or one whose loop hangs (`hang`)."""

from __future__ import annotations

import sys
import threading

from services.runtime import logs
from services.runtime.effects import Effects, Observation
from services.runtime.operating import Operating
from services.runtime.processor import Context
from services.runtime.record import Batch
from services.runtime.settings import load
from services.runtime.state import State
from services.runtime.worker import run
from tests.contract import toy


class Hanging(toy.Toy):
    """Never comes back from its first batch, as a deadlock in a library would."""

    def process(self, *_: object) -> Effects:
        threading.Event().wait()
        raise AssertionError


class Counting(toy.Toy):
    """Says that every event leaves one lead waiting."""

    def process(self, batch: Batch, state: State, context: Context) -> Effects:
        effects = super().process(batch, state, context)
        if batch.topic == toy.ALPHA:
            effects.observations.append(Observation("baton_leads_waiting", len(batch.records)))
        return effects


HOW: dict[str, type[toy.Toy]] = {"work": toy.Toy, "hang": Hanging, "count": Counting}


def main(how: str) -> int:
    """Runs until SIGTERM, or until the watchdog ends it."""
    settings = load()
    logs.configure("json", "INFO", processor="toy")
    operating = Operating("toy", settings, strict=True)
    return run("toy", [HOW[how]()], settings, observe=operating.observe, beside=operating.beside, topics=toy.TOPICS)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
