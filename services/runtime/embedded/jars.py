"""Kafka's own jars, exactly those of the lock file, downloaded once and kept in the user's cache.

Every jar's sha256 is checked each time it is used, so neither a changed repository nor a torn download can start.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from traceback import clear_frames
from typing import Protocol

from services.runtime.embedded.mirror import repository, without_secret
from services.runtime.embedded.settings import EmbeddedSettings
from services.runtime.errors import UserError

LOCK = Path(__file__).with_name("kafka-jars.lock")
KAFKA = "org.apache.kafka:kafka_2.13"
_AT_ONCE = 4
_TIMEOUT_S = 30


class Progress(Protocol):
    """Called from any thread while jars are downloaded, with bytes."""

    def __call__(self, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock file."""

    coordinate: str  # group:artifact:version
    sha256: str
    size: int  # bytes

    @property
    def filename(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def locked_jars(lock: Path = LOCK) -> tuple[Jar, ...]:
    """The jars that the lock file names, in its order."""
    lines = (line.split() for line in lock.read_text().splitlines() if line and not line.startswith("#"))
    return tuple(Jar(coordinate, sha256, int(size)) for sha256, size, coordinate in lines)


def kafka_version(jars: Iterable[Jar]) -> str:
    """The version of the broker among `jars`."""
    return next(jar.coordinate.rpartition(":")[2] for jar in jars if jar.coordinate.startswith(KAFKA + ":"))


def jar_dir(settings: EmbeddedSettings) -> Path:
    """Where the jars are kept."""
    return settings.cache_dir() / "jars"


def missing_jars(settings: EmbeddedSettings, jars: Sequence[Jar] | None = None) -> tuple[Jar, ...]:
    """The jars that `fetch_jars` would download now: those not in the cache, or not as locked."""
    directory = jar_dir(settings)
    return tuple(jar for jar in jars or locked_jars() if not _is_intact(directory / jar.filename, jar))


def download_notice(settings: EmbeddedSettings, jars: Sequence[Jar] | None = None) -> str | None:
    """What `fetch_jars` will download, how much, and where to; None if nothing."""
    wanted = jars or locked_jars()
    missing = missing_jars(settings, wanted)
    if not missing:
        return None
    source = without_secret(repository(settings.maven_mirror)) or "Maven Central"
    size = sum(jar.size for jar in missing) / 1e6
    return (
        f"Apache Kafka {kafka_version(wanted)}: {len(missing)} files, {size:.1f} MB"
        f" from {source}, once, into {jar_dir(settings)}"
    )


def fetch_jars(
    settings: EmbeddedSettings, progress: Progress | None = None, jars: Sequence[Jar] | None = None
) -> tuple[Path, ...]:
    """The paths of all locked jars, after downloading what is missing. Touches no network if nothing is.

    Raises `UserError` if a jar can't be had, or is not the locked one. Several processes may do this at once.
    """
    wanted = jars or locked_jars()
    directory = jar_dir(settings)
    missing = missing_jars(settings, wanted)
    if missing:
        source = repository(settings.maven_mirror)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=directory, prefix="download-") as staging:
                _download(missing, source, Path(staging), directory, progress)
        except OSError as error:
            raise _unavailable(source, directory, str(error)) from error
    return tuple(directory / jar.filename for jar in wanted)


def _download(jars: Sequence[Jar], source: str, staging: Path, directory: Path, progress: Progress | None) -> None:
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - slow to import, rarely needed

    context = MavenContext(
        resolver=PythonResolver(progress_callback=_progress_of(jars, progress)),
        repo_cache=staging,
        remote_repos={"mirror": source} if source else None,
        timeout=_TIMEOUT_S,
    )

    def fetch(jar: Jar) -> None:
        try:
            path: Path = context.create_dependency(jar.coordinate).artifact.resolve()
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
            clear_frames(error.__traceback__)  # an answer that was not to be had lies there, with its connection open
            raise _unavailable(source, directory, _one_line(error, jar)) from error
        if not _is_intact(path, jar):
            raise UserError(
                f"{jar.filename} from {without_secret(source) or 'Maven Central'} is not the locked file"
                f" (sha256 {_sha256(path)[:12]}.., locked {jar.sha256[:12]}..)",
                fix="try again, or set BATON_MAVEN_MIRROR to a repository you trust",
            )
        path.replace(directory / jar.filename)  # whole or not at all, whoever else is downloading

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for done in [pool.submit(fetch, jar) for jar in jars]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _progress_of(jars: Sequence[Jar], progress: Progress | None) -> Callable[..., object] | None:
    """jgo's callback (file name, size -> context manager of a function that takes bytes) out of ours."""
    if progress is None:
        return None
    total, done, guard = sum(jar.size for jar in jars), 0, threading.Lock()

    def advance(size: int) -> None:
        nonlocal done
        with guard:
            done += size
            progress(done, total)

    @contextmanager
    def one_file(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield advance

    return one_file


def _unavailable(source: str, directory: Path, why: str) -> UserError:
    return UserError(
        f"Kafka's jars can't be had from {without_secret(source) or 'Maven Central'}: {why}",
        fix=f"go online once, or set BATON_MAVEN_MIRROR to a Maven repository you can reach, or BATON_CACHE"
        f" to a filled cache (now {directory.parent}), or BATON_KAFKA to a running Kafka",
    )


def _one_line(error: BaseException, jar: Jar) -> str:
    """What went wrong without the URL, which may hold a password."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = "not found there" if isinstance(error, RuntimeError) else type(error).__name__
    return f"{jar.coordinate}: {reason}"


def _is_intact(path: Path, jar: Jar) -> bool:
    try:
        return path.stat().st_size == jar.size and _sha256(path) == jar.sha256
    except OSError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        for chunk in iter(partial(file.read, 1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()
