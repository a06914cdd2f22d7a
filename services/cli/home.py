"""Where this machine's Baton lives: which cluster, secret and clock; so commands find what `up` or `demo` left.

`BATON_KAFKA` names a cluster: then the environment says everything. Without it there is the embedded broker, and what
`up` and `demo` remember in the data dir (`current.json`): partitions, clock, and the file with the generated secret.
A command that finds that broker stopped starts it, does its work, and stops it again; it says so.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import typer

from services.runtime.embedded.broker import Broker, BrokerOptions
from services.runtime.embedded.jars import download_notice
from services.runtime.embedded.settings import EmbeddedSettings
from services.runtime.errors import UserError
from services.runtime.settings import Settings, load

EMBEDDED_PARTITIONS = 8
CURRENT = "current.json"
SECRET = "person-key-secret"  # noqa: S105 - a file's name


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What a system on the embedded broker consists of. Paths are relative to the data dir."""

    kafka: str = "kafka"
    secret: str = SECRET
    partitions: int = EMBEDDED_PARTITIONS
    clock_rate: float = 1.0
    clock_anchor: int = 0
    shadow: bool = False


def remembered(data_dir: Path) -> Remembered:
    """What is remembered in a data dir, or the defaults. Raises UserError when the file can't be read."""
    path = data_dir / CURRENT
    try:
        return msgspec.json.decode(path.read_bytes(), type=Remembered)
    except FileNotFoundError:
        return Remembered()
    except (OSError, msgspec.MsgspecError) as error:
        raise UserError(f"{path}: {error}", fix="remove the file, or run `baton up`") from error


def remember(data_dir: Path, what: Remembered) -> None:
    """Writes it down, whole or not at all."""
    data_dir.mkdir(parents=True, exist_ok=True)
    fresh = data_dir / (CURRENT + ".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(what)))
    fresh.replace(data_dir / CURRENT)


def system_of(given: Settings) -> Remembered:
    """What `up` runs in a data dir: as the last time, but for what the environment says now.

    Time, above all, must not jump back when the same system is started again. Raises UserError when the secret of the
    last time is gone: with another one, everybody would be somebody else.
    """
    was, own = remembered(given.data_dir), Remembered()
    if was.kafka != own.kafka:  # the demo's
        return _said(given, own)
    ran, secret = (given.data_dir / CURRENT).exists(), given.data_dir / was.secret
    if (
        ran
        and not secret.exists()
        and not given.person_key_secret.get_secret_value()
        and not given.person_key_secret_file
    ):
        raise UserError(
            f"{secret}: is gone, and every key on the topics was made with it",
            fix="put it back; or give up the data: baton kafka reset, and remove " + str(given.data_dir / CURRENT),
        )
    return _said(given, was)


def _said(given: Settings, what: Remembered) -> Remembered:
    names = given.model_fields_set & {"partitions", "clock_rate", "clock_anchor"}
    said = {name: getattr(given, name) for name in names}
    return msgspec.structs.replace(what, **said, shadow=given.shadow)  # to go live is not to say it any more


@contextmanager
def alone(room: Path, who: str) -> Iterator[bool]:
    """One at a time runs in a folder; says whether the last one was killed. Raises UserError that names the other."""
    room.mkdir(parents=True, exist_ok=True)
    with (room / "running.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UserError(
                f"{room}: {who} runs here already (pid {lock.read().strip()})",
                fix="stop it, or name another folder: BATON_DATA_DIR",
            ) from None
        lock.seek(0)
        was_killed = bool(lock.read())
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield was_killed
        lock.truncate(0)


def make_secret(path: Path) -> None:
    """Generates the person-key secret, unless there is one; only the owner may read it."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")


def embedded_settings(given: Settings, what: Remembered, bootstrap: str) -> Settings:
    """The settings of a system on the embedded broker; what the environment says wins."""
    own: dict[str, object] = {
        "kafka": bootstrap,
        "partitions": what.partitions,
        "clock_rate": what.clock_rate,
        "clock_anchor": what.clock_anchor,
    }
    if not given.person_key_secret.get_secret_value() and given.person_key_secret_file is None:
        secret = given.data_dir / what.secret
        if secret.exists():
            own["person_key_secret_file"] = secret.resolve()
    said = {name: value for name, value in own.items() if name not in given.model_fields_set or name == "kafka"}
    return load(**said, shadow=given.shadow if "shadow" in given.model_fields_set else what.shadow)


def in_shadow(settings: Settings) -> Settings:
    """The same installation's settings, but in shadow: it decides beside the CRM and assigns nothing."""
    return settings.model_copy(update={"shadow": True})


@contextmanager
def cluster(*, start: bool = True) -> Iterator[Settings]:
    """Settings with a cluster that answers. Raises UserError when there is none, and nothing to start one from."""
    given = load()
    if given.kafka:
        yield given
        return
    what = remembered(given.data_dir)
    broker = Broker(given.data_dir / what.kafka, options=BrokerOptions(partitions=what.partitions))
    found = broker.status()
    if found.state == "running" and found.bootstrap:
        yield embedded_settings(given, what, found.bootstrap)
        return
    if not start or not (broker.data / "kafka").exists():
        raise UserError(
            "no Kafka: BATON_KAFKA is not set and no embedded one has run here", fix="baton up, or make demo"
        )
    typer.echo(f"starting the embedded Kafka on {given.data_dir / what.kafka} for this command", err=True)
    bootstrap = start_broker(broker)
    try:
        yield embedded_settings(given, what, bootstrap)
    finally:
        broker.stop()


def start_broker(broker: Broker) -> str:
    """Starts it and gives host:port; says first what has to be downloaded, and how much."""
    if notice := download_notice(EmbeddedSettings()):
        typer.echo(f"downloading {notice}", err=True)
    return broker.start().bootstrap or broker.bootstrap


def check_ports(settings: Settings) -> None:
    """Raises UserError when the services could not start side by side."""
    if settings.http_port:
        raise UserError(
            "BATON_HTTP_PORT: several services of one machine can't listen on one port",
            fix="leave it out or set it to 0: each tells its free port in run/<service>-<pid>.json of the data dir",
        )


def environment(settings: Settings) -> dict[str, str]:
    """The environment for child processes that are to work with `settings`."""
    own = {
        "BATON_KAFKA": settings.kafka,
        "BATON_PARTITIONS": str(settings.partitions),
        "BATON_CLOCK_RATE": str(settings.clock_rate),
        "BATON_CLOCK_ANCHOR": str(settings.clock_anchor),
        "BATON_SHADOW": "true" if settings.shadow else "false",
    }
    if settings.person_key_secret_file is not None:
        own["BATON_PERSON_KEY_SECRET_FILE"] = str(settings.person_key_secret_file)
    return {**os.environ, **own}
