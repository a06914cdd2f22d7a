"""What a machine remembers of its system, who wins over it, and what a supervisor makes of a child that can't run."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from services.cli.demo_time import HOUR_MS, fast_clock, opening
from services.cli.home import CURRENT, SECRET, Remembered, embedded_settings, make_secret, remember, remembered
from services.cli.supervisor import Supervisor
from services.runtime.errors import UserError
from services.runtime.settings import load


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("BATON_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path))


def test_the_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    make_secret(tmp_path / "room" / SECRET)
    first = (tmp_path / "room" / SECRET).read_text()
    make_secret(tmp_path / "room" / SECRET)
    assert (tmp_path / "room" / SECRET).read_text() == first
    assert len(first.strip()) == 64
    assert (tmp_path / "room" / SECRET).stat().st_mode & 0o777 == 0o600


def test_what_was_remembered_counts_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert remembered(tmp_path) == Remembered()
    what = Remembered(kafka="demo/kafka", partitions=4, clock_rate=60.0, clock_anchor=5)
    remember(tmp_path, what)
    assert remembered(tmp_path) == what
    make_secret(tmp_path / SECRET)
    found = embedded_settings(load(), what, "127.0.0.1:1")
    assert (found.kafka, found.partitions, found.clock_rate, found.clock_anchor) == ("127.0.0.1:1", 4, 60.0, 5)
    assert found.required_secret("person_key_secret")
    monkeypatch.setenv("BATON_PARTITIONS", "2")
    monkeypatch.setenv("BATON_PERSON_KEY_SECRET", "mine")
    found = embedded_settings(load(), what, "127.0.0.1:1")
    assert (found.partitions, found.required_secret("person_key_secret")) == (2, b"mine")


def test_a_torn_memory_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / CURRENT).write_text("{")
    with pytest.raises(UserError, match=r"current\.json"):
        remembered(tmp_path)


def watched(supervisor: Supervisor) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        supervisor.watch()


def test_a_child_that_a_person_has_to_fix_ends_the_supervisor_with_its_last_words(tmp_path: Path) -> None:
    environment = {**os.environ, "BATON_PARTITIONS": "many"}
    with Supervisor(environment, tmp_path / "logs") as supervisor, pytest.raises(UserError, match="BATON_PARTITIONS"):
        watched(supervisor)
    assert supervisor.pids() == {}


def test_the_demo_opens_on_a_working_monday_and_its_clock_shows_it() -> None:
    friday = 1_798_189_200_000  # 2026-12-25, Christmas
    start = opening(friday)
    assert (start - 345_600_000) % (7 * 24 * HOUR_MS) == 7 * HOUR_MS, "a Monday, seven o'clock"
    assert start > friday
    scale = fast_clock(start, 720.0, friday)
    assert abs(scale.at(friday) - start) <= 720
    assert abs(scale.at(friday + 1000) - start - 720_000) <= 720
