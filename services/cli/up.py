"""`baton up`: the whole system on this machine until Ctrl-C, with a broker of its own or on your cluster."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from services.cli.home import SECRET, Remembered, embedded_settings, environment, make_secret, remember, start_broker
from services.cli.supervisor import Supervisor
from services.cli.system import apply_first, create_topics
from services.cli.terminal import out, run
from services.runtime.embedded.broker import Broker, BrokerOptions
from services.runtime.settings import Settings, load

_LOOK_S = 0.25
app = typer.Typer()


@app.command()
def up(
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="DIR", help="Applied if no configuration is active; default config/."),
    ] = None,
    logs: Annotated[bool, typer.Option("--logs/--no-logs", help="Show the services' log lines here.")] = True,
) -> None:
    """Start Kafka (unless BATON_KAFKA names a cluster), create topics, apply config/, run the three services.

    Data and the generated person-key secret stay in the data dir (BATON_DATA_DIR, default .baton). Ctrl-C stops
    everything in good order; a service that fails is started again.

    Example: baton up
    Example: BATON_KAFKA=kafka:9092 baton up --config config/
    """
    stop = _until_signal()
    console = out()
    with _cluster() as settings:
        touched = run(create_topics(settings))
        console.print(f"Kafka at {settings.kafka}; {len(touched)} topics created or changed")
        changes = run(apply_first(settings, config))
        console.print("configuration: as it was" if changes is None else f"configuration: set {changes.set_id} applied")
        where = None if logs else settings.data_dir / "logs"
        with Supervisor(environment(settings), where, say=console.print) as supervisor:
            running = ", ".join(f"{name} (pid {pid})" for name, pid in supervisor.pids().items())
            console.print(f"running: {running}; Ctrl-C stops")
            while not stop.wait(_LOOK_S):
                supervisor.watch()
            console.print("stopping ...")
    console.print("stopped; the data stay")


@contextlib.contextmanager
def _cluster() -> Iterator[Settings]:
    given = load()
    make_secret(given.data_dir / SECRET)
    if given.kafka:
        named = given.secret("person_key_secret")
        own = {} if named else {"person_key_secret_file": (given.data_dir / SECRET).resolve()}
        yield load(**own)
        return
    what = Remembered()
    broker = Broker(given.data_dir / what.kafka, options=BrokerOptions(partitions=what.partitions))
    ran = broker.status().state == "running"
    bootstrap = start_broker(broker)
    remember(given.data_dir, what)
    try:
        yield embedded_settings(given, what, bootstrap)
    finally:
        if not ran:
            broker.stop()


def _until_signal() -> threading.Event:
    """Set by SIGINT or SIGTERM, from now on: also while things are still starting."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return stop
