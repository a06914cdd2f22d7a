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
from pathlib import Path

from services.runtime import logs
from services.runtime.effects import Observation
from services.runtime.kafka import faults
from services.runtime.settings import load
from services.runtime.worker import run
from tests.contract import toy
from tests.faults.variants import VARIANTS, say

_PR_SET_PDEATHSIG = 1


def main(environment: dict[str, str], said: str) -> None:
    """The whole life of a worker process; all it says goes to the file `said`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # whoever tests is gone: so is this process
    with Path(said).open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    for name in [name for name in os.environ if name.startswith("BATON_")]:
        del os.environ[name]
    os.environ.update(environment)
    faults.ARMED = faults._armed()  # this module was imported before the process began
    settings = load()
    logs.configure("json", "INFO")
    for name in filter(None, environment["TOY_VARIANT"].split(",")):
        VARIANTS[name]()
    say(f"runs: {os.getpid()}")
    sys.exit(run(environment["TOY_SERVICE"], [toy.Toy()], settings, observe=_observe, topics=toy.TOPICS))


def _observe(observations: Sequence[Observation]) -> None:
    for metric, value, labels in observations:
        if metric == "baton_journal_conflicts_total":
            say(f"conflict: {labels[0]} {value:.0f}")
