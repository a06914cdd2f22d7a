"""The parts of the simulated CRM that need no server: values on the wire, who works there, what is asked of Tryton."""

from __future__ import annotations

import configparser
import json
import subprocess
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from baton_schemas.documents.teams import Teams
from services.runtime.errors import UserError
from services.simulator.tryton.company import Person, staff_of
from services.simulator.tryton.environment import environ, find_environment
from services.simulator.tryton.settings import ServerSettings, configuration
from services.simulator.tryton.values import packed, unpacked


def test_what_json_has_no_form_for_survives_the_wire() -> None:
    moment = datetime(2026, 3, 2, 9, 30, 1, 234_567, tzinfo=UTC)
    values = [moment, date(2026, 3, 2), timedelta(seconds=1.5), Decimal("12.30"), b"a\0b", {"plain": [1, None, "x"]}]
    assert json.loads(json.dumps(values, default=packed), object_hook=unpacked) == values


def test_a_moment_of_any_zone_is_counted_in_utc() -> None:
    berlin = datetime(2026, 3, 2, 10, 30, tzinfo=timezone(timedelta(hours=1)))
    written = json.loads(json.dumps(berlin, default=packed))
    assert (written["hour"], unpacked(written)) == (9, berlin)


def test_what_tryton_does_not_know_is_not_written() -> None:
    with pytest.raises(TypeError, match="set"):
        json.dumps({1}, default=packed)


def test_the_staff_is_that_of_the_teams_and_who_sells_is_a_rep() -> None:
    rep, pool = {"id": "rep-1", "name": "Anna", "capacity": 3}, {"name": "inbound", "members": [{"rep": "rep-1"}]}
    team = {"calendar": "berlin", "reps": [rep], "pools": [pool]}
    other = {**rep, "id": "rep-2", "name": None}
    staff = staff_of(
        Teams.model_validate(
            {
                "teams": [
                    {**team, "name": "dach", "manager": "mgr-1"},
                    {
                        **team,
                        "name": "uk",
                        "manager": "rep-1",
                        "reps": [other],
                        "pools": [{**pool, "members": [{"rep": "rep-2"}]}],
                    },
                ]
            }
        )
    )
    assert staff.reps == (Person("rep-1", "Anna"), Person("rep-2", "rep-2"))
    assert staff.managers == (Person("mgr-1", "mgr-1"),)


def test_the_configuration_says_what_was_set(tmp_path: Path) -> None:
    written = configparser.ConfigParser(interpolation=None)
    written.read_string(configuration(ServerSettings(session_max_age_s=7, wrong_logins=2), tmp_path, 20_001))
    assert written["session"]["max_age"] == "7"
    assert written["session"]["max_attempt"] == "2"
    assert written["web"]["listen"] == "127.0.0.1:20001"
    assert written["web"]["root"] == ""
    assert written["database"]["path"] == str(tmp_path)


def test_no_setting_of_ours_reaches_tryton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYTOND_DATABASE__URI", "postgresql://somewhere")
    shown = subprocess.run(["env"], env=environ(tmp_path), capture_output=True, text=True, check=True).stdout
    assert "TRYTOND" not in shown
    assert "TZ=UTC" in shown.splitlines()


def test_without_a_tryton_the_fix_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_TRYTON", str(tmp_path))
    with pytest.raises(UserError, match="make tryton"):
        find_environment()
