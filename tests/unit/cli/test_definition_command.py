"""`baton definition` on files, as people and scripts type it; with keys that ssh-keygen could have made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from typer.testing import CliRunner, Result

from baton_schemas.contract import format_time, parse_time
from services.cli.main import app
from services.runtime.sshsig import public_line
from tests.unit.cli.whole import EXAMPLES, ROOT

RUNNER = CliRunner()


def baton(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, ["definition", *map(str, arguments)])


class Office:
    """A folder with a definition, the list of who may sign it, and the keys of three people."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "definition.yaml"
        self.signers = folder / "signers.yaml"
        self.keys: dict[str, Path] = {}
        self.lines: dict[str, str] = {}
        for name in ("Mia", "Sam", "Eve"):
            key = Ed25519PrivateKey.generate()
            encryption = BestAvailableEncryption(b"open sesame") if name == "Sam" else NoEncryption()
            self.keys[name] = folder / name
            self.keys[name].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption))
            self.lines[name] = public_line(key)
        (folder / "passphrase").write_text("open sesame\n")
        self.passphrase = folder / "passphrase"
        self.list()
        assert baton("init", self.file, "--name", "small").exit_code == 0

    def list(self, until: str = "") -> None:
        self.signers.write_text(
            f'marketing: [{{name: Mia, title: CMO, key: "{self.lines["Mia"]}"{until}}}]\n'
            f'sales: [{{name: Sam, key: "{self.lines["Sam"]}"}}]\n'
        )

    def edit(self, before: str, after: str) -> None:
        text = self.file.read_text()
        assert before in text
        self.file.write_text(text.replace(before, after, 1))

    def sign(self) -> None:
        assert baton("sign", self.file, "--key", self.keys["Mia"]).exit_code == 0
        signed = baton("sign", self.file, "--key", self.keys["Sam"], "--passphrase-file", self.passphrase)
        assert signed.exit_code == 0, signed.output


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.delenv("BATON_KAFKA", raising=False)
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path / "baton"))
    return Office(tmp_path)


def test_a_starting_point_passes_its_check_but_for_signatures(office: Office) -> None:
    checked = baton("check", office.file, "--json")
    assert checked.exit_code == 1
    found = json.loads(checked.stdout)
    assert (found["valid"], found["problems"], found["state"]) == (True, [], "draft")
    assert [line.split(": ", 1)[1].partition(" - ")[0] for line in found["warnings"]] == [
        "signatures: marketing has not signed",
        "signatures: sales has not signed",
    ]
    assert baton("init", office.file).exit_code == 2
    assert "is there already" in baton("init", office.file).output
    assert "name" in baton("init", office.file.with_name("x.yaml"), "--name", "No Name").output
    assert not office.file.with_name("x.yaml").exists()


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


def test_everything_wrong_is_named_with_line_field_and_fix(office: Office) -> None:
    office.edit("half_life_days: 14", "halflife_days: 14")
    office.edit("within_days: 30", "within_days: 3000")
    office.edit("points: 20", "points: 20.55")
    checked = baton("check", office.file, "--json")
    assert checked.exit_code == 2
    problems = json.loads(checked.stdout)["problems"]
    lines = office.file.read_text().splitlines()
    for field, text in (
        ("fit.0.points", "points: 20.55"),
        ("engagement.0.halflife_days", "halflife_days: 14"),
        ("required.0.within_days", "within_days: 3000"),
    ):
        at = next(number for number, line in enumerate(lines, 1) if text in line)
        assert [problem for problem in problems if f"definition.yaml:{at}: {field}: " in problem], (field, problems)
    assert len(problems) == 3


def test_what_does_not_hold_together_is_named_with_its_line_too(office: Office) -> None:
    office.edit("any_of: [demo_request, pricing_visit]", "any_of: [demo_request, pricing_vist]")
    checked = baton("check", office.file)
    assert checked.exit_code == 2
    at = next(n for n, line in enumerate(office.file.read_text().splitlines(), 1) if "pricing_vist" in line)
    assert f"definition.yaml:{at}: required.0.any_of: no engagement criterion `pricing_vist`, did you" in checked.output


def test_a_forged_signature_is_a_mistake(office: Office) -> None:
    office.sign()
    document = yaml.safe_load(office.file.read_text())
    first, second = document["signatures"]
    first["signature"], second["signature"] = second["signature"], first["signature"]
    office.file.write_text(yaml.safe_dump(document, sort_keys=False))
    checked = baton("check", office.file)
    assert checked.exit_code == 2
    assert "signatures.0: marketing's signature was made with another key - take it out" in checked.output


def test_a_passed_review_a_removed_signer_and_what_is_missing_are_warnings(office: Office) -> None:
    text = office.file.read_text()
    review = next(line for line in text.splitlines() if line.startswith("review_by"))
    office.edit(review, "review_by: 2020-01-31")
    office.sign()
    office.list(", until: 2099-01-01T00:00:00Z")
    assert "Mia" not in baton("check", office.file).output, "he is still there"
    at = yaml.safe_load(office.file.read_text())["signatures"][0]["at"]
    office.list(f", until: {format_time(parse_time(at) + 1)}")
    checked = baton("check", office.file)
    assert checked.exit_code == 1
    assert "review_by: 2020-01-31 is" in checked.output
    assert "Mia, CMO, who signed for marketing, may not since" in checked.output
    shown = baton("show", office.file)
    assert shown.exit_code == 0
    assert "review_by: 2020-01-31 is" in shown.output
    office.edit("review_by: 2020-01-31\n", "")
    assert "review_by: none" in baton("check", office.file).output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sign", "FILE", "--key", "Eve"), "not listed"),
        (("sign", "FILE", "--key", "Sam"), "--passphrase-file"),
        (("sign", "FILE", "--key", "Sam", "--passphrase-file", "definition.yaml"), "wrong passphrase"),
        (("sign", "FILE", "--key", "signers.yaml"), "not an OpenSSH private key"),
        (("sign", "FILE", "--key", "nothing"), "--key: "),
        (("sign", "FILE", "--signature", "signers.yaml"), "not an OpenSSH signature"),
        (("sign", "FILE", "--proposed", "small"), "name one of them"),
        (("show", "nothing.yaml"), "can't be read"),
        (("diff", "FILE", "nothing.yaml"), "can't be read"),
        (("history",), "no Kafka"),
        (("propose", "FILE"), "no Kafka"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_the_file_alone(office: Office, arguments: tuple[str, ...], says: str) -> None:
    folder, before = office.file.parent, office.file.read_text()
    names = {"FILE": "definition.yaml", "small": "small", "no": "no"}
    given = [each if each.startswith("-") else names.get(each, each) for each in arguments[1:]]
    paths = [each if each.startswith("-") or each == "small" else str(folder / each) for each in given]
    result = baton(arguments[0], *paths)
    assert result.exit_code == 2, result.output
    assert says in result.output
    assert "Traceback" not in result.output
    assert office.file.read_text() == before


def test_without_a_list_of_signers_nobody_can_sign_and_check_says_so(office: Office) -> None:
    office.signers.unlink()
    assert "signers.yaml" in baton("sign", office.file, "--key", office.keys["Mia"]).output
    checked = baton("check", office.file)
    assert checked.exit_code == 1
    assert "can't be checked" in checked.output


def test_a_terminal_is_asked_for_the_passphrase(office: Office) -> None:
    keyboard, terminal = os.openpty()
    command = [sys.executable, "-m", "services.cli", "definition", "sign", office.file, "--key", office.keys["Sam"]]
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


def test_the_difference_is_said_in_points_and_as_values(office: Office) -> None:
    other = office.file.with_name("other.yaml")
    shutil.copy(office.file, other)
    assert "the same content" in baton("diff", office.file, other).output
    other.write_text(other.read_text().replace("points: 8\n", "points: 12\n"))
    assert "points 8 -> 12 (+4)" in baton("diff", office.file, other).output
    (change,) = json.loads(baton("diff", office.file, other, "--json").stdout)["changes"]
    assert (change["place"], change["before"]["points"], change["after"]["points"]) == (
        "engagement.pricing_visit",
        8,
        12,
    )


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


def test_an_apply_warns_and_goes_on(office: Office) -> None:
    folder = office.file.parent / "config"
    shutil.copytree(EXAMPLES / "bank", folder)
    shutil.copy(office.signers, folder / "signers.yaml")
    whole = Office.__new__(Office)
    whole.__dict__ |= office.__dict__ | {"file": folder / "definition.yaml", "signers": folder / "signers.yaml"}
    whole.edit("review_by: 2027-12-31", "review_by: 2020-01-31")
    refused = RUNNER.invoke(app, ["apply", str(folder), "--check"])
    assert refused.exit_code == 2
    assert "altered after marketing signed" in refused.output
    whole.sign()
    checked = RUNNER.invoke(app, ["apply", str(folder), "--check"])
    assert checked.exit_code == 0, checked.output
    assert "warning: term-deposit: review_by: 2020-01-31 is" in checked.output
    found = json.loads(RUNNER.invoke(app, ["apply", str(folder), "--check", "--json"]).stdout)
    assert (found["valid"], len(found["warnings"])) == (True, 1)
    (folder / "signers.yaml").unlink()
    nobody = RUNNER.invoke(app, ["apply", str(folder), "--check"])
    assert nobody.exit_code == 2
    assert "signers: none - a set needs exactly one list of who may sign" in nobody.output


@pytest.mark.parametrize("folder", [ROOT / "config", EXAMPLES / "bank", EXAMPLES / "segment"])
def test_the_examples_are_signed_by_both_teams_and_no_key_lies_about(folder: Path) -> None:
    shown = json.loads(baton("show", folder / "definition.yaml", "--json").stdout)
    assert [each["by"] for each in shown["signatures"]] == [
        "Maren Holt, Head of Marketing",
        "Jonas Weber, Head of Sales",
    ]
    assert not [path for path in folder.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
