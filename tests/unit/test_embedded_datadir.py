"""What a data dir tells after any kind of end, and that nothing of anybody else's is ever touched."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime.embedded import process
from services.runtime.embedded.broker import Broker, BrokerOptions
from services.runtime.embedded.datadir import BrokerFile, DataDir
from services.runtime.embedded.ports import HOST, free_port, is_free
from services.runtime.embedded.probe import ask
from services.runtime.embedded.properties import server_properties
from services.runtime.errors import UserError
from tests.orphans import guarded

KNOWN = BrokerFile(cluster_id="x" * 22, port=21001, controller_port=21002, pid=1)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Another program, whose pid a stale broker.json may name."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as program:
        yield program
        program.kill()


def test_a_pid_that_is_another_programs_is_not_the_broker(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    directory = DataDir(tmp_path)
    directory.write(BrokerFile(cluster_id="c", port=free_port(), controller_port=1, pid=sleeper.pid))
    broker = Broker(tmp_path)
    assert broker.status().state == "stopped"
    assert broker.stop().pid is None
    broker.kill()
    broker.reset()
    assert sleeper.poll() is None, "it killed a program that is not its own"


def test_a_program_with_the_mark_is_found_without_a_pid_file_and_a_dead_one_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "input()", process.mark(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as program:
        found = process.find(tmp_path, None)
        assert found is not None
        assert found.pid == program.pid
        assert process.find(tmp_path / "other", program.pid) is None
        program.kill()
        found.wait()
    assert process.find(tmp_path, program.pid) is None


def test_brokers_end_with_a_killed_test_session_and_others_do_not(tmp_path: Path) -> None:
    left, others = (
        subprocess.Popen([sys.executable, "-c", "input()", process.mark(data)], stdin=subprocess.PIPE)
        for data in (tmp_path / "session" / "own", tmp_path / "session-of-another")
    )
    with left, others, guarded(tmp_path / "session") as guard:
        assert guard.stdin is not None
        guard.stdin.close()  # as the system does for a process that dies
        guard.wait(30)
        left.wait(30)
        assert others.poll() is None
        others.kill()


def test_reset_refuses_a_directory_with_anything_else_in_it(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.odt"):
        Broker(tmp_path).reset()
    assert (tmp_path / "thesis.odt").exists()


def test_reset_of_nothing_is_no_error(tmp_path: Path) -> None:
    assert Broker(tmp_path / "never").reset().state == "stopped"
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("content", [b"", b"{", b'{"port": "x"}'])
def test_a_broken_broker_json_is_no_broker_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broker.json").write_bytes(content)
    assert DataDir(tmp_path).read() is None


def test_data_without_broker_json_is_recovered_and_half_a_format_is_not(tmp_path: Path) -> None:
    directory = DataDir(tmp_path)
    directory.logs.mkdir()
    (directory.logs / "meta.properties").write_text("version=1\ncluster.id=abcDEF_-123\nnode.id=1\n")
    assert directory.recovered() is None
    (directory.logs / "__cluster_metadata-0").mkdir()
    recovered = directory.recovered()
    assert recovered is not None
    assert recovered.cluster_id == "abcDEF_-123"


@pytest.mark.parametrize(
    ("console", "complaint"),
    [
        ("WARNING: restricted\nUnrecognized VM option 'x'\nError: no JVM", "Unrecognized VM option 'x'"),
        ('Exception in thread "main" a.b.ConfigException: bad\n\tat x', "a.b.ConfigException: bad"),
        ("", ""),
    ],
)
def test_the_complaint_is_the_line_that_says_why(tmp_path: Path, console: str, complaint: str) -> None:
    directory = DataDir(tmp_path)
    directory.console.write_text(console)
    assert directory.complaint() == complaint


def test_own_properties_win_but_not_over_what_makes_the_node(tmp_path: Path) -> None:
    text = server_properties(tmp_path / "ö", 1, 2, 8, {"log.cleaner.backoff.ms": "7", "num.partitions": "3"})
    assert "log.cleaner.backoff.ms=7\n" in text
    assert "num.partitions=3\n" in text
    assert "\\u00f6\n" in text
    assert "auto.create.topics.enable=false\n" in text
    with pytest.raises(ValueError, match="listeners"):
        server_properties(tmp_path, 1, 2, 8, {"listeners": "PLAINTEXT://0.0.0.0:1"})


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        directory = DataDir(tmp_path)
        directory.write(KNOWN)
        with pytest.raises(UserError, match=f"port {port} .* is taken"):
            Broker(tmp_path, options=BrokerOptions(port=port)).start()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\x04\0\0\0\1", b"\0" * 40])
def test_what_does_not_speak_kafka_is_no_broker(answer: bytes) -> None:
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        found = ask(HOST, server.getsockname()[1])
        thread.join()
    assert found is None or found.nodes == ()
    assert ask(HOST, free_port()) is None
