"""What every measurement gets: a broker of its own, a folder, the sizes, and somebody to tell how it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from services.runtime.embedded.broker import Broker, BrokerOptions


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured. The defaults are those of the published table."""

    runs: int = 3
    events: int = 300_000
    people: int = 20_000
    restore_people: int = 1_000_000
    seconds: int = 60
    backlog: int = 200_000
    bulk: int = 1_000_000


@dataclass(slots=True)
class Lab:
    """One broker and one folder, for one measurement."""

    bootstrap: str
    folder: Path
    sizes: Sizes
    say: Callable[[str], None]
    _serial: list[int] = field(default_factory=lambda: [0])

    def number(self) -> int:
        """A number that no run of this lab had before."""
        self._serial[0] += 1
        return self._serial[0]


@contextmanager
def lab(sizes: Sizes, say: Callable[[str], None]) -> Iterator[Lab]:
    """Starts a Kafka as `baton up` would, on its usual settings, and removes it afterwards."""
    with TemporaryDirectory(prefix="baton-bench-") as folder:
        broker = Broker(Path(folder) / "kafka", options=BrokerOptions(partitions=8))
        began = time.monotonic()
        status = broker.start()
        try:
            say(f"Kafka {status.kafka} is up in {time.monotonic() - began:.1f} s")
            yield Lab(broker.bootstrap, Path(folder), sizes, say)
        finally:
            broker.kill()
