"""The garbage collector of a worker: set at its start, out of a restore's way, and nothing stays frozen for good."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from services.runtime import collector

_WORKER = """
import gc, sys
from services.runtime import worker
from services.runtime.settings import load
code = worker.run("toy", [], load(kafka="127.0.0.1:1", data_dir="/nonexistent"))
print(gc.get_threshold())
"""


@pytest.fixture
def as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.enable()
    gc.set_threshold(*thresholds)


def test_a_worker_sets_it_when_it_starts() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", _WORKER], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == str(collector.THRESHOLDS)


@pytest.mark.usefixtures("as_it_was")
def test_a_restore_is_left_alone_and_then_never_walked() -> None:
    collector.hold()
    assert not gc.isenabled()
    kept = [[number] for number in range(1000)]
    collector.settle()
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(kept)


@pytest.mark.usefixtures("as_it_was")
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
