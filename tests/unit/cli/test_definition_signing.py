"""Both teams sign a file with the keys that they have, and nobody has to believe Baton: ssh-keygen says the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.cli.office import Office, baton
from tests.unit.cli.whole import EXAMPLES, ROOT


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.delenv("BATON_KAFKA", raising=False)
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path / "baton"))
    return Office(tmp_path)


def test_both_teams_sign_and_it_can_be_applied(office: Office) -> None:
    office.sign()
    checked = baton("check", office.file)
    assert checked.exit_code == 0, checked.output
    assert "signed by both teams" in checked.output
    shown = json.loads(baton("show", office.file, "--json").stdout)
    assert [(each["team"], each["by"]) for each in shown["signatures"]] == [("marketing", "Mia, CMO"), ("sales", "Sam")]
    assert (shown["missing"], shown["void"], shown["warnings"]) == ([], [], [])


def test_a_change_makes_signatures_void_and_signing_again_makes_it_whole(office: Office) -> None:
    office.sign()
    office.edit("points: 20", "points: 25")
    checked = baton("check", office.file)
    assert checked.exit_code == 1
    line = 1 + office.file.read_text().splitlines().index("  - team: marketing")
    assert f"definition.yaml:{line}: signatures.0: altered after marketing signed" in checked.output
    office.sign()
    assert baton("check", office.file).exit_code == 0


def test_a_forged_signature_is_a_mistake(office: Office) -> None:
    office.sign()
    document = yaml.safe_load(office.file.read_text())
    first, second = document["signatures"]
    first["signature"], second["signature"] = second["signature"], first["signature"]
    office.file.write_text(yaml.safe_dump(document, sort_keys=False))
    checked = baton("check", office.file)
    assert checked.exit_code == 2
    assert "signatures.0: marketing's signature was made with another key - take it out" in checked.output


def test_without_a_list_of_signers_nobody_can_sign_and_check_says_so(office: Office) -> None:
    office.signers.unlink()
    assert "signers.yaml" in baton("sign", office.file, "--key", office.keys["Mia"]).output
    checked = baton("check", office.file)
    assert checked.exit_code == 1
    assert "can't be checked" in checked.output


def test_a_terminal_is_asked_for_the_passphrase(office: Office) -> None:
    keyboard, terminal = os.openpty()
    files = [str(office.file), "--key", str(office.keys["Sam"])]
    command = [sys.executable, "-m", "services.cli", "definition", "sign", *files]
    with subprocess.Popen(
        command,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as signing:
        assert signing.stderr is not None
        prompt = f"Passphrase of {office.keys['Sam']}: ".encode()
        heard = b""
        while not heard.endswith(prompt):
            letter = signing.stderr.read(1)
            assert letter, heard
            heard += letter
        os.write(keyboard, b"open sesame\n")
        told, _ = signing.communicate(timeout=60)
    os.close(keyboard)
    os.close(terminal)
    assert signing.returncode == 0
    assert b"sales: Sam" in told
    assert b"sesame" not in told


def test_the_document_and_the_bytes_that_are_signed_come_out_as_they_are(office: Office) -> None:
    assert baton("show", office.file, "--yaml").stdout == office.file.read_text()
    canonical = baton("show", office.file, "--canonical").stdout_bytes
    assert json.loads(canonical)["name"] == "small"
    assert not canonical.endswith(b"\n")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen on this machine: nobody to compare with")
def test_ssh_keygen_signs_for_us_and_checks_what_we_signed(office: Office) -> None:
    """As CONTRIBUTING tells it: nobody has to believe Baton, and a key may stay where Baton never sees it."""
    folder = office.file.parent
    message = folder / "bytes"
    message.write_bytes(baton("show", office.file, "--canonical").stdout_bytes)
    office.keys["Mia"].chmod(0o600)
    sign = ["ssh-keygen", "-Y", "sign", "-n", "baton-definition@v1", "-f", str(office.keys["Mia"]), str(message)]
    subprocess.run(sign, check=True, capture_output=True, timeout=60)
    assert baton("sign", office.file, "--signature", folder / "bytes.sig").exit_code == 0
    assert json.loads(baton("show", office.file, "--json").stdout)["signatures"][0]["by"] == "Mia, CMO"
    office.edit("points: 20", "points: 21")
    refused = baton("sign", office.file, "--signature", folder / "bytes.sig")
    assert refused.exit_code == 2
    assert "the signature does not fit the content" in refused.output
    office.edit("points: 21", "points: 20")
    office.sign()
    (folder / "allowed").write_text(f"sam {office.lines['Sam']}\n")
    (folder / "sam.sig").write_text(yaml.safe_load(office.file.read_text())["signatures"][1]["signature"])
    verify = ["ssh-keygen", "-Y", "verify", "-n", "baton-definition@v1", "-f", str(folder / "allowed"), "-I", "sam"]
    told = [*verify, "-s", str(folder / "sam.sig")]
    subprocess.run(told, input=message.read_bytes(), check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("folder", [ROOT / "config", EXAMPLES / "bank", EXAMPLES / "segment"])
def test_the_examples_are_signed_by_both_teams_and_no_key_lies_about(folder: Path) -> None:
    shown = json.loads(baton("show", folder / "definition.yaml", "--json").stdout)
    assert [each["by"] for each in shown["signatures"]] == [
        "Maren Holt, Head of Marketing",
        "Jonas Weber, Head of Sales",
    ]
    assert not [path for path in folder.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
