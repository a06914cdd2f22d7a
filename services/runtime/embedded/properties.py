"""The broker's configuration as text: one KRaft node on 127.0.0.1 that keeps nothing but one copy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.runtime.embedded.ports import HOST

NODE_ID = 1
# What makes this node the one that its data dir and its clients know; start() decides it.
OURS = frozenset(
    {
        "advertised.listeners",
        "controller.listener.names",
        "controller.quorum.voters",
        "listeners",
        "log.dirs",
        "node.id",
        "process.roles",
    }
)
DEFAULTS: Mapping[str, str] = {
    "auto.create.topics.enable": "false",
    # one node has one copy
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # few files and a quick start
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(32 << 20),  # its default is a quarter of the whole heap
    # groups form at once, and a dead member is noticed as fast as its session allows
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # after SIGKILL the next start waits for the dead one's session to end: 9 s by default
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
}


def server_properties(log_dir: Path, port: int, controller_port: int, partitions: int, extra: Mapping[str, str]) -> str:
    """The text of server.properties. `extra` wins over the defaults; names in `OURS` are refused with `ValueError`."""
    if taken := sorted(OURS & extra.keys()):
        raise ValueError(f"set by the embedded broker itself: {', '.join(taken)}")
    properties = {
        "process.roles": "broker,controller",
        "node.id": str(NODE_ID),
        # static voters, so that the controller's port may change between two starts on the same data
        "controller.quorum.voters": f"{NODE_ID}@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "log.dirs": str(log_dir),
        "num.partitions": str(partitions),
        **DEFAULTS,
        **extra,
    }
    return "".join(f"{name}={_escaped(value)}\n" for name, value in sorted(properties.items()))


def log4j_properties(log_file: Path) -> str:
    """Warnings and errors into one bounded file, nothing on the console."""
    return f"""\
rootLogger.level = WARN
rootLogger.appenderRef.file.ref = file
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {log_file}
appender.file.filePattern = {log_file}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{ISO8601}} %p %c{{1}}: %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
"""


def _escaped(value: str) -> str:
    """A value as java.util.Properties reads it back: Latin-1, a backslash escapes.

    >>> _escaped("/data/ö")
    '/data/\\\\u00f6'
    """
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
    return "".join(char if ord(char) < 128 else f"\\u{ord(char):04x}" for char in escaped)
