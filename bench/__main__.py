"""Measures Baton and prints a table: `make bench`, or `python -m bench --help`."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.backfill import backfill
from bench.bare import bare
from bench.crm import crm
from bench.lab import Lab, Sizes, lab
from bench.latency import latency
from bench.machine import machine
from bench.plan import plan
from bench.report import Section, as_json, markdown, placed, summary
from bench.restore import restore
from bench.scorer import scorer
from services.runtime.errors import UserError

MEASUREMENTS: Mapping[str, Callable[[Lab], Section]] = {
    "bare": bare,
    "scorer": scorer,
    "plan": plan,
    "restore": restore,
    "latency": latency,
    "backfill": backfill,
    "crm": crm,
}
README = Path(__file__).parents[1] / "README.md"
REPORT = Path(__file__).parent / "REPORT.md"


def main(arguments: list[str] | None = None) -> int:
    """0 whatever the numbers say; 2 when something could not be measured."""
    options = _options(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a topic's first second is not news
    sizes = Sizes(**{name: getattr(options, name) for name in Sizes.__dataclass_fields__})
    found = machine()
    _say(", ".join(f"{name} {what}" for name, what in found.items()))
    sections = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # children and broker end with us
    try:
        if options.readme:
            placed(README.read_text(), "")  # better now than after an hour
        for name in options.only or MEASUREMENTS:
            _say(f"--- {name}")
            with lab(sizes, _say) as here:
                sections.append(MEASUREMENTS[name](here))
            _tell(sections[-1])
        table = markdown(found, sections)
        if options.json:
            options.json.write_text(json.dumps(as_json(found, sections), indent=1) + "\n")
        if options.readme:
            README.write_text(placed(README.read_text(), summary(found, sections)))
            REPORT.write_text(f"# What was measured\n\n{table}")
    except (UserError, ValueError, OSError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 2
    print(f"\n{table}")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    usual = Sizes()
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures Baton beside others, in one run.")
    parser.add_argument("--only", action="append", choices=tuple(MEASUREMENTS), help="one measurement; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run to FILE, too")
    parser.add_argument(
        "--readme",
        action="store_true",
        help="put the figures into README.md, between its markers, and the whole report into bench/REPORT.md",
    )
    for name, what in (
        ("runs", "runs of each"),
        ("events", "events of a throughput run"),
        ("people", "people they are of"),
        ("restore_people", "people in the journal that is restored"),
        ("seconds", "seconds of each latency run"),
        ("backlog", "events in the scorer's backlog"),
        ("bulk", "backfilled events that wait while live ones come"),
    ):
        default = getattr(usual, name)
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=_positive, default=default, metavar="N", help=f"{what} (default {default:,})")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: not a number above 0")
    return int(text)


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def _tell(section: Section) -> None:
    for verdict in section.verdicts:
        _say(f"{verdict.what}: {verdict.got:.2f} (goal {verdict.goal:g}): {verdict.words}")


if __name__ == "__main__":
    sys.exit(main())
