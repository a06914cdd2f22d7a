"""Tells many months and counts what broke: python -m tests.month 1000 [--first 0] [--workers 2]."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.month.tale import Month
from tests.month.verdict import Judge

LAWS = ("two_owners", "taken_back", "false_breaches")


def judged(seed: int) -> tuple[int, Counter[str], list[str]]:
    """One month: its seed, what happened in it, what broke."""
    month = Month(seed).tell()
    judge = Judge(month)
    happened: Counter[str] = Counter(
        {
            "events": len(month.engine.records("engagement.events")),
            "handoffs": len(month.engine.records("leads.qualified")),
            "outcomes": len(month.engine.records("feedback.events")),
            "crashes": month.faults.hits.total(),
            "connector killed": month.connector.kills,
        }
    )
    happened.update(judge.happened())
    happened.update(f"buried: {letter}" for letter in judge.letters())
    broken = [f"{law}: {text}" for law in LAWS for text in getattr(judge, law)()]
    return seed, happened, broken


def _months(seeds: range, workers: int) -> Iterator[tuple[int, Counter[str], list[str]]]:
    if workers == 1:
        yield from map(judged, seeds)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(judged, seeds)


def main() -> int:
    """Exit code 1 when anything broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.month", description=__doc__)
    parser.add_argument("months", type=int)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    total: Counter[str] = Counter()
    bad, began = 0, time.monotonic()
    for number, (seed, happened, broken) in enumerate(
        _months(range(given.first, given.first + given.months), given.workers), start=1
    ):
        total.update(happened)
        bad += bool(broken)
        for text in broken:
            print(f"seed {seed}: {text}", flush=True)
        if number % 25 == 0 or number == given.months:
            print(f"{number} months, {bad} broken, {time.monotonic() - began:.0f} s", flush=True)
    for name, count in sorted(total.items()):
        print(f"{count:>9,}  {name}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
