"""A library's flood becomes a line every few seconds; nothing of ours is held back."""

from __future__ import annotations

import json
import logging
from io import StringIO

import pytest

from services.runtime import logs
from services.runtime.repeats import Repeats


class Handed(logging.Handler):
    """Keeps what gets through."""

    def __init__(self, repeats: Repeats) -> None:
        super().__init__()
        self.through: list[tuple[str, int]] = []
        self.addFilter(repeats)

    def emit(self, record: logging.LogRecord) -> None:
        self.through.append((record.getMessage(), getattr(record, "repeats", 0)))


def test_the_same_line_passes_once_in_a_while_and_says_how_often_it_was_held_back() -> None:
    now = [0.0]
    handed = Handed(Repeats(["loud"], every_s=5.0, now=lambda: now[0]))
    loud, ours = logging.Logger("loud.client"), logging.Logger("services.worker")
    for logger in (loud, ours):
        logger.addHandler(handed)
    for number in range(100):
        now[0] = number / 10
        loud.error("no connection to %s", number)
        loud.error("another line")
        ours.error("ours")
    said = [line for line in handed.through if "no connection" in line[0]]
    assert said == [("no connection to 0", 0), ("no connection to 50", 49)]
    assert len([line for line in handed.through if line[0] == "ours"]) == 100
    assert len([line for line in handed.through if line[0] == "another line"]) == 2


def test_a_traceback_always_passes() -> None:
    handed = Handed(Repeats(["loud"], now=lambda: 0.0))
    loud = logging.Logger("loud")
    loud.addHandler(handed)
    for _ in range(3):
        try:
            raise ValueError
        except ValueError:
            loud.exception("failed")
    assert len(handed.through) == 3


def test_what_a_process_logs_is_filtered(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    stream = StringIO()
    logs.configure("json", "INFO", stream=stream)
    for number in range(50):
        logging.getLogger("aiokafka").error("Unable connect to node with id %s: %s", 1, number)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["Unable connect to node with id 1: 0"]
