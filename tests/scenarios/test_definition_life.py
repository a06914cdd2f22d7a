"""A definition's life on a real Kafka, as both teams type it: proposed, signed where it stands, applied, replaced."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from baton_schemas.catalogue import TOPICS
from services.cli.main import app
from services.runtime.config_set import CONFIG_TOPIC
from services.runtime.embedded.broker import Broker
from services.runtime.kafka import admin
from services.runtime.settings import load
from services.runtime.sshsig import public_line
from tests.unit.cli.whole import EXAMPLES

pytestmark = pytest.mark.kafka
RUNNER = CliRunner()


def baton(*arguments: str | Path) -> str:
    result = RUNNER.invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str | Path) -> str:
    result = RUNNER.invoke(app, list(map(str, arguments)))
    assert result.exit_code == 2, result.output
    return result.output


@pytest.fixture
def folder(kafka: Broker, unique: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bank's example with signers of this test, on a stage of its own."""
    monkeypatch.setenv("BATON_KAFKA", kafka.bootstrap)
    monkeypatch.setenv("BATON_TOPIC_PREFIX", unique("") + ".")
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path / "baton"))
    settings = load()
    asyncio.run(admin.apply(settings, admin.plan(settings, {CONFIG_TOPIC: TOPICS[CONFIG_TOPIC]})))
    shutil.copytree(EXAMPLES / "bank", tmp_path / "config")
    signers = ""
    for team in ("marketing", "sales"):
        key = Ed25519PrivateKey.generate()
        (tmp_path / team).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        signers += f'{team}: [{{name: {team.title()}, key: "{public_line(key)}"}}]\n'
    (tmp_path / "config" / "signers.yaml").write_text(signers)
    return tmp_path


def test_from_a_draft_to_what_was_before(folder: Path) -> None:
    config = folder / "config"
    file, signers = config / "definition.yaml", config / "signers.yaml"
    file.write_text(file.read_text().partition("\nsignatures:")[0])
    assert "has not signed" in refused("apply", config)

    proposed = json.loads(baton("definition", "propose", file, "--by", "Maren Holt", "--json"))
    assert "baton definition sign --proposed" in baton("definition", "propose", file)
    assert "proposed since" in baton("definition", "show", "term-deposit@proposed")
    assert "no list of signers is in force" in refused(
        "definition", "sign", "--proposed", "term-deposit", "--key", folder / "sales"
    )
    for team in ("sales", "marketing"):  # from two machines: neither has the other's signature in a file
        baton("definition", "sign", "--proposed", proposed["ref"], "--key", folder / team, "--signers", signers)
    baton("definition", "propose", file)  # the draft without signatures: those on the topic stay
    file.write_text(baton("definition", "show", "term-deposit@proposed", "--yaml"))
    assert "signed by both teams" in baton("definition", "check", file)
    baton("apply", config, "--by", "Ops")
    assert "active since" in baton("definition", "show", "term-deposit")
    assert "is in force already" in refused("definition", "propose", file)

    newer_text = file.read_text().replace("enter: 28", "enter: 30").replace("version: 1", "version: 2")
    file.write_text(newer_text.replace("review_by: 2027-12-31", "review_by: 2020-01-31"))
    assert "thresholds.enter 28 -> 30 (+2)" in baton("definition", "diff", "term-deposit", file)
    assert "altered after sales signed" in refused("apply", config)
    assert [each["state"] for each in json.loads(baton("definition", "history", "--json"))] == ["active"]
    for team in ("marketing", "sales"):
        baton("definition", "sign", file, "--key", folder / team)
    (warning,) = json.loads(baton("apply", config, "--by", "Ops", "--json"))["warnings"]
    assert warning.startswith("term-deposit: review_by: 2020-01-31 is")
    newer, older = json.loads(baton("definition", "history", "term-deposit", "--json"))
    assert (newer["version"], newer["state"], older["version"], older["state"]) == (2, "active", 1, "retired")
    assert older["digest"] == proposed["digest"]
    assert [period["until"] for period in older["periods"]] == [newer["periods"][0]["since"]]
    assert "Marketing for marketing" in older["signed"]
    assert "enter 30 -> 28 (-2)" in baton("definition", "diff", "term-deposit@2", "term-deposit@1")
    assert "retired on" in baton("definition", "show", "term-deposit@1")
    late = refused("definition", "sign", "--proposed", "term-deposit@1", "--key", folder / "sales")
    assert "is retired - propose what is to be signed" in late
