"""A configuration topic that holds garbage is refused by name, never a bug of whoever reads it (L7)."""

from __future__ import annotations

import pytest

from baton_schemas.configuration import MANIFEST_KEY, ConfigItem, ConfigManifest, ManifestEntry
from services.cli.applying import plan_set
from services.runtime.config_set import CONFIG_TOPIC, BrokenSetError, active_set, digest_of, set_id_of
from services.runtime.processor import Globals

ITEM = ConfigItem(kind="sla", name="sla", digest=digest_of("policies: []"), text="policies: []")
ENTRIES = [ManifestEntry(kind=ITEM.kind, name=ITEM.name, digest=ITEM.digest)]
MANIFEST = ConfigManifest(set_id=set_id_of(ENTRIES), entries=ENTRIES, applied_at=0)


def snapshot(manifest: bytes, item: bytes) -> Globals:
    """A topic with one item and its manifest."""
    return Globals({CONFIG_TOPIC: {MANIFEST_KEY.encode(): manifest, ITEM.key.encode(): item}})


def test_a_whole_set_is_in_force() -> None:
    found = active_set(snapshot(MANIFEST.to_json(), ITEM.to_json()))
    assert (found.set_id, found.of("sla")) == (MANIFEST.set_id, {"sla": "policies: []"})


@pytest.mark.parametrize("garbage", [b"", b"{garbage", b"[]", b'{"entries": 5}', b"\xff"])
def test_garbage_is_a_broken_set_that_quotes_nothing(garbage: bytes) -> None:
    with pytest.raises(BrokenSetError, match=r"^the manifest can't be read$"):
        active_set(snapshot(garbage, ITEM.to_json()))
    with pytest.raises(BrokenSetError, match=r"^sla/sla: can't be read$"):
        active_set(snapshot(MANIFEST.to_json(), garbage))


def test_apply_replaces_a_manifest_that_cannot_be_read() -> None:
    changes, steps = plan_set({("sla", "sla"): "policies: []"}, {MANIFEST_KEY.encode(): b"{garbage"}, now=0)
    assert (changes.before, changes.applied) == ("broken", True)
    assert [len(step) for step in steps] == [1, 1, 0]


def test_apply_mends_an_item_that_was_altered_on_the_topic() -> None:
    present = {MANIFEST_KEY.encode(): MANIFEST.to_json(), ITEM.key.encode(): b"{garbage"}
    _, steps = plan_set({("sla", "sla"): "policies: []"}, present, now=0)
    table = present | {send.key: send.value for step in steps for send in step if send.value is not None}
    assert active_set(Globals({CONFIG_TOPIC: table})).set_id == MANIFEST.set_id
