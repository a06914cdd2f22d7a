"""Signs the worked examples anew after a change: `python -m tests.sign_examples`.

They are signed by two people who do not exist, with keys that are made here and thrown away at the end: nobody can sign
as Maren Holt or Jonas Weber, so each change of an example lists new keys.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from baton_schemas.contract import parse_time
from baton_schemas.documents.definition import Team
from baton_schemas.documents.signers import Signers
from services.cli.definitions.text import sign
from services.runtime.documents import parse
from services.runtime.sshsig import public_line

CONFIG = Path(__file__).parents[1] / "config"
FOLDERS = (CONFIG, *(CONFIG / "examples" / name for name in ("bank", "segment", "scorecard")))
PEOPLE: tuple[tuple[Team, str, str, str], ...] = (
    ("marketing", "Maren Holt", "Head of Marketing", "2026-01-12T10:00:00Z"),
    ("sales", "Jonas Weber", "Head of Sales", "2026-01-12T14:30:00Z"),
)
HEAD = """\
# Who may sign the lead definition: each with the line of his OpenSSH key (~/.ssh/id_ed25519.pub). List two people of a
# team, and one may be on holiday. Who leaves is not taken out but gets `until: 2027-01-31T00:00:00Z`: what he signed
# before stays valid, and Baton reports it until a colleague has signed.
"""


def write(folder: Path) -> None:
    """New keys, a new list of who may sign, and the definition of `folder` signed by both."""
    keys = {team: Ed25519PrivateKey.generate() for team, *_ in PEOPLE}
    listed = HEAD
    for team, name, title, _ in PEOPLE:
        listed += f"{team}:\n  - name: {name}\n    title: {title}\n    key: {public_line(keys[team])}\n"
    signers = parse(Signers, listed, "signers.yaml")
    (folder / "signers.yaml").write_text(listed, encoding="utf-8")
    file = folder / "definition.yaml"
    text = file.read_text(encoding="utf-8")
    for team, _, _, at in PEOPLE:
        text, _ = sign(text, keys[team], signers, at=parse_time(at), where=str(file))
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for each in FOLDERS:
        write(each)
        sys.stdout.write(f"{each}: signed\n")
