"""A real Kafka for every test that means Kafka, and names that keep those tests apart."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, settings

from services.runtime.embedded.broker import Broker, BrokerOptions
from services.runtime.embedded.jars import download_notice
from services.runtime.embedded.settings import load_embedded
from tests.orphans import guarded

settings.register_profile("baton", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("baton")  # how busy the machine is says nothing of the code

# What the test broker does faster than a careful one.
TEST_PROPERTIES: Mapping[str, str] = {
    "broker.session.timeout.ms": "2000",  # so long a start after SIGKILL waits
    "log.cleaner.backoff.ms": "200",  # compaction that a test forces shows within a second
    "log.initial.task.delay.ms": "500",
}


class BrokerFactory(Protocol):
    """Makes a broker that one test may stop, kill, freeze and start again; started unless told otherwise."""

    def __call__(
        self, *, properties: Mapping[str, str] | None = None, port: int | None = None, start: bool = True
    ) -> Broker: ...


@pytest.fixture(scope="session")
def broker_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where brokers' data go; those still running if pytest is killed end with it."""
    directory = tmp_path_factory.mktemp("brokers")
    with guarded(directory):
        yield directory


@pytest.fixture(scope="session")
def kafka(broker_dir: Path) -> Iterator[Broker]:
    """The session's broker (`.bootstrap` is host:port). All tests share it: never stop it, use `unique` names."""
    broker = _new(broker_dir / "shared", {}, None)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


@pytest.fixture
def own_broker(broker_dir: Path) -> Iterator[BrokerFactory]:
    """A factory of brokers of the test's own; all are gone when the test ends."""
    with contextlib.ExitStack() as brokers:

        def make(*, properties: Mapping[str, str] | None = None, port: int | None = None, start: bool = True) -> Broker:
            data = Path(tempfile.mkdtemp(prefix="own-", dir=broker_dir))
            broker = _new(data, properties or {}, port)
            brokers.callback(broker.kill)
            if start:
                broker.start()
            return broker

        yield make


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """`unique("events")` is a topic or group name of this test's own on the shared broker."""
    test = re.sub(r"[^A-Za-z0-9]+", "-", request.node.nodeid.partition("::")[2]).strip("-")[:60]
    serial = request.config.stash.setdefault(_SERIAL, [0])
    serial[0] += 1
    return lambda name: f"t{serial[0]}-{test}.{name}"


_SERIAL = pytest.StashKey[list[int]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Says before the first test what the broker will download, so that a slow first run explains itself."""
    wants_kafka = any({"kafka", "own_broker"} & set(getattr(item, "fixturenames", ())) for item in session.items)
    if wants_kafka and not session.config.option.collectonly:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and (notice := download_notice(load_embedded())):
            reporter.write_line(f"downloading {notice}")


def _new(data: Path, properties: Mapping[str, str], port: int | None) -> Broker:
    options = BrokerOptions(
        port=port,
        properties={**TEST_PROPERTIES, **properties},
        jvm=("-XX:TieredStopAtLevel=1",),  # tests are short: a second of compiling less is worth more than speed
    )
    return Broker(data, options=options)
