"""Baton's engines: `python -m bench.contenders.engine BOOTSTRAP RUN faust|aiokafka`."""

from __future__ import annotations

import sys

from bench.decay import EVENTS, Decay
from bench.log import bench_settings, catalogue, signals_topic
from services.runtime.worker import run


def main(bootstrap: str, number: str, engine: str) -> int:
    """Works until SIGTERM."""
    signals = signals_topic(int(number))
    processor = Decay(int(number), signals)
    return run(
        f"bench-{number}", [processor], bench_settings(bootstrap, engine=engine), topics=catalogue(EVENTS, signals)
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
