"""A worker with another secret than its journal's would take everybody for a stranger: it stops before it decides."""

from __future__ import annotations

import pytest

from services.runtime.errors import UserError
from services.runtime.exit_codes import ExitCode, exit_code
from services.runtime.record import Batch
from services.scorer.identity import Keyring
from services.scorer.person import PREFIX
from services.scorer.processors import ScorerProcessor
from tests.unit.scorer.world import KEYS, World, configured

ANN = {"email": "ann@acme.example"}
CONTEXT = configured()


def test_another_secret_is_refused_and_the_former_goes_on() -> None:
    world = World(partitions=1)
    world.act(ANN, "page_viewed")
    world.engine.run_until_idle()
    state = world.engine.state("scorer")
    again = Batch("engagement.events", 0, world.engine.records("engagement.events"))
    with pytest.raises(UserError, match="BATON_PERSON_KEY_SECRET") as refusal:
        ScorerProcessor(Keyring(b"a typo", "k1")).process(again, state, CONTEXT)
    assert exit_code(refusal.value) == ExitCode.USER
    assert "key id k1" in str(refusal.value)
    assert not ScorerProcessor(KEYS).process(again, state, CONTEXT).dead_letters


def test_what_is_kept_of_the_secret_does_not_show_it() -> None:
    key, mark = KEYS.seal()
    assert key == b"k:k1"
    assert len(mark) == 8
    assert mark not in KEYS.secret
    assert KEYS.secret not in mark
    assert Keyring(KEYS.secret, "k2").seal() == (b"k:k2", mark)
    assert Keyring(b"a secret that is longer than the sixty-four bytes that the hash takes as its key", "k1").seal()


def test_the_first_person_brings_the_seal_and_time_alone_is_refused_too() -> None:
    stranger = ScorerProcessor(Keyring(b"a typo", "k1"))
    world = World(partitions=1)
    world.publish("nothing.known", {})
    world.engine.run_until_idle()
    (useless,) = world.engine.records("engagement.events")
    assert not stranger.process(Batch("engagement.events", 0, [useless]), {}, CONTEXT).states
    world.act(ANN, "page_viewed")
    world.engine.run_until_idle()
    state = world.engine.state("scorer")
    assert KEYS.seal()[0] in state
    someone = next(key for key in state if key.startswith(PREFIX))
    with pytest.raises(UserError, match="BATON_PERSON_KEY_SECRET"):
        stranger.on_timer(someone, "grade", world.clock.now(), state, CONTEXT)
