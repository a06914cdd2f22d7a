"""A worker process of the fault suite: the toy on a Kafka engine, as any worker runs, plus what a test asks for.

    TOY_SERVICE    the group; two groups over one journal are two workers that both believe to own it
    TOY_VARIANT    names from `variants.py`, comma-separated: something slowed down, or a part of the engine taken out

What the test has to know goes to stderr as lines that start with a word of their own.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

from services.runtime import logs
from services.runtime.effects import Observation
from services.runtime.settings import load
from services.runtime.worker import run
from tests.contract import toy
from tests.faults.variants import VARIANTS, say

_PR_SET_PDEATHSIG = 1


def main() -> int:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # whoever tests is gone: so is this process
    settings = load()
    logs.configure("json", "INFO")
    for name in filter(None, os.environ.get("TOY_VARIANT", "").split(",")):
        VARIANTS[name]()
    say(f"runs: {os.getpid()}")
    return run(os.environ.get("TOY_SERVICE", "toy"), [toy.Toy()], settings, observe=_observe, topics=toy.TOPICS)


def _observe(observations: Sequence[Observation]) -> None:
    for metric, value, labels in observations:
        if metric == "baton_journal_conflicts_total":
            say(f"conflict: {labels[0]} {value:.0f}")


if __name__ == "__main__":
    sys.exit(main())
