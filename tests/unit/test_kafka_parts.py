"""Small promises around the engines: connection, groups of processors, exit codes, fault points."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Never

import pytest
from aiokafka import TopicPartition

from services.runtime.errors import Fenced, Transient, UserError
from services.runtime.exit_codes import ExitCode, exit_code
from services.runtime.kafka.connection import connection
from services.runtime.kafka.core import arrange
from services.runtime.kafka.lanes import Lanes, SplitAssignment
from services.runtime.kafka.surroundings import ProcessorFailed
from services.runtime.settings import load


@dataclass
class Reads:
    name: str
    inputs: tuple[str, ...]


def test_processors_share_a_group_unless_they_read_the_same_topic() -> None:
    lead, team, twin = Reads("lead", ("a", "b")), Reads("team", ("c",)), Reads("twin", ("b",))
    assert arrange([lead, team, twin]) == [[lead, team], [twin]]  # type: ignore[list-item, comparison-overlap]


def test_a_rebalance_makes_no_lane_once_the_worker_stops() -> None:
    def make(*_: object) -> Never:
        raise AssertionError("a lane was made")

    async def run() -> int:
        lanes = Lanes([Reads("lead", ("a",))], str, make, lambda _: None, patience_s=1.0)  # type: ignore[list-item]
        with pytest.raises(AssertionError, match="a lane was made"):
            lanes.assign(1, [TopicPartition("a", 0)])
        await lanes.end()
        lanes.assign(2, [TopicPartition("a", 0)])
        return len(lanes)

    assert asyncio.run(run()) == 0


def test_no_cluster_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="BATON_KAFKA: not set"):
        connection(load(kafka=""))


def test_a_password_is_required_and_read_from_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    settings = {"kafka": "a:1,b:2", "kafka_security": "SASL_PLAINTEXT", "kafka_user": "me"}
    with pytest.raises(UserError, match="BATON_KAFKA_PASSWORD"):
        connection(load(**settings))
    found = connection(load(**settings, kafka_password_file=secret))
    assert found["bootstrap_servers"] == ["a:1", "b:2"]
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("me", "s3cret")


def test_a_certificate_that_cannot_be_read_names_the_variables(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="BATON_KAFKA_CA_FILE"):
        connection(load(kafka="a:1", kafka_security="SSL", kafka_ca_file=tmp_path / "none.pem"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, ExitCode.OK),
        (UserError("x"), ExitCode.USER),
        (Fenced("x"), ExitCode.FENCED),
        (Transient("x"), ExitCode.UNAVAILABLE),
        (ProcessorFailed("x"), ExitCode.BUG),
        (SplitAssignment("x"), ExitCode.SPLIT),
        (ZeroDivisionError(), ExitCode.BUG),
    ],
)
def test_each_end_has_its_own_exit_code(error: BaseException | None, code: ExitCode) -> None:
    assert exit_code(error) is code


def passes(fault: str, times: int) -> subprocess.CompletedProcess[str]:
    program = f"from services.runtime.kafka import faults\nfor _ in range({times}): faults.point('in_timer', '3')\n"
    return subprocess.run(
        [sys.executable, "-c", program],
        env={"BATON_FAULT": fault, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_fault_point_kills_at_its_count_and_says_so() -> None:
    done = passes("in_timer:2", 2)
    assert (done.returncode, done.stderr) == (-9, "fault hit: in_timer:2 3\n")
    assert passes("in_timer:3", 2).returncode == 0
    assert passes("in_timer:1:exit", 1).returncode == ExitCode.FAULT


@pytest.mark.parametrize("fault", ["nowhere:1", "in_timer:x", "in_timer:1:explode", "in_timer"])
def test_a_fault_that_does_not_exist_is_refused(fault: str) -> None:
    assert "UserError: BATON_FAULT" in passes(fault, 1).stderr
