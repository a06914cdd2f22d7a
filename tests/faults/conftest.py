"""What fault tests share: the toy's log under a name of its own, and workers that end with the test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from services.runtime.embedded.broker import Broker
from tests.faults.cluster import Cluster
from tests.faults.outer_log import OuterLog


class ClusterFactory(Protocol):
    """Makes workers over a log that nobody else uses; on the shared broker unless another is named."""

    def __call__(
        self, *, broker: Broker | None = None, partitions: int = 4, engine: str = "faust", **settings: object
    ) -> Cluster: ...


@pytest.fixture
def cluster(request: pytest.FixtureRequest, unique: Callable[[str], str], tmp_path: Path) -> Iterator[ClusterFactory]:
    numbers = itertools.count()
    with ExitStack() as stack:

        def make(
            *, broker: Broker | None = None, partitions: int = 4, engine: str = "faust", **settings: object
        ) -> Cluster:
            shared: Broker = broker or request.getfixturevalue("kafka")
            log = OuterLog(shared.bootstrap, unique(f"{next(numbers)}."), partitions)
            log.create()
            stack.callback(log.close)
            workers = Cluster(log, Path(tempfile.mkdtemp(dir=tmp_path)), engine, **settings)
            stack.callback(workers.close)
            return workers

        yield make
