"""One embedded broker: what lies in its data dir, and how it is started, stopped, killed and found again.

    kafka/          Kafka's logs (the data)
    broker.json     pid, ports, cluster: written before the broker answers, so nothing that we start is ever lost
    server.log      the broker's warnings; console.log: what the JVM itself said

Everything here blocks; from async code call it in a thread. One start at a time per data dir, also across processes.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import re
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from services.runtime.embedded import process
from services.runtime.embedded.jars import Progress, fetch_jars, kafka_version, locked_jars
from services.runtime.embedded.java import find_java
from services.runtime.embedded.ports import HOST, free_port, is_free
from services.runtime.embedded.probe import ask
from services.runtime.embedded.properties import NODE_ID, log4j_properties, server_properties
from services.runtime.embedded.settings import EmbeddedSettings
from services.runtime.errors import UserError

DEFAULT_DATA = Path(".baton/kafka")
_POLL_S = 0.05
_PORT_TRIES = 3
_OUR_FILES = frozenset(
    {"kafka", "broker.json", "broker.json.new", "server.properties", "log4j2.properties", "start.lock"}
    | {"console.log", "server.log", "server.log.1", "server.log.2"}
)


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """How to run a broker. `properties` go into server.properties and win over the defaults."""

    port: int | None = None  # None: the one it had before if that is free, else any free one
    partitions: int = 8
    properties: Mapping[str, str] = field(default_factory=dict)
    jvm: tuple[str, ...] = ()
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 20.0


class BrokerFile(msgspec.Struct, frozen=True, kw_only=True):
    """broker.json. `pid` is a hint: the process is believed only by its mark."""

    cluster_id: str
    port: int
    controller_port: int
    pid: int | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What `status` found. `starting`: the process lives but does not answer (yet, or because it is frozen)."""

    state: Literal["running", "starting", "stopped"]
    data: str
    kafka: str
    bootstrap: str | None = None  # host:port, also of a stopped broker that had one
    pid: int | None = None


class Broker:
    """The embedded broker of one data dir. Any number of these objects may name the same broker."""

    def __init__(
        self,
        data: Path = DEFAULT_DATA,
        *,
        options: BrokerOptions | None = None,
        settings: EmbeddedSettings | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.data = data.expanduser().resolve()
        self._options = options or BrokerOptions()
        self._settings = settings or EmbeddedSettings()
        self._progress = progress

    @property
    def bootstrap(self) -> str:
        """host:port for clients. Raises `UserError` if this data dir never had a broker."""
        known = self._file()
        if known is None:
            raise UserError(f"no embedded Kafka in {self.data}", fix="baton kafka start")
        return f"{HOST}:{known.port}"

    def start(self) -> Status:
        """Starts the broker and returns when it answers; if it runs already, that broker is reported.

        The data, and the port if it is free, are those of the last time, however that ended. Raises `UserError`
        if Java or the jars can't be had, if `options.port` is taken, or if the broker does not come up.
        """
        with self._one_at_a_time():
            running = self._process()
            if running is None:
                classpath = fetch_jars(self._settings, self._progress)
                self._start_on_free_ports(str(find_java().executable), ":".join(map(str, classpath)))
            elif not self._answers_in_time(running):
                raise UserError(
                    f"the embedded Kafka in {self.data} runs (pid {running.pid}) but does not answer",
                    fix="baton kafka stop, then start",
                )
        return self.status()

    def stop(self) -> Status:
        """Lets the broker close its logs (SIGTERM), kills it if that takes too long. Nothing to do is no error."""
        running = self._process()
        if running is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                running.resume()  # a frozen process could not even hear SIGTERM
            if not process.end(running, signal.SIGTERM, self._options.stop_timeout_s):
                process.end(running, signal.SIGKILL, self._options.stop_timeout_s)
        return self.status()

    def kill(self) -> None:
        """SIGKILL, and waits until it is gone: what a crash of the broker is to its clients."""
        running = self._process()
        if running is not None:
            process.end(running, signal.SIGKILL, self._options.stop_timeout_s)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing is answered, until `thaw`."""
        self._running().suspend()

    def thaw(self) -> None:
        """SIGCONT after `freeze`."""
        self._running().resume()

    def status(self) -> Status:
        """What is true now: a process with our mark, and an answer from our cluster at its port."""
        running, known = self._process(), self._file()
        state: Literal["running", "starting", "stopped"] = "stopped"
        if running is not None:
            state = "running" if known is not None and self._answers(known) else "starting"
        return Status(
            state=state,
            data=str(self.data),
            kafka=kafka_version(locked_jars()),
            bootstrap=f"{HOST}:{known.port}" if known else None,
            pid=running.pid if running else None,
        )

    def reset(self) -> Status:
        """Stops the broker and deletes its data dir. Raises `UserError` if that dir holds something else."""
        if self.data.exists():
            if strange := sorted(path.name for path in self.data.iterdir() if path.name not in _OUR_FILES):
                raise UserError(
                    f"{self.data} is not the data of an embedded Kafka alone: {', '.join(strange[:3])}",
                    fix="name its directory with --data, or take these out",
                )
            with self._one_at_a_time():
                self.stop()
                shutil.rmtree(self.data)
        return self.status()

    def _start_on_free_ports(self, java: str, classpath: str) -> None:
        known = self._file() or self._recovered() or self._format(java, classpath)
        for left in reversed(range(_PORT_TRIES)):
            port = self._options.port or (known.port if is_free(known.port) else free_port())
            if self._options.port and not is_free(port):
                raise UserError(f"port {port} of {HOST} is taken", fix="name another, or none to have one found")
            controller = known.controller_port if is_free(known.controller_port) else free_port()
            if controller == port:
                controller = free_port(avoid=frozenset({port}))
            if self._run(java, classpath, msgspec.structs.replace(known, port=port, controller_port=controller)):
                return
            if left == 0 or (is_free(port) and is_free(controller)):  # it was not the ports
                raise self._did_not_start()

    def _recovered(self) -> BrokerFile | None:
        """What broker.json said, out of Kafka's own files, if there is data without it."""
        if not (self._logs / "__cluster_metadata-0").exists():
            return None
        cluster_id = re.search(r"^cluster\.id=(.+)$", (self._logs / "meta.properties").read_text(), re.MULTILINE)
        if cluster_id is None:
            raise self._did_not_start()
        return BrokerFile(cluster_id=cluster_id[1].strip(), port=free_port(), controller_port=free_port())

    def _format(self, java: str, classpath: str) -> BrokerFile:
        """Makes the log dir. Whatever a start that was cut short left there held no data yet, and goes."""
        shutil.rmtree(self._logs, ignore_errors=True)
        cluster_id = _new_cluster_id()
        port = self._options.port or free_port()
        controller_port = free_port(avoid=frozenset({port}))
        known = BrokerFile(cluster_id=cluster_id, port=port, controller_port=controller_port)
        self._write_properties(known)
        properties = str(self.data / "server.properties")
        command = [*self._java(java, classpath), "kafka.tools.StorageTool", "format"]
        command += ["--cluster-id", cluster_id, "--config", properties]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=self._options.start_timeout_s,
        )
        if done.returncode != 0:
            self._console.write_text(done.stdout + done.stderr)
            raise self._did_not_start()
        self._write(known)
        return known

    def _run(self, java: str, classpath: str, known: BrokerFile) -> bool:
        """Whether the broker came up on these ports."""
        self._write_properties(known)
        heap = f"-Xmx{self._settings.kafka_heap_mb}m"
        command = [*self._java(java, classpath), heap, *self._options.jvm, process.mark(self.data)]
        command += ["kafka.Kafka", str(self.data / "server.properties")]
        pid = process.spawn(command, self._console)
        self._write(msgspec.structs.replace(known, pid=pid))
        started = self._process()
        if started is not None and self._answers_in_time(started):
            return True
        self.kill()
        return False

    def _java(self, java: str, classpath: str) -> list[str]:
        """Serial GC and the first compiler tier's early start suit a small heap on few cores."""
        log4j = f"-Dlog4j2.configurationFile={self.data / 'log4j2.properties'}"
        return [java, "-cp", classpath, "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", log4j]

    def _answers_in_time(self, started: psutil.Process) -> bool:
        deadline = time.monotonic() + self._options.start_timeout_s
        while time.monotonic() < deadline:
            known = self._file()
            if known is not None and self._answers(known):
                return True
            if self._process() != started:
                return False
            time.sleep(_POLL_S)
        return False

    def _answers(self, known: BrokerFile) -> bool:
        answer = ask(HOST, known.port)
        return answer is not None and answer.cluster_id == known.cluster_id and NODE_ID in answer.nodes

    def _did_not_start(self) -> UserError:
        said = [
            line
            for name in ("server.log", "console.log")
            if (self.data / name).exists()
            for line in (self.data / name).read_text(errors="replace").splitlines()
            if " ERROR " in line or "FATAL" in line or "Exception" in line or "Error" in line
        ]
        why = said[-1].strip()[:300] if said else "it ended, or gave no answer, without a word"
        return UserError(
            f"the embedded Kafka did not start: {why}",
            fix=f"see {self.data / 'server.log'}, or begin anew: baton kafka reset",
        )

    def _process(self) -> psutil.Process | None:
        known = self._file()
        return process.find(self.data, known.pid if known else None)

    def _running(self) -> psutil.Process:
        running = self._process()
        if running is None:
            raise UserError(f"no embedded Kafka runs in {self.data}", fix="baton kafka start")
        return running

    @property
    def _logs(self) -> Path:
        return self.data / "kafka"

    @property
    def _console(self) -> Path:
        return self.data / "console.log"

    def _file(self) -> BrokerFile | None:
        try:
            return msgspec.json.decode((self.data / "broker.json").read_bytes(), type=BrokerFile)
        except (OSError, msgspec.MsgspecError):
            return None

    def _write(self, known: BrokerFile) -> None:
        fresh = self.data / "broker.json.new"
        fresh.write_bytes(msgspec.json.encode(known))
        fresh.replace(self.data / "broker.json")

    def _write_properties(self, known: BrokerFile) -> None:
        text = server_properties(
            self._logs, known.port, known.controller_port, self._options.partitions, self._options.properties
        )
        (self.data / "server.properties").write_text(text)
        (self.data / "log4j2.properties").write_text(log4j_properties(self.data / "server.log"))

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _new_cluster_id() -> str:
    """A random id in Kafka's form: 16 bytes in URL-safe base64, no padding, no dash in front (it is an argument)."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
