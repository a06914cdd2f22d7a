"""Baton's engines: `python -m bench.contenders.engine BOOTSTRAP RUN faust|aiokafka`. Says what it restored."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.decay import EVENTS, Decay
from bench.log import bench_settings, catalogue, signals_topic
from services.runtime.effects import Observation
from services.runtime.worker import run

RESTORED = "restored in "


def main(bootstrap: str, number: str, engine: str) -> int:
    """Works until SIGTERM."""
    signals = signals_topic(int(number))
    settings = bench_settings(bootstrap, engine=engine)
    processors = [Decay(int(number), signals)]
    return run(f"bench-{number}", processors, settings, topics=catalogue(EVENTS, signals), observe=_tell)


def _tell(observations: Sequence[Observation]) -> None:
    for each in observations:
        if each.metric == "baton_restore_seconds":
            print(f"{RESTORED}{each.value}", flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
