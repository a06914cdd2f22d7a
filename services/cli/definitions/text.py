"""Puts signatures into the YAML of a definition, and leaves everything else as people wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from baton_schemas.contract import format_time
from baton_schemas.documents.definition import LeadDefinition, SignatureEntry, Team
from baton_schemas.documents.signers import Signers, fingerprint, key_blob
from baton_schemas.documents.signing import NAMESPACE, canonical_bytes, content_digest
from services.runtime import sshsig
from services.runtime.documents import parse
from services.runtime.errors import UserError

Signing = Ed25519PrivateKey | str
"""A key to sign with, or an armored signature that was made elsewhere, as by `ssh-keygen -Y sign`."""


def sign(text: str, signing: Signing, signers: Signers, *, at: int, where: str) -> tuple[str, Team]:
    """The text with a signature over its content, given at `at` (ms), and for which team: who holds the key, and for
    whom he signs, `signers` says.

    Raises UserError when he is not listed or may not sign any more, or a signature is not for this content.
    """
    definition = parse(LeadDefinition, text, where)
    message = canonical_bytes(definition)
    armored = signing if isinstance(signing, str) else sshsig.sign(signing, NAMESPACE, message)
    try:
        name = fingerprint(sshsig.read(armored).key)
        held = signers.holder(name)
        if held is None:
            raise UserError(f"{name}: not listed", fix="list the key in signers.yaml, or sign with one that is")
        team, signer = held
        if signer.until is not None and signer.until <= at:
            since = format_time(signer.until)[:10]
            raise UserError(f"{name}: {signer.name} may not sign for {team} since {since}", fix="ask a colleague")
        sshsig.verify(armored, NAMESPACE, message, key_blob(signer.key))
    except sshsig.NotValidError as error:
        raise UserError(
            f"the signature {error}", fix=f"sign what `baton definition show --canonical {where}` prints"
        ) from None
    entry = SignatureEntry(
        team=team, by=signer.name, at=at, digest=content_digest(definition), key=name, signature=armored
    )
    return with_signatures(text, definition, [entry], where), team


def with_signatures(text: str, definition: LeadDefinition, entries: Iterable[SignatureEntry], where: str) -> str:
    """The text with `entries` beside the signatures of other teams that are for this content; all others are left out.

    The `signatures` block is written anew at the end of the text. Raises UserError when it can't be put there.
    """
    current = content_digest(definition)
    by_team = {entry.team: entry for entry in definition.signatures if entry.digest == current}
    by_team |= {entry.team: entry for entry in entries}
    lines = ["", "signatures:"]
    for _, each in sorted(by_team.items()):
        lines += [
            f"  - team: {each.team}",
            f"    by: {json.dumps(each.by, ensure_ascii=False)}",
            f'    at: "{format_time(each.at)}"',
            f"    digest: {each.digest}",
            f"    key: {each.key}",
            "    signature: |",
            *(f"      {line.strip()}" for line in each.signature.strip().splitlines()),
        ]
    signed = without_block(text, "signatures") + "\n".join(lines) + "\n"
    if content_digest(parse(LeadDefinition, signed, where)) != current:
        raise UserError(f"{where}: signatures: can't be written in place", fix="put the block last, in block style")
    return signed


def without_block(text: str, name: str) -> str:
    """The text without the top-level block `name`; ends with a line break."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            inside = True
        elif inside and line and not line[0].isspace() and line[0] not in "-#":
            inside = False
        if not inside:
            kept.append(line)
    return "\n".join(kept).rstrip("\n") + "\n"
