"""What goes wrong on the way in: repeats, late events, other orders, bots, and records that nobody can use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import NamedTuple

from services.runtime.effects import Send
from services.simulator.journeys import HOUR_MS, MINUTE_MS

TOPIC = "engagement.events"


class Emission(NamedTuple):
    """A record, and when the tool sends it (ms since the world began)."""

    at: int
    send: Send


def disturbed(emissions: Iterable[Emission], length_ms: int, random: Random) -> Iterator[Emission]:
    """Each emission with a little jitter; 2 % are sent twice, 3 % hours late. Nothing leaves the world's length."""
    for at, send in emissions:
        late = random.uniform(0.5, 6) * HOUR_MS if random.random() < 0.03 else random.uniform(0, 2) * MINUTE_MS
        sent = min(int(at + late), length_ms)
        yield Emission(sent, send)
        if random.random() < 0.02:
            yield Emission(min(int(sent + random.uniform(0.1, 90) * MINUTE_MS), length_ms), send)


def poison(good: Send, length_ms: int, random: Random) -> list[Emission]:
    """One record of each kind that can't be used, spread over the first half; built from a good one."""
    named = dict(good.headers)
    huge = b'{"person":{"anonymous_id":"v"},"action":"page_viewed","properties":{"x":"' + b"x" * 400_000 + b'"}}'
    broken = [
        good._replace(value=b"{not json"),
        good._replace(value=b'{"person":{"email":42},"action":"page_viewed"}'),
        good._replace(value=b'{"action":"page_viewed"}'),
        good._replace(value=None),
        good._replace(value=huge),
        good._replace(headers=()),
        good._replace(headers=_with(named, "ce_type", b"com.example.unheard.of")),
        good._replace(headers=_with(named, "ce_specversion", b"0.3")),
        good._replace(headers=_with(named, "ce_time", b"yesterday")),
        good._replace(headers=_with(named, "ce_time", b"1999-12-31T23:59:59Z")),
        good._replace(key=b"\xff\xfe\xfd"),
    ]
    emissions = []
    for number, send in enumerate(broken):
        headers = dict(send.headers)
        if "ce_id" in headers:
            send = send._replace(headers=_with(headers, "ce_id", f"poison-{number}".encode()))  # noqa: PLW2901
        emissions.append(Emission(int(random.uniform(0.02, 0.5) * length_ms), send))
    return emissions


def _with(headers: dict[str, bytes], name: str, value: bytes) -> tuple[tuple[str, bytes], ...]:
    return tuple({**headers, name: value}.items())
