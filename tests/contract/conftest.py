"""Engines of every kind, for the suites that run on each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.engines import BUILDS, Builder, EngineUnderTest, Options
from tests.contract.toy import CONFIG


@pytest.fixture(params=[pytest.param(name, marks=marks) for name, (_, marks) in BUILDS.items()])
def build(request: pytest.FixtureRequest) -> Iterator[Builder]:
    """Builds engines of one kind; all are closed when the test ends."""
    built: list[EngineUnderTest] = []

    def make(**options: int) -> EngineUnderTest:
        engine = BUILDS[request.param][0](request, Options(**options))
        built.append(engine)
        engine.publish(CONFIG, b"label", b"first")
        return engine

    yield make
    for engine in built:
        engine.close()
