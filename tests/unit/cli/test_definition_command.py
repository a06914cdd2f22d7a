"""`baton definition` on files, as people and scripts type it: what it finds, what it says, how it exits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from baton_schemas.contract import format_time, parse_time
from services.cli.main import app
from tests.unit.cli.office import RUNNER, Office, baton
from tests.unit.cli.whole import EXAMPLES


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
