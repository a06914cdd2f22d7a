"""A worker process: the toy on a real Kafka with the whole operating side, or one whose loop hangs (`hang`)."""

from __future__ import annotations

import sys
import threading

from services.runtime import logs
from services.runtime.effects import Effects
from services.runtime.operating import Operating
from services.runtime.settings import load
from services.runtime.worker import run
from tests.contract import toy


class Hanging(toy.Toy):
    """Never comes back from its first batch, as a deadlock in a library would."""

    def process(self, *_: object) -> Effects:
        threading.Event().wait()
        raise AssertionError


def main(how: str) -> int:
    """Runs until SIGTERM, or until the watchdog ends it."""
    settings = load()
    logs.configure("json", "INFO", processor="toy")
    operating = Operating("toy", settings, strict=True)
    processor = Hanging() if how == "hang" else toy.Toy()
    return run("toy", [processor], settings, observe=operating.observe, beside=operating.beside, topics=toy.TOPICS)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
