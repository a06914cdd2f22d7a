"""The company of the month: what a good lead is, who sells where, by when; and who is away when."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from random import Random
from typing import NamedTuple

from baton_schemas.configuration import MANIFEST_KEY, ConfigItem, ConfigManifest, ManifestEntry
from baton_schemas.contract import format_time, parse_time
from services.runtime.config_set import digest_of, set_id_of
from services.runtime.memory import MemoryEngine
from tests.signing import SIGNERS, signed

MONDAY = parse_time("2026-03-02T00:00:00Z")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
DAYS = 30
DEFINITION_NAME = "b2b"
TEAMS = {"dach": ("ann", "ben", "cyn"), "uk": ("dot", "eve")}
REPS = tuple(rep for reps in TEAMS.values() for rep in reps)
MANAGERS = {"dach": "boss", "uk": "chief"}
ZONES = {"dach": "Europe/Berlin", "uk": "Europe/London"}
OPENS, CLOSES = 9, 17
TARGETS = {"hot": 30, "warm": 240}
"""Business minutes to the first touch, by tier; the last tier takes all other."""

_DEFINITION = f"""
name: {DEFINITION_NAME}
version: 1
fit:
  - {{id: boss, label: Decides, points: 20, when: {{trait: seniority, in: [vp, director]}}}}
  - {{id: size, label: Right size, points: 10, when: {{trait: employees, gte: 50}}}}
engagement:
  - {{id: view, label: Read a page, action: page_viewed, points: 2, half_life_days: 4, cap: 10}}
  - {{id: demo, label: Asked for a demo, action: demo_requested, points: 30, half_life_days: 4, cap: 45}}
required:
  - {{label: Intent, any_of: [demo], within_days: 12}}
disqualifiers:
  - {{reason: unsubscribed, label: Opted out, action: unsubscribed}}
thresholds: {{enter: 36, exit: 20}}
grades:
  fit: {{A: 25, B: 15, C: 5}}
  engagement: {{1: 40, 2: 25, 3: 10}}
tiers:
  - {{name: hot, grades: [A1, A2]}}
  - {{name: warm}}
contact: [email]
"""
_REASONS = """
reasons:
  - {code: not_a_fit, label: No fit, applies_to: [rejected, lost], fault: fit, learning: bad}
  - {code: bad_data, label: Bad data, applies_to: [rejected], fault: data, learning: none}
  - {code: not_now, label: Not now, applies_to: [rejected, lost], fault: timing, learning: bad, recycle: true,
     cool_down_days: 3, nurture: A case study}
  - {code: price, label: Too expensive, applies_to: [lost], fault: competition, learning: good}
"""
_CALENDARS = "calendars:\n" + "".join(
    f'  - {{name: {team}, time_zone: {zone}, hours: {{mon-fri: ["{OPENS:02}:00-{CLOSES}:00"]}}}}\n'
    for team, zone in ZONES.items()
)
_SLA = f"""
policies:
  - name: standard
    tiers:
      hot: {{first_touch_minutes: {TARGETS["hot"]}, reassign_after_minutes: 30, max_reassignments: 2,
            disposition_minutes: 960}}
      warm: {{first_touch_minutes: {TARGETS["warm"]}, warn_at: 0.75, reassign_after_minutes: 120,
             max_reassignments: 1, disposition_minutes: 1440}}
    otherwise: warm
"""
PRESSURE = "contact_pressure: {per_person: {handoffs: 3, days: 14}, per_account: {handoffs: 4, days: 7}}\n"
_TERRITORIES = """
elsewhere: unrouted
territories:
  - {name: dach, countries: [DE, AT], team: dach, pool: inbound, policy: standard}
  - {name: uk, countries: [GB], team: uk, pool: inbound, policy: standard}
"""


class Plan(NamedTuple):
    """What may change from day to day: how many leads a rep takes, and who is away from when until when."""

    capacity: int
    away: tuple[tuple[str, int, int], ...] = ()

    @classmethod
    def drawn(cls, random: Random) -> Plan:
        """A plan of a seed."""
        away = []
        for rep in REPS:
            for _ in range(random.choice([0, 1, 1, 2])):
                start = random.randrange(DAYS)
                away.append((rep, start, start + random.randrange(5)))
        return cls(random.choice([2, 3, 6, 20]), tuple(away))


def documents(plan: Plan, *, pressure: bool) -> dict[str, str]:
    """All documents of the configuration set, signed."""
    return {
        "definition": _signed(),
        "signers": SIGNERS,
        "reasons": _REASONS,
        "calendars": _CALENDARS,
        "sla": _SLA + (PRESSURE if pressure else ""),
        "territories": _TERRITORIES,
        "teams": "teams:\n" + "".join(_team(team, plan) for team in TEAMS),
    }


def apply(engine: MemoryEngine, texts: dict[str, str], now: int) -> None:
    """Publishes a configuration set, as `baton apply` does."""
    entries = []
    for kind, text in texts.items():
        name = DEFINITION_NAME if kind == "definition" else kind
        item = ConfigItem(kind=kind, name=name, digest=digest_of(text), text=text)  # type: ignore[arg-type]
        engine.publish("baton.config", item.key.encode(), item.to_json())
        entries.append(ManifestEntry(kind=item.kind, name=item.name, digest=item.digest))
    manifest = ConfigManifest(set_id=set_id_of(entries), entries=entries, applied_at=now)
    engine.publish("baton.config", MANIFEST_KEY.encode(), manifest.to_json())


@functools.cache
def _signed() -> str:
    return signed(_DEFINITION)


def _team(team: str, plan: Plan) -> str:
    reps = "".join(
        f"      - {{id: {rep}, capacity: {plan.capacity}, absences: [{_absences(rep, plan.away)}]}}\n"
        for rep in TEAMS[team]
    )
    members = ", ".join(f"{{rep: {rep}}}" for rep in TEAMS[team])
    return (
        f"  - name: {team}\n    manager: {MANAGERS[team]}\n    calendar: {team}\n    reps:\n{reps}"
        f"    pools: [{{name: inbound, members: [{members}]}}]\n"
    )


def _absences(rep: str, away: Iterable[tuple[str, int, int]]) -> str:
    days = ((_date(start), _date(end)) for who, start, end in away if who == rep)
    return ", ".join(f"{{from: {start}, until: {end}}}" for start, end in days)


def _date(day: int) -> str:
    return format_time(MONDAY + day * DAY)[:10]
