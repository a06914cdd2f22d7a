"""An apply is whole or not at all: items first, then the manifest, then tombstones; nothing when nothing changed."""

from __future__ import annotations

from services.cli.applying import plan_set
from services.cli.config_folder import Documents, read_folder
from services.runtime.config_set import CONFIG_TOPIC, active_set
from services.runtime.processor import Globals
from tests.unit.cli.whole import EXAMPLES

BANK, SEGMENT = read_folder(EXAMPLES / "bank"), read_folder(EXAMPLES / "segment")


def applied(table: dict[bytes, bytes], documents: Documents, most: int = 10**6) -> dict[bytes, bytes]:
    """The table after the first `most` records of an apply."""
    table = dict(table)
    _, steps = plan_set(documents, table, now=1)
    for record in [record for step in steps for record in step][:most]:
        if record.value is None:
            table.pop(record.key)
        else:
            table[record.key] = record.value
    return table


def in_force(table: dict[bytes, bytes]) -> dict[tuple[str, str], str]:
    return {(kind, name): text for (kind, name), text in active_set(Globals({CONFIG_TOPIC: table})).documents.items()}


def test_an_apply_that_is_cut_short_anywhere_leaves_the_old_set_or_the_new_one() -> None:
    table = applied({}, BANK)
    _, steps = plan_set(SEGMENT, table, now=2)
    total = sum(map(len, steps))
    seen = [in_force(applied(table, SEGMENT, most)) for most in range(total + 1)]
    assert seen[0] == BANK
    assert seen[-1] == SEGMENT
    assert all(found in (BANK, SEGMENT) for found in seen)


def test_items_of_the_old_set_are_gone_afterwards_and_a_second_apply_changes_nothing() -> None:
    table = applied(applied({}, BANK), SEGMENT)
    assert len([key for key in table if not key.startswith(b"history/")]) == len(SEGMENT) + 1
    changes, steps = plan_set(SEGMENT, table, now=3)
    assert (changes.applied, steps) == (False, [])
    assert len(changes.same) == len(SEGMENT)


def test_it_says_what_changed() -> None:
    table = applied({}, BANK)
    other: Documents = {**BANK, ("sla", "sla"): BANK["sla", "sla"] + "\n# a note\n"}
    del other["reasons", "reasons"]
    changes, _ = plan_set(other, table, now=2)
    assert (changes.changed, changes.removed, changes.added) == (["sla/sla"], ["reasons/reasons"], [])


def test_a_broken_set_on_the_topic_can_be_replaced() -> None:
    table = applied({}, BANK)
    del table[next(key for key in table if key.startswith(b"sla/"))]
    changes, _ = plan_set(BANK, table, now=2)
    assert (changes.before, changes.applied) == ("broken", True)
    assert in_force(applied(table, BANK)) == BANK
