"""Databases to begin with, made once per version and kept in the user's cache: making one takes a minute of computing,
copying one takes none.

Two are kept: Tryton's modules activated (the long part), and on top of it a company with its people.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp

from services.runtime.embedded.settings import EmbeddedSettings, load_embedded
from services.runtime.errors import UserError
from services.simulator.tryton import company, rpc
from services.simulator.tryton.environment import Environment, environ, find_environment
from services.simulator.tryton.server import TrytonServer
from services.simulator.tryton.settings import DATABASE, ServerSettings, configuration

_MODULES = ("ir", "res", "sale_opportunity")
_TIMEOUT_S = 900


class Templates:
    """The cached databases of the Tryton that is installed here. Several processes may ask at once: one makes it."""

    def __init__(self, *, settings: EmbeddedSettings | None = None, environment: Environment | None = None) -> None:
        self._environment = environment or find_environment()
        self._cache = (settings or load_embedded()).cache_dir() / "tryton"

    def notice(self, staff: company.Staff) -> str | None:
        """What `of` will do that takes long; None if nothing."""
        if self._path("company", staff).exists():
            return None
        return f"making Tryton's database: once, about a minute, kept in {self._cache}"

    def of(self, staff: company.Staff) -> Path:
        """The database of this company: every person has a user, and nothing was sold yet.

        Raises `UserError` if Tryton fails to make it.
        """
        return self._cached("company", staff, lambda fresh: self._found(staff, fresh))

    def bare(self) -> Path:
        """The database of a Tryton in which nobody has done anything: one user, `admin`."""
        return self._cached("bare", None, self._initialise)

    def _path(self, kind: str, staff: company.Staff | None) -> Path:
        """Named by all that it depends on: the versions, the people, and how the company is founded."""
        parts = [self._environment.fingerprint(), repr((_MODULES, company.password(company.ADMIN)))]
        if staff is not None:
            parts += [repr(staff), Path(company.__file__).read_text()]
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        return self._cache / f"{kind}-{digest[:16]}.sqlite"

    def _cached(self, kind: str, staff: company.Staff | None, make: Callable[[Path], None]) -> Path:
        path = self._path(kind, staff)
        if not path.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            with _locked(self._cache / f"{kind}.lock"):
                if not path.exists():  # else another process made it meanwhile
                    fresh = path.with_suffix(".new")
                    fresh.unlink(missing_ok=True)
                    make(fresh)
                    fresh.replace(path)
        return path

    def _initialise(self, fresh: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="baton-tryton-") as directory:
            work = Path(directory)
            database = work / f"{DATABASE}.sqlite"
            database.touch()  # Tryton takes an empty file for a database to be made, and a missing one for a mistake
            (work / "trytond.conf").write_text(configuration(ServerSettings(), work, 0))
            (work / "password").write_text(company.password(company.ADMIN) + "\n")
            command = [str(self._environment.admin), "-c", str(work / "trytond.conf"), "-d", DATABASE]
            command += ["-u", *_MODULES, "--activate-dependencies", "--email", "admin@example.com"]
            try:
                subprocess.run(
                    command,
                    env={**environ(work), "TRYTONPASSFILE": str(work / "password")},
                    cwd=work,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    check=True,
                    timeout=_TIMEOUT_S,
                )
            except subprocess.CalledProcessError as error:
                words = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
                raise UserError(f"Tryton made no database: {' '.join(words)}", fix="make tryton anew") from error
            _snapshot(database, fresh)

    def _found(self, staff: company.Staff, fresh: Path) -> None:
        bare = self.bare()
        with (
            tempfile.TemporaryDirectory(prefix="baton-tryton-") as directory,
            TrytonServer(Path(directory), template=bare, environment=self._environment) as server,
        ):
            asyncio.run(_fill(server, staff))
            server.stop()
            _snapshot(server.data, fresh)


async def _fill(server: TrytonServer, staff: company.Staff) -> None:
    async with aiohttp.ClientSession() as http:
        admin = await rpc.login(http, server.url, server.database, company.ADMIN, company.password(company.ADMIN))
        await company.found(admin, staff)


def _snapshot(database: Path, target: Path) -> None:
    """Copies what was committed, also what still lies in the write-ahead log."""
    with contextlib.closing(sqlite3.connect(database)) as source, contextlib.closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the others wait. Released even by SIGKILL."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
