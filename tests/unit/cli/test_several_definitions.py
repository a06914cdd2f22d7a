"""A set with several definitions, as `baton apply` and `baton plan` check it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from baton_schemas.documents.definition import LeadDefinition
from services.cli.config_folder import check_set, definitions_of, read_folder
from services.cli.definitions import words
from services.runtime.documents import parse
from services.runtime.errors import UserError

ROOT = Path(__file__).parents[3]
DEFINITION = (ROOT / "config" / "definition.yaml").read_text().partition("signatures:")[0]


def another(folder: Path, name: str, scope: str, before: str = "", after: str = "") -> None:
    """A definition beside the one for everybody else."""
    assert before in DEFINITION
    text = DEFINITION.replace("name: b2b-saas\n", f"name: {name}\n{scope}").replace(before, after, 1)
    (folder / f"definition-{name}.yaml").write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("examples", "connectors"))
    return tmp_path / "config"


def test_definitions_for_different_people_are_one_set(folder: Path) -> None:
    another(folder, "dach", "applies_to: {trait: country, in: [DE, AT, CH]}\n", "enter: 60", "enter: 70")
    documents = read_folder(folder)
    check_set(documents, folder, signed=False)
    assert [each.name for each in definitions_of(documents)] == ["b2b-saas", "dach"]


def test_definitions_that_contradict_each_other_are_refused_with_the_fix(folder: Path) -> None:
    another(folder, "dach", "", "contains: /pricing", "contains: /prices")
    with pytest.raises(UserError) as refused:
        check_set(read_folder(folder), folder, signed=False)
    assert str(refused.value).splitlines() == [
        f"{folder}: definitions b2b-saas, dach: each is for everybody - say `applies_to` in all but one",
        (
            f"{folder}: definitions b2b-saas, dach: pricing_page: count different things under one id - "
            "an id names what is counted: give one of them another id"
        ),
    ]


def test_whom_a_definition_is_for_is_told(folder: Path) -> None:
    another(folder, "dach", "applies_to: {trait: country, in: [DE, AT, CH]}\n")
    definition = parse(LeadDefinition, (folder / "definition-dach.yaml").read_text(), "dach")
    [heading, *_] = [(title, lines) for title, lines in words.sections(definition) if lines]
    assert heading == ("whom it is for", ["{trait: country, in: [DE, AT, CH]}"])
