"""Who writes a connector installs `./schemas` and gets `baton_schemas`, pydantic, and no more.

The wheel is built from the folder and installed by pip into a clean environment, from nothing but wheels: those of this
environment's pydantic and what it needs are packed again from their installed files, so no network is asked for them.
"""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
NO_INDEX = ("No matching distribution", "Could not find a version", "Temporary failure", "NewConnectionError")


def needed_by(name: str) -> dict[str, Distribution]:
    """The distribution and all that it requires without extras, as installed here."""
    found: dict[str, Distribution] = {}
    todo = [name]
    while todo:
        each = canonicalize_name(todo.pop())
        if each in found:
            continue
        found[each] = distribution(each)
        for line in found[each].requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return found


def pack_again(installed: Distribution, folder: Path) -> None:
    """An installed distribution as a wheel."""
    tags = [line.split(": ")[1] for line in (installed.read_text("WHEEL") or "").splitlines() if line.startswith("Tag")]
    name = canonicalize_name(installed.metadata["Name"]).replace("-", "_")
    with zipfile.ZipFile(folder / f"{name}-{installed.version}-{tags[0]}.whl", "w") as wheel:
        for file in installed.files or []:
            if ".." not in file.parts and file.suffix != ".pyc" and file.name not in ("INSTALLER", "REQUESTED"):
                wheel.write(str(file.locate()), file.as_posix())


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd="/")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment into which ./schemas was installed."""
    folder = tmp_path_factory.mktemp("alone")
    wheels = folder / "wheels"
    wheels.mkdir()
    source = folder / "schemas"
    copy_sources(source)
    built = run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, source)
    if built.returncode and any(sign in built.stderr for sign in NO_INDEX):
        pytest.skip("no package index within reach for the build backend")
    assert built.returncode == 0, built.stderr
    for installed in needed_by("pydantic").values():
        pack_again(installed, wheels)
    venv.create(folder / "env", with_pip=True)
    found = folder / "env" / "bin" / "python"
    installing = run(found, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", wheels, "baton_schemas")
    assert installing.returncode == 0, installing.stderr
    return found


def copy_sources(target: Path) -> None:
    """What is in the folder, without what building leaves behind."""
    for path in SCHEMAS.rglob("*"):
        part = path.relative_to(SCHEMAS)
        left_behind = {"build", "__pycache__"} & set(part.parts) or any(".egg-info" in name for name in part.parts)
        if path.is_file() and not left_behind:
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            (target / part).write_bytes(path.read_bytes())


def test_it_brings_pydantic_and_no_more(python: Path) -> None:
    listed = run(python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check")
    names = {canonicalize_name(line.split("==")[0]) for line in listed.stdout.split()}
    assert names - {"pip", "setuptools", "wheel"} == {"baton-schemas", *needed_by("pydantic")}


def test_every_module_imports_and_files_are_in(python: Path) -> None:
    modules = [
        ".".join(path.relative_to(SCHEMAS).with_suffix("").parts).removesuffix(".__init__")
        for path in (SCHEMAS / "baton_schemas").rglob("*.py")
    ]
    assert "baton_schemas.documents.definition" in modules
    code = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)"
    imported = run(python, "-I", "-c", code)
    assert imported.returncode == 0, imported.stderr
    code = (
        "from pathlib import Path; import baton_schemas; from baton_schemas.catalogue import CONTRACTS\n"
        "here = Path(baton_schemas.__file__).parent\n"
        "for folder in ('examples', 'json'): assert {p.stem for p in (here / folder).iterdir()} == set(CONTRACTS)\n"
        "assert (here / 'py.typed').exists()"
    )
    shipped = run(python, "-I", "-c", code)
    assert shipped.returncode == 0, shipped.stderr


def test_the_connector_of_the_readme_runs(python: Path) -> None:
    text = (SCHEMAS / "README.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    ran = run(python, "-I", "-c", code)
    assert ran.returncode == 0, ran.stderr
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
