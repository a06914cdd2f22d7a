"""Where a worker's time goes: what cProfile wrote, by room and by function."""

from __future__ import annotations

import pstats
from collections import defaultdict
from pathlib import Path

_TOP = 16


def profile(file: Path, rate: float, events: int) -> list[str]:
    """Where the time goes: by room, then the functions with the most time of their own."""
    stats = pstats.Stats(str(file))
    own: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
    rooms: defaultdict[str, float] = defaultdict(float)
    for (path, _, name), each in own.items():
        rooms[_room(path, name)] += each[2]
    waiting = rooms.pop("waiting", 0.0)
    whole = sum(rooms.values())
    shares = sorted(rooms.items(), key=lambda each: -each[1])[:8]
    lines = [
        f"Profile (cProfile, a run of its own at {rate:,.0f} events/s; {whole:.1f} s at work, start included, "
        f"{waiting:.1f} s waiting), time of their own by room: "
        + ", ".join(f"{room} {spent / whole:.0%}" for room, spent in shares),
        "",
        "| calls an event | own | with callees | function |",
        "|--:|--:|--:|---|",
    ]
    busy = [(key, each) for key, each in own.items() if _room(key[0], key[2]) != "waiting"]
    for (path, line, name), (_, calls, seconds, total, _) in sorted(busy, key=lambda one: -one[1][2])[:_TOP]:
        where = f"{_short(path)}:{line} {name}" if line else name.strip("<>")
        share, deep = seconds / whole, total / whole
        lines.append(f"| {calls / events:.2f} | {share:.1%} | {deep:.1%} | `{where}` |")
    return lines


def _room(path: str, name: str) -> str:
    if "poll" in name and "select" in name:
        return "waiting"
    for mark, room in (
        ("services/scorer/", "scorer"),
        ("services/runtime/", "runtime"),
        ("baton_schemas/", "contracts"),
        ("pydantic", "pydantic"),
        ("aiokafka", "aiokafka"),
        ("faust", "Faust"),
        ("mode/", "Faust"),
        ("prometheus_client", "metrics"),
        ("asyncio", "asyncio"),
    ):
        if mark in path or mark in name:
            return room
    return "built in" if path.startswith("~") else "imports and the rest"


def _short(path: str) -> str:
    parts = Path(path).parts
    for mark in ("services", "baton_schemas", "site-packages"):
        if mark in parts:
            index = len(parts) - 1 - parts[::-1].index(mark)
            return "/".join(parts[index + (mark == "site-packages") :])
    return "/".join(parts[-2:])
