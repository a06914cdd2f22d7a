"""`baton up`: the whole system on this machine until Ctrl-C, with a broker of its own or on your cluster."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from services.cli.home import (
    SECRET,
    alone,
    check_ports,
    embedded_settings,
    environment,
    in_shadow,
    make_secret,
    remember,
    start_broker,
    system_of,
)
from services.cli.services import SHADOW
from services.cli.supervisor import Supervisor
from services.cli.system import apply_first, create_topics
from services.cli.terminal import ShadowOption, out, run, warn
from services.runtime.clock import SystemClock
from services.runtime.embedded.broker import Broker, BrokerOptions
from services.runtime.settings import Settings, check_time, load

_LOOK_S = 0.25
_LOOK_AT_KAFKA_S = 2.0
app = typer.Typer()


@app.command()
def up(
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="DIR", help="Applied if no configuration is active; default config/."),
    ] = None,
    logs: Annotated[bool, typer.Option("--logs/--no-logs", help="Show the services' log lines here.")] = True,
    shadow: ShadowOption = False,
) -> None:
    """Start Kafka (unless BATON_KAFKA names a cluster), create topics, apply config/, run the three services.

    Data and the generated person-key secret stay in the data dir (BATON_DATA_DIR, default .baton). Ctrl-C stops
    everything in good order; a service that fails is started again, and so is the embedded Kafka.

    With --shadow everything is decided and nobody is given anything: what Baton writes goes to topics that end in
    .shadow, and `baton shadow report` compares it with what your CRM really did.

    Example: baton up
    Example: BATON_KAFKA=kafka:9092 baton up --config config/
    Example: baton up --shadow
    """
    given = in_shadow(load()) if shadow else load()
    check_ports(given)
    stop = _until_signal()
    console = out()
    with _cluster(given) as (settings, broker):
        check_time(settings, SystemClock().wall())
        touched = run(create_topics(settings))
        console.print(f"Kafka at {settings.kafka}; {len(touched)} topics created or changed")
        if settings.shadow:
            console.print("in shadow: everything is decided, nobody is given anything; see: baton shadow report")
        if settings.clock_rate != 1:
            console.print(f"time runs {settings.clock_rate:g} times as fast (BATON_CLOCK_RATE)")
        changes = run(apply_first(settings, config))
        console.print("configuration: as it was" if changes is None else f"configuration: set {changes.set_id} applied")
        warn(() if changes is None else changes.warnings)
        where = None if logs else settings.data_dir / "logs"
        beside = {SHADOW: ("worker", SHADOW)} if settings.shadow else {}
        with Supervisor(environment(settings), where, say=console.print, also=beside) as supervisor:
            running = ", ".join(f"{name} (pid {pid})" for name, pid in supervisor.pids().items())
            console.print(f"running: {running}; Ctrl-C stops")
            looked = time.monotonic()
            while not stop.wait(_LOOK_S):
                supervisor.watch()
                if broker is not None and time.monotonic() - looked > _LOOK_AT_KAFKA_S:
                    _revive(broker, console)
                    looked = time.monotonic()
            console.print("stopping ...")
    console.print("stopped; the data stay")


@contextlib.contextmanager
def _cluster(given: Settings) -> Iterator[tuple[Settings, Broker | None]]:
    """The settings that follow from what was `given`, and the broker if it is our own."""
    if given.kafka:
        make_secret(given.data_dir / SECRET)
        named = given.secret("person_key_secret")
        own = {} if named else {"person_key_secret_file": (given.data_dir / SECRET).resolve()}
        yield load(**own, shadow=given.shadow), None
        return
    with alone(given.data_dir, "baton up") as last_was_killed:
        what = system_of(given)
        make_secret(given.data_dir / what.secret)
        broker = Broker(given.data_dir / what.kafka, options=BrokerOptions(partitions=what.partitions))
        others = broker.status().state == "running" and not last_was_killed
        try:
            bootstrap = start_broker(broker)
            remember(given.data_dir, what)
            yield embedded_settings(given, what, bootstrap), broker
        finally:
            if not others:
                broker.stop()


def _revive(broker: Broker, console: Console) -> None:
    """Starts a broker that ended again. One that lives and does not answer may only be busy."""
    if broker.status().state == "stopped":
        console.print("Kafka ended; starting it again")
        broker.start()


def _until_signal() -> threading.Event:
    """Set by SIGINT or SIGTERM, from now on: also while things are still starting."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return stop
