"""Signs definitions for tests: two people with keys of this run, one of each team, and the document that lists them."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from baton_schemas.documents.definition import TEAMS, Team
from baton_schemas.documents.signers import Signers
from services.cli.definitions.text import sign
from services.runtime.documents import parse
from services.runtime.sshsig import public_line

AT = 1_768_212_000_000  # 2026-01-12T10:00:00Z
KEYS: dict[Team, Ed25519PrivateKey] = {
    "marketing": Ed25519PrivateKey.generate(),
    "sales": Ed25519PrivateKey.generate(),
}
NAMES: dict[Team, str] = {"marketing": "Mia", "sales": "Sam"}


def listed(team: Team, more: str = "") -> str:
    """A team's signer as a line of the list, with more fields."""
    return f'{team}: [{{name: {NAMES[team]}, key: "{public_line(KEYS[team])}"{more}}}]\n'


SIGNERS = listed("marketing") + listed("sales")
LISTED = parse(Signers, SIGNERS, "signers.yaml")


def signed_by(team: Team, text: str, *, at: int = AT) -> str:
    """The definition with one team's signature."""
    return sign(text, KEYS[team], LISTED, at=at, where="definition.yaml")[0]


def signed(text: str) -> str:
    """The definition, signed by both teams."""
    return signed_by("sales", signed_by("marketing", text))


def signed_by_others(text: str) -> tuple[str, str]:
    """The definition signed by two people of whom nobody has heard, and the list that names them."""
    keys = {team: Ed25519PrivateKey.generate() for team in TEAMS}
    signers = "".join(f'{team}: [{{name: New, key: "{public_line(key)}"}}]\n' for team, key in keys.items())
    for key in keys.values():
        text, _ = sign(text, key, parse(Signers, signers, "signers.yaml"), at=AT, where="definition.yaml")
    return text, signers
