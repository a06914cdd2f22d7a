"""One Tryton server of our own: started from a template, stopped, killed, frozen, started again on the same port.

Everything here blocks; from async code call it in a thread. A directory holds db/crm.sqlite (the data), trytond.conf
and trytond.log.
"""

from __future__ import annotations

import configparser
import contextlib
import http.client
import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import psutil

from services.runtime.embedded.ports import free_port, is_free
from services.runtime.embedded.process import wait_until_stopped
from services.runtime.errors import UserError
from services.simulator.tryton.environment import Environment, environ, find_environment
from services.simulator.tryton.settings import DATABASE, HOST, ServerSettings, configuration

_POLL_S = 0.05
_PORT_TRIES = 3
_WHICH_DATABASES = json.dumps({"id": 0, "method": "common.db.list", "params": []})
_COMPLAINT = re.compile(r"^[\w.]*(Error|Exception)\b")

# Ends the server when the other end of its standard input is gone: when we were killed and could end nobody.
_GUARD = 'read -r _; kill -KILL "$1"'


class TrytonServer:
    """The server of one directory. A context manager: it runs inside, and nothing of it runs afterwards.

    `template` is the database to begin with, copied when the directory has none yet.
    """

    def __init__(
        self,
        directory: Path,
        *,
        template: Path | None = None,
        settings: ServerSettings | None = None,
        environment: Environment | None = None,
    ) -> None:
        self._root = directory.absolute()
        self._template = template
        self._settings = settings or ServerSettings()
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._port: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Where its clients call: http://127.0.0.1:PORT; the same after every restart."""
        if self._port is None:
            raise UserError(f"no Tryton was started in {self._root}", fix="start it first")
        return f"http://{HOST}:{self._port}"

    @property
    def database(self) -> str:
        """The name of its one database, which is part of every call's path."""
        return DATABASE

    @property
    def pid(self) -> int | None:
        """The running process, if there is one."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """What the server says: its errors and one line per request."""
        return self._root / "trytond.log"

    @property
    def data(self) -> Path:
        """The database file."""
        return self._root / "db" / f"{DATABASE}.sqlite"

    def start(self) -> None:
        """Starts the server and returns when it answers; one that runs already stays as it is.

        The port is the one it had the last time in this directory, or the one that was asked for. Raises `UserError`
        if that is taken, if there is no Tryton here, or if the server does not come up.
        """
        if self.pid is not None:
            return
        self._end(signal.SIGKILL)  # one that ended by itself leaves its guard behind
        program = (self._environment or find_environment()).server
        self._lay_out()
        wanted = self._port or self._settings.port or self._last_port()
        for left in reversed(range(_PORT_TRIES)):
            port = wanted or free_port()
            if not is_free(port):
                raise UserError(f"port {port} of {HOST} is taken", fix="name another, or none to have one found")
            if self._run(program, port):
                self._port = port
                return
            if left == 0 or wanted or is_free(port):  # the port was not the reason
                raise UserError(f"Tryton did not start: {self._last_words()}", fix=f"see {self.log}")

    def stop(self) -> None:
        """SIGTERM: a request that is being answered is cut off and its transaction undone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: what a crash of the CRM is to its clients. What was answered is kept."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stops and starts: same port, same data; sessions live on."""
        self.stop()
        self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """In here connections are accepted and nothing is answered (SIGSTOP)."""
        process = psutil.Process(self._running().pid)
        process.suspend()
        try:
            wait_until_stopped(process, self._settings.stop_timeout_s)
            yield
        finally:
            process.resume()

    def _lay_out(self) -> None:
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if self.data.exists():
            return
        if self._template is None:
            raise UserError(f"no database in {self.data.parent}", fix="name a template to begin with")
        fresh = self.data.with_suffix(".new")
        shutil.copyfile(self._template, fresh)
        fresh.replace(self.data)

    def _run(self, program: Path, port: int) -> bool:
        """Whether the server came up on this port; if not, nothing of it is left."""
        self._configuration.write_text(configuration(self._settings, self.data.parent, port))
        # -d loads the modules before the port opens; without it the first call would have to
        command = [str(program), "-c", str(self._configuration), "-d", DATABASE, "-v"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=environ(self._root),
                cwd=self._root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone, and we end it
            )
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, "guard", str(self._process.pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + self._settings.start_timeout_s
        while self._process.poll() is None and time.monotonic() < deadline:
            served = _databases(port)
            if served is not None:
                if DATABASE in served:
                    return True
                break  # it serves, but not what is in our file
            time.sleep(_POLL_S)
        self.kill()
        return False

    def _end(self, signal_number: signal.Signals) -> None:
        if self._guard is not None:  # first: it must not outlive the process whose number it knows
            self._guard.kill()
            self._guard.communicate()
            self._guard = None
        if self._process is None:
            return
        self._process.send_signal(signal_number)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(self._settings.stop_timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise UserError(f"no Tryton runs in {self._root}", fix="start it first")
        return self._process

    @property
    def _configuration(self) -> Path:
        return self._root / "trytond.conf"

    def _last_port(self) -> int | None:
        known = configparser.ConfigParser(interpolation=None)
        known.read(self._configuration)
        port = known.get("web", "listen", fallback="").rpartition(":")[2]
        return int(port) if port.isdigit() and is_free(int(port)) else None

    def _last_words(self) -> str:
        """Why it ended, as well as can be told from the log."""
        lines = self.log.read_text(errors="replace").splitlines()[-200:] if self.log.exists() else []
        said = [line.strip()[:300] for line in lines if line.strip()]
        return next((line for line in reversed(said) if _COMPLAINT.match(line)), said[-1] if said else "without a word")


def _databases(port: int) -> list[str] | None:
    """The databases that are served on this port; None: nobody answers yet."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("POST", "/rpc/", _WHICH_DATABASES, {"Content-Type": "application/json"})
        names: list[str] = json.loads(connection.getresponse().read())["result"]
    except (OSError, http.client.HTTPException, ValueError, LookupError):
        return None
    finally:
        connection.close()
    return names
