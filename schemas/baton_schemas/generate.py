"""Writes the JSON Schema of every contract, for people who do not write Python: `python -m baton_schemas.generate`.

One file per CloudEvents type, named after it, about the event's `data`. The files are committed; a test compares them
with the models, so they never say something else.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from baton_schemas.catalogue import CONTRACTS, TOPICS
from baton_schemas.contract import Contract

FOLDER = Path(__file__).parent / "json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(model: type[Contract]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a contract's data, with the topics that carry it. Unknown fields are allowed."""
    topics = [topic.name for topic in TOPICS.values() if model in topic.records]
    schema = model.model_json_schema(mode="validation")
    return {"$schema": DIALECT, "$id": f"urn:{model.TYPE.replace('.', ':')}", "x-topics": topics, **schema}


def text_of(model: type[Contract]) -> str:
    """The file's content: equal models give equal bytes."""
    return json.dumps(schema_of(model), indent=2, ensure_ascii=False) + "\n"


def write(folder: Path = FOLDER) -> list[Path]:
    """Writes all schemas into `folder`, removes those of contracts that are gone, and returns what is there now."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, model in sorted(CONTRACTS.items()):
        path = folder / f"{kind}.json"
        path.write_text(text_of(model), encoding="utf-8")
        written.append(path)
    for path in set(folder.glob("*.json")) - set(written):
        path.unlink()
    return written


if __name__ == "__main__":
    files = write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    sys.stdout.write(f"{len(files)} schemas in {files[0].parent}\n")
