"""What lies in a broker's data dir, and what can be told from it after any kind of end.

kafka/          Kafka's logs: the data
broker.json     cluster, ports, pid; written before the broker answers, so nothing that was started is ever lost
server.log      the broker's warnings; console.log: what the JVM itself said
"""

from __future__ import annotations

import base64
import fcntl
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from services.runtime.embedded.ports import free_port
from services.runtime.errors import UserError

_CAUSE = re.compile(r"\w+(Exception|Error): \S")
_OURS = frozenset(
    {"kafka", "broker.json", "broker.json.new", "server.properties", "log4j2.properties", "start.lock"}
    | {"console.log", "server.log", "server.log.1", "server.log.2"}
)


class BrokerFile(msgspec.Struct, frozen=True, kw_only=True):
    """broker.json. `pid` is only a hint: a process is believed by its mark."""

    cluster_id: str
    port: int
    controller_port: int
    pid: int | None = None


class DataDir:
    """The paths of one data dir and the few files that are Baton's."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self.logs = self.root / "kafka"
        self.console = self.root / "console.log"
        self.server_log = self.root / "server.log"
        self.server_properties = self.root / "server.properties"
        self.log4j_properties = self.root / "log4j2.properties"
        self._file = self.root / "broker.json"

    def read(self) -> BrokerFile | None:
        """The broker.json, or None if there is none that can be read."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=BrokerFile)
        except (OSError, msgspec.MsgspecError):
            return None

    def write(self, known: BrokerFile) -> None:
        """Replaces broker.json, whole or not at all."""
        fresh = self._file.with_name("broker.json.new")
        fresh.write_bytes(msgspec.json.encode(known))
        fresh.replace(self._file)

    def recovered(self) -> BrokerFile | None:
        """What broker.json said, from Kafka's own files, if the data is there without it; None if there is no data."""
        if not (self.logs / "__cluster_metadata-0").exists():
            return None
        text = (self.logs / "meta.properties").read_text()
        cluster_id = re.search(r"^cluster\.id=(\S+)$", text, re.MULTILINE)
        if cluster_id is None:
            raise UserError(f"{self.logs}/meta.properties: cluster.id: missing", fix="baton kafka reset")
        return BrokerFile(cluster_id=cluster_id[1], port=free_port(), controller_port=free_port())

    def complaint(self) -> str:
        """The line that says why the broker or its JVM ended, as well as can be told; "" if nothing was said."""
        said = [
            line.removeprefix('Exception in thread "main" ').strip()[:300]
            for path in (self.server_log, self.console)
            if path.exists()
            for line in path.read_text(errors="replace").splitlines()
            if line.strip() and " WARN " not in line and not line.startswith("WARNING")
        ]
        return next((line for line in said if _CAUSE.search(line)), said[0] if said else "")

    def clear_messages(self) -> None:
        """Forgets what earlier runs said, so that `complaint` speaks of this one."""
        for path in (self.server_log, self.console):
            path.unlink(missing_ok=True)

    def delete(self) -> None:
        """Deletes everything, unless it holds anything that is not ours: then `UserError`, and nothing is touched."""
        if not self.root.exists():
            return
        if strange := sorted(path.name for path in self.root.iterdir() if path.name not in _OURS):
            raise UserError(
                f"{self.root} is not the data of an embedded Kafka alone: {', '.join(strange[:3])}",
                fix="name its directory with --data, or take these out",
            )
        shutil.rmtree(self.root)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time starts or resets here; the others wait. Released even by SIGKILL."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def new_cluster_id() -> str:
    """A random id in Kafka's form: 16 bytes in URL-safe base64, no padding, no dash in front (it is an argument)."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
