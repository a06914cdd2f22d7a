"""The garbage collector of a worker: set at its start, out of a restore's way, and nothing stays frozen for good."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.runtime import collector, worker
from services.runtime.exit_codes import ExitCode
from services.runtime.kafka.core import Core
from services.runtime.settings import load


@pytest.fixture
def ours() -> Iterator[None]:
    with collector.tuned():
        yield
    gc.unfreeze()
    gc.enable()


def test_a_worker_sets_it_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    seen = []

    @asynccontextmanager
    async def noting(_: Core) -> AsyncIterator[None]:
        seen.append(gc.get_threshold())
        yield

    before = gc.get_threshold()
    nowhere = load(kafka="127.0.0.1:1", data_dir=tmp_path)
    assert worker.run("toy", [], nowhere, beside=noting) is not ExitCode.OK
    assert seen == [collector.THRESHOLDS]
    assert gc.get_threshold() == before != collector.THRESHOLDS


@pytest.mark.usefixtures("ours")
def test_a_restore_is_left_alone_and_then_never_walked() -> None:
    collector.hold()
    assert not gc.isenabled()
    kept = [[number] for number in range(1000)]
    collector.settle()
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(kept)


@pytest.mark.usefixtures("ours")
def test_a_ring_of_what_was_restored_goes_with_it() -> None:
    class Ring:
        pass

    ring = Ring()
    ring.itself = ring  # type: ignore[attr-defined]
    gone = weakref.ref(ring)
    collector.hold()
    collector.settle()
    del ring
    gc.collect()
    assert gone() is not None
    collector.thaw()
    assert gone() is None
