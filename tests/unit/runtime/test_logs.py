"""One form for everybody's lines, and nobody's data in them."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
import structlog

from services.runtime import logs
from services.runtime.errors import UserError
from services.runtime.settings import Settings


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """A stream that gets the log; the process's own logging is put back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_ours_and_the_libraries_lines_have_one_form(out: io.StringIO) -> None:
    logs.configure("json", "INFO", stream=out, processor="scorer", pid=7)
    structlog.get_logger("baton.test").info("worker.ready", partitions=8)
    logging.getLogger("aiokafka.consumer").warning("Heartbeat failed: %s", "NotCoordinator")
    ours, theirs = lines(out)
    assert ours.pop("at").endswith("Z")
    assert ours == {
        "event": "worker.ready", "level": "info", "logger": "baton.test", "partitions": 8, "processor": "scorer",
        "pid": 7,
    }  # fmt: skip
    assert theirs["event"] == "Heartbeat failed: NotCoordinator"
    assert (theirs["logger"], theirs["level"], theirs["processor"]) == ("aiokafka.consumer", "warning", "scorer")


def test_libraries_are_quiet_unless_asked(out: io.StringIO) -> None:
    logs.configure("json", "INFO", stream=out)
    logging.getLogger("mode.services").info("Starting...")
    assert out.getvalue() == ""
    logs.configure("json", "DEBUG", stream=out)
    logging.getLogger("mode.services").info("Starting...")
    assert lines(out)[0]["event"] == "Starting..."


def test_level_counts(out: io.StringIO) -> None:
    logs.configure("json", "WARNING", stream=out)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("heard")
    assert [line["event"] for line in lines(out)] == ["heard"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_the_console_form_and_a_pipe_json(out: io.StringIO) -> None:
    terminal = _Terminal()
    logs.configure("auto", stream=terminal)
    structlog.get_logger().info("worker.ready", partitions=8)
    assert "worker.ready" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
    logs.configure("auto", stream=out)
    structlog.get_logger().info("worker.ready")
    assert lines(out)


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_personal_data_gets_out(out: io.StringIO, form: logs.Format) -> None:
    class Person(pydantic.BaseModel):
        age: int

    logs.configure(form, stream=out)
    log = structlog.get_logger()
    log.info("one", email="jane@example.org", phone="+49 30 1234567", name="Jane Roe", topic="engagement.events")
    log.info("two", traits={"city": "Ulm"}, facts={"email": "jane@example.org", "n": 1}, seen=["jane@example.org"])
    log.info("mail to jane.roe+x@mail.example.org failed", raw=b"Jane Roe")
    logging.getLogger("lib").warning("sent to %s", "<jane@example.org>")
    secrets = json.loads('["Jane Roe, Ulm", "Ulm"]')
    for fails in (lambda: Person.model_validate({"age": secrets[0]}), lambda: {}[secrets[0]], lambda: int(secrets[1])):
        try:
            fails()
        except (ValueError, KeyError):
            log.exception("three")
    text = out.getvalue()
    for secret in ("jane", "Jane", "1234567", "Ulm", "example.org"):
        assert secret not in text.replace('["Jane Roe, Ulm", "Ulm"]', "")
    assert "engagement.events" in text
    assert "<8 bytes>" in text
    assert "age" in text, "the field's name stays"


def test_errors_of_ours_and_of_the_system_keep_their_words(out: io.StringIO) -> None:
    logs.configure("json", stream=out)
    try:
        try:
            Path("/nowhere/at/all").read_bytes()
        except OSError as error:
            raise UserError("BATON_KAFKA_CA_FILE: not readable", fix="name a 'readable' file") from error
    except UserError:
        structlog.get_logger().exception("failed")
    text = lines(out)[0]["exception"]
    assert text.index("No such file or directory: '/nowhere/at/all'") < text.index("UserError: BATON_KAFKA_CA_FILE")
    assert "name a 'readable' file" in text
    assert "test_logs.py" in text


def test_what_was_removed_is_named(out: io.StringIO) -> None:
    logs.configure("json", stream=out)
    structlog.get_logger().info("one", email="jane@example.org", Phone="1", topic="t")
    assert lines(out)[0]["removed"] == ["Phone", "email"]


def test_one_line_stays_one_line(out: io.StringIO) -> None:
    logs.configure("json", stream=out)
    structlog.get_logger().info("one\ntwo", field="a\r\nb")
    assert len(out.getvalue().splitlines()) == 1


def test_fausts_worker_leaves_logging_alone() -> None:
    program = """
        import logging, sys
        from services.runtime import logs
        import faust
        logs.configure("json", processor="scorer")
        mine = logging.getLogger().handlers[:]
        app = faust.App("t", broker="kafka://127.0.0.1:1", web_enabled=False)
        worker = faust.Worker(app, **logs.LEAVE_LOGGING_ALONE)
        async def start():
            await worker.default_on_first_start()
        worker.on_execute = lambda: __import__("asyncio").sleep(0)
        worker.loop.run_until_complete(start())
        assert logging.getLogger().handlers == mine, "handlers were replaced"
        assert sys.stdout is sys.__stdout__
        logging.getLogger("faust.app").warning("hello")
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "hello"


def test_settings_offer_exactly_these_forms() -> None:
    assert set(logs.Format.__args__) == {"auto", "json", "console"}  # type: ignore[attr-defined]
    assert str(Settings.model_fields["log_format"].annotation) == str(logs.Format)
