"""One embedded broker: started, stopped, killed, frozen, and found again after whatever happened to it.

Everything here blocks; from async code call it in a thread.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from services.runtime.embedded import process
from services.runtime.embedded.datadir import BrokerFile, DataDir, new_cluster_id
from services.runtime.embedded.jars import Progress, fetch_jars, kafka_version, locked_jars
from services.runtime.embedded.java import find_java
from services.runtime.embedded.ports import HOST, free_port, is_free
from services.runtime.embedded.probe import ask
from services.runtime.embedded.properties import NODE_ID, log4j_properties, server_properties
from services.runtime.embedded.settings import EmbeddedSettings, load_embedded
from services.runtime.errors import UserError

DEFAULT_DATA = Path(".baton/kafka")
State = Literal["running", "starting", "stopped"]
_POLL_S = 0.05
_PORT_TRIES = 3


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """How to run a broker. `properties` go into server.properties and win over the defaults."""

    port: int | None = None  # None: the one it had before if that is free, else any free one
    partitions: int = 8
    properties: Mapping[str, str] = field(default_factory=dict)
    jvm: tuple[str, ...] = ()
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 20.0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a broker. `starting`: the process lives but does not answer (yet, or because it is frozen)."""

    state: State
    data: str
    kafka: str
    bootstrap: str | None = None  # host:port, also of a stopped broker that had one
    pid: int | None = None


class Broker:
    """The embedded broker of one data dir. Any number of these objects, in any process, may name the same broker."""

    def __init__(
        self,
        data: Path = DEFAULT_DATA,
        *,
        options: BrokerOptions | None = None,
        settings: EmbeddedSettings | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._dir = DataDir(data)
        self._options = options or BrokerOptions()
        self._settings = settings or load_embedded()
        self._progress = progress

    @property
    def data(self) -> Path:
        """The data dir, absolute."""
        return self._dir.root

    @property
    def bootstrap(self) -> str:
        """host:port for clients. Raises `UserError` if this data dir never had a broker."""
        known = self._dir.read()
        if known is None:
            raise UserError(f"no embedded Kafka in {self.data}", fix="baton kafka start")
        return f"{HOST}:{known.port}"

    def start(self) -> Status:
        """Starts the broker and returns when it answers; if it runs already, that broker is reported.

        The data, and the port if it is free, are those of the last time, however that ended. Raises `UserError`
        if Java or the jars can't be had, if `options.port` is taken, or if the broker does not come up.
        """
        with self._dir.locked():
            running = self._process()
            if running is not None and self._dir.read() is None:
                self.kill()  # its data dir was deleted or damaged under it: no client can be told its port
                running = None
            if running is None:
                classpath = fetch_jars(self._settings, self._progress)
                self._start([str(find_java().executable), "-cp", ":".join(map(str, classpath))])
                running = self._running()
            elif not self._answers_in_time(running):
                raise UserError(
                    f"the embedded Kafka in {self.data} runs (pid {running.pid}) but does not answer",
                    fix="baton kafka stop, then start",
                )
        return self._told("running", running.pid)

    def stop(self) -> Status:
        """Lets the broker close its logs (SIGTERM), kills it if that takes too long. Nothing to stop is no error."""
        running = self._process()
        if running is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                running.resume()  # a frozen process would not hear SIGTERM
            if not process.end(running, signal.SIGTERM, self._options.stop_timeout_s):
                self.kill()
        return self.status()

    def kill(self) -> None:
        """SIGKILL, and waits until it is gone: what a crash of the broker is to its clients."""
        running = self._process()
        if running is not None:
            process.end(running, signal.SIGKILL, self._options.stop_timeout_s)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing is answered, until `thaw`. Returns when every thread has stopped,
        which on a busy machine is a moment after the signal."""
        running = self._running()
        running.suspend()
        process.wait_until_stopped(running, self._options.stop_timeout_s)

    def thaw(self) -> None:
        """SIGCONT after `freeze`. If it was frozen for seconds, it takes about one more until it leads again."""
        self._running().resume()

    def status(self) -> Status:
        """What is true now: is there a process with our mark, and does our cluster answer at its port."""
        running, known = self._process(), self._dir.read()
        if running is None:
            return self._told("stopped", None)
        return self._told("running" if known is not None and _answers(known) else "starting", running.pid)

    def reset(self) -> Status:
        """Stops the broker and deletes its data dir. Raises `UserError` if that dir holds anything else."""
        if self.data.exists():
            with self._dir.locked():
                self.stop()
                self._dir.delete()
        return self.status()

    def _told(self, state: State, pid: int | None) -> Status:
        known = self._dir.read()
        bootstrap = f"{HOST}:{known.port}" if known else None
        return Status(
            state=state, data=str(self.data), kafka=kafka_version(locked_jars()), bootstrap=bootstrap, pid=pid
        )

    def _start(self, java: list[str]) -> None:
        known = self._dir.read() or self._dir.recovered() or self._format(java)
        for left in reversed(range(_PORT_TRIES)):
            port = self._options.port or (known.port if is_free(known.port) else free_port())
            if not is_free(port):
                raise UserError(f"port {port} of {HOST} is taken", fix="name another, or none to have one found")
            controller_port = known.controller_port
            if controller_port == port or not is_free(controller_port):
                controller_port = free_port(avoid=frozenset({port}))
            known = msgspec.structs.replace(known, port=port, controller_port=controller_port)
            if self._run(java, known):
                return
            if left == 0 or (is_free(port) and is_free(controller_port)):  # the ports were not the reason
                raise self._did_not_start()

    def _format(self, java: list[str]) -> BrokerFile:
        """Makes the log dir. What a format that was cut short left there held no data yet, and goes."""
        shutil.rmtree(self._dir.logs, ignore_errors=True)
        port = self._options.port or free_port()
        known = BrokerFile(cluster_id=new_cluster_id(), port=port, controller_port=free_port(avoid=frozenset({port})))
        self._configure(known)
        command = [*self._jvm(java), "kafka.tools.StorageTool", "format", "--cluster-id", known.cluster_id]
        try:
            with self._dir.console.open("w") as console:
                subprocess.run(
                    [*command, "--config", str(self._dir.server_properties)],
                    stdout=console,
                    stderr=subprocess.STDOUT,
                    check=True,
                    timeout=self._options.start_timeout_s,
                )
        except subprocess.SubprocessError as error:
            raise self._did_not_start() from error
        self._dir.write(known)
        return known

    def _run(self, java: list[str], known: BrokerFile) -> bool:
        """Whether the broker came up on these ports; if not, nothing of it is left."""
        self._configure(known)
        options = [f"-Xmx{self._settings.kafka_heap_mb}m", *self._options.jvm, process.mark(self.data)]
        command = [*self._jvm(java), *options, "kafka.Kafka", str(self._dir.server_properties)]
        pid = process.spawn(command, self._dir.console)
        self._dir.write(msgspec.structs.replace(known, pid=pid))
        started = self._process()
        if started is not None and self._answers_in_time(started):
            return True
        self.kill()
        return False

    def _configure(self, known: BrokerFile) -> None:
        self._dir.clear_messages()
        options = self._options
        self._dir.server_properties.write_text(
            server_properties(self._dir.logs, known.port, known.controller_port, options.partitions, options.properties)
        )
        self._dir.log4j_properties.write_text(log4j_properties(self._dir.server_log))

    def _jvm(self, java: list[str]) -> list[str]:
        """A small heap on few cores is served best by the simplest collector."""
        log4j = f"-Dlog4j2.configurationFile={self._dir.log4j_properties}"
        return [*java, "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", log4j]

    def _answers_in_time(self, started: psutil.Process) -> bool:
        deadline = time.monotonic() + self._options.start_timeout_s
        while time.monotonic() < deadline and self._process() == started:
            known = self._dir.read()
            if known is not None and _answers(known):
                return True
            time.sleep(_POLL_S)
        return False

    def _did_not_start(self) -> UserError:
        why = self._dir.complaint() or "it ended, or gave no answer, without a word"
        return UserError(
            f"the embedded Kafka did not start: {why}",
            fix=f"see {self._dir.server_log} and {self._dir.console}, or begin anew: baton kafka reset",
        )

    def _process(self) -> psutil.Process | None:
        known = self._dir.read()
        return process.find(self.data, known.pid if known else None)

    def _running(self) -> psutil.Process:
        running = self._process()
        if running is None:
            raise UserError(f"no embedded Kafka runs in {self.data}", fix="baton kafka start")
        return running


def _answers(known: BrokerFile) -> bool:
    """Another program, another Kafka even, may have the port by now: only our cluster's answer counts."""
    answer = ask(HOST, known.port)
    return answer is not None and answer.cluster_id == known.cluster_id and NODE_ID in answer.nodes
