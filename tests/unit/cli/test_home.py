"""What a machine remembers of its system, who wins over it, and what a supervisor makes of a child that can't run."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from services.cli.companion import PARENT
from services.cli.demo_time import HOUR_MS, fast_clock, opening
from services.cli.home import (
    CURRENT,
    SECRET,
    Remembered,
    alone,
    check_ports,
    embedded_settings,
    environment,
    in_shadow,
    make_secret,
    remember,
    remembered,
    system_of,
)
from services.cli.supervisor import Child, Supervisor
from services.runtime.errors import UserError
from services.runtime.settings import check_time, load


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


def test_services_side_by_side_do_not_share_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_HTTP_PORT", "9100")
    with pytest.raises(UserError, match="BATON_HTTP_PORT"):
        check_ports(load())
    monkeypatch.setenv("BATON_HTTP_PORT", "0")
    check_ports(load())


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


def test_up_goes_on_with_the_time_and_partitions_of_the_last_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_PARTITIONS", "4")
    monkeypatch.setenv("BATON_CLOCK_RATE", "60")
    monkeypatch.setenv("BATON_CLOCK_ANCHOR", "5")
    first = system_of(load())
    assert first == Remembered(partitions=4, clock_rate=60.0, clock_anchor=5)
    make_secret(tmp_path / first.secret)
    remember(tmp_path, first)
    for name in ("PARTITIONS", "CLOCK_RATE", "CLOCK_ANCHOR"):
        monkeypatch.delenv(f"BATON_{name}")
    assert system_of(load()) == first, "commands in another shell work with the same system"
    monkeypatch.setenv("BATON_CLOCK_RATE", "1")
    assert system_of(load()).clock_rate == 1.0
    remember(tmp_path, Remembered(kafka="demo/kafka", clock_rate=720.0, clock_anchor=5))
    monkeypatch.delenv("BATON_CLOCK_RATE")
    assert system_of(load()) == Remembered(), "the demo is another system"


def test_a_secret_that_is_gone_is_not_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(tmp_path, system_of(load()))
    with pytest.raises(UserError, match="is gone"):
        system_of(load())
    monkeypatch.setenv("BATON_PERSON_KEY_SECRET", "it was this one")
    assert system_of(load()) == Remembered()


def test_one_at_a_time_runs_in_a_folder_and_the_next_knows_how_the_last_ended(tmp_path: Path) -> None:
    with alone(tmp_path, "baton up") as was_killed:
        assert not was_killed
        with (
            pytest.raises(UserError, match=rf"baton up runs here already \(pid {os.getpid()}\)"),
            alone(tmp_path, "baton up"),
        ):
            pass
    with alone(tmp_path, "baton up") as was_killed:
        assert not was_killed
    program = (
        "import os, pathlib\nfrom services.cli.home import alone\n"
        f"with alone(pathlib.Path({str(tmp_path)!r}), 'x'): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    with alone(tmp_path, "baton up") as was_killed:
        assert was_killed


def test_a_clock_in_the_year_36000_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_CLOCK_RATE", "600")
    monkeypatch.setenv("BATON_CLOCK_ANCHOR", "5")
    with pytest.raises(UserError, match="BATON_CLOCK_ANCHOR"):
        check_time(load(), 1_798_189_200_000)
    monkeypatch.setenv("BATON_CLOCK_ANCHOR", "1798189100000")
    check_time(load(), 1_798_189_200_000)


class Ending:
    """A child's process that has ended, each time it is looked at."""

    def __init__(self, code: int) -> None:
        self.pid, self.code = 0, code

    def poll(self) -> int:
        return self.code


@pytest.mark.parametrize(
    ("code", "gives_up"), [(76, False), (75, False), (-9, False), (0, False), (70, True), (1, True)]
)
def test_a_cluster_that_is_away_for_long_does_not_end_the_supervisor(
    code: int, gives_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor({})
    child = Child("scorer", [], None)
    supervisor.children.append(child)

    def start(_: Supervisor, child: Child) -> None:
        child.process, child.start_at, child.started_at = Ending(code), None, time.monotonic()  # type: ignore[assignment]

    monkeypatch.setattr(Supervisor, "_start", start)
    with contextlib.ExitStack() as expected:
        if gives_up:
            expected.enter_context(pytest.raises(UserError, match=f"ended with {code}"))
        for _ in range(20):
            start(supervisor, child)
            supervisor.watch()


def test_a_worker_ends_with_the_one_who_started_it() -> None:
    worker = (
        "import time\nfrom services.cli.companion import end_with_parent\n"
        "end_with_parent()\nprint(1, flush=True)\ntime.sleep(60)"
    )
    starter = (
        f"import os, subprocess, sys\nos.environ['{PARENT}'] = str(os.getpid())\n"
        f"child = subprocess.Popen([sys.executable, '-c', {worker!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\nprint(child.pid, flush=True)\nos.kill(os.getpid(), 9)"
    )
    told = subprocess.run([sys.executable, "-c", starter], stdout=subprocess.PIPE, check=False, timeout=60)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(told.stdout)).wait(20)


def test_commands_find_a_shadow_and_going_live_is_not_to_ask_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = in_shadow(load())
    what = system_of(asked)
    assert what.shadow
    remember(tmp_path, what)
    make_secret(tmp_path / SECRET)
    found = embedded_settings(load(), remembered(tmp_path), "localhost:1")
    assert found.shadow, "a command looks where `up --shadow` has written"
    assert environment(found)["BATON_SHADOW"] == "true"
    assert environment(found.model_copy(update={"shadow": False}))["BATON_SHADOW"] == "false"
    assert embedded_settings(asked, Remembered(), "localhost:1").shadow
    assert not system_of(load()).shadow, "`baton up` without it is live"
    monkeypatch.setenv("BATON_SHADOW", "false")
    assert not embedded_settings(load(), remembered(tmp_path), "localhost:1").shadow
