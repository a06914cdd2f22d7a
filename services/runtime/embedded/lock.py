"""Writes `kafka-jars.lock`: `python -m services.runtime.embedded.lock VERSION`, by hand, when Kafka is to move.

The only place that reads POMs; everything else takes the lock file's word.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from services.runtime.embedded.jars import KAFKA, LOCK, _sha256

# Kafka's POM leaves out the log4j binding of slf4j that its own distribution ships: without it the broker is mute.
LOG4J = "org.apache.logging.log4j:log4j-core:"
LOG4J_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:"


def lock_lines(version: str, repo: Path) -> list[str]:
    """`sha256 size coordinate` of the broker's jar and everything it needs at run time, sorted by coordinate."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - slow to import

    context = MavenContext(repo_cache=repo, timeout=30)
    broker = context.create_dependency(f"{KAFKA}:{version}")
    inputs, transitive = context.resolver.resolve([broker])
    artifacts = [dependency.artifact for dependency in (*inputs, *transitive) if not dependency.optional]
    log4j = next(a.version for a in artifacts if f"{a.groupId}:{a.artifactId}:" == LOG4J)
    artifacts.append(context.create_dependency(LOG4J_BINDING + log4j).artifact)
    lines = []
    for artifact in artifacts:
        path = artifact.resolve()
        lines.append((f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}", path))
    return [f"{_sha256(path)} {path.stat().st_size} {coordinate}" for coordinate, path in sorted(lines)]


def main(version: str) -> None:
    with TemporaryDirectory() as repo:
        lines = lock_lines(version, Path(repo))
    heading = f"# sha256, bytes, coordinate of every jar of {KAFKA}:{version}; written by embedded/lock.py"
    LOCK.write_text("\n".join([heading, *lines]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
