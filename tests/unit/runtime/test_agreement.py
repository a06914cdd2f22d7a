"""A definition is in force only with valid signatures of listed people of both teams over exactly its content."""

from __future__ import annotations

import contextlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from baton_schemas.contract import format_time
from baton_schemas.documents.definition import LeadDefinition, Team
from baton_schemas.documents.signers import Signers, fingerprint, key_blob
from baton_schemas.documents.signing import canonical_bytes, content_digest
from services.cli.definitions.text import sign
from services.runtime.agreement import DAY_MS, check_signed, overdue_ms, remarks, standing
from services.runtime.documents import parse
from services.runtime.errors import UserError
from services.runtime.sshsig import public_line
from tests.signing import AT, KEYS, LISTED, SIGNERS, listed, signed, signed_by
from tests.unit.scorer.world import DEFINITION, SIGNED

STRANGER = Ed25519PrivateKey.generate()


def definition(text: str) -> LeadDefinition:
    return parse(LeadDefinition, text, "d")


def signers(text: str) -> Signers:
    return parse(Signers, text, "signers.yaml")


def test_unsigned_and_altered_are_refused_and_layout_is_free() -> None:
    with pytest.raises(UserError, match="marketing has not signed"):
        check_signed(definition(DEFINITION), LISTED)
    with pytest.raises(UserError, match="sales has not signed"):
        check_signed(definition(signed_by("marketing", DEFINITION)), LISTED)
    with pytest.raises(UserError, match="altered after marketing signed"):
        check_signed(definition(SIGNED.replace("enter: 50", "enter: 49")), LISTED)
    approvals = check_signed(definition("# a remark\n" + SIGNED.replace("points: 20,", "points: 20.0,")), LISTED)
    assert [(each.team, each.by, each.at) for each in approvals] == [("marketing", "Mia", AT), ("sales", "Sam", AT)]


def test_signing_again_drops_signatures_over_other_content() -> None:
    altered = signed_by("sales", SIGNED.replace("enter: 50", "enter: 49"))
    assert [each.team for each in definition(altered).signatures] == ["sales"]
    whole = signed_by("marketing", altered)
    check_signed(definition(whole), LISTED)
    assert content_digest(definition(whole)) != content_digest(definition(SIGNED))


def _forged(text: str) -> str:
    """Altered, and the digests in it made to fit: only the signatures themselves can tell."""
    fresh = definition(text)
    return text.replace(fresh.signatures[0].digest, content_digest(fresh))


@pytest.mark.parametrize(
    ("before", "after"),
    [("enter: 50", "enter: 49"), ("label: Decides,", "label: Decider,"), ("version: 1", "version: 2"),
     ("cap: 18", "cap: 19"), ("within_days: 30", "within_days: 31"), ("name: small", "name: smaller")],
)  # fmt: skip
def test_an_altered_content_is_refused_though_its_digest_was_made_to_fit(before: str, after: str) -> None:
    found = standing(definition(_forged(SIGNED.replace(before, after))), LISTED)
    assert found.approvals == ()
    assert [why for _, why in found.refused] == [
        "marketing's signature does not fit the content",
        "sales's signature does not fit the content",
    ]


@given(st.data())
def test_any_altered_byte_of_content_digest_or_signature_is_refused(data: st.DataObject) -> None:
    whole = definition(SIGNED)
    said = json.loads(whole.model_dump_json(by_alias=True))
    entry = data.draw(st.sampled_from(said["signatures"]))
    field = data.draw(st.sampled_from(["digest", "key", "signature", "by"]))
    at = data.draw(st.integers(0, len(entry[field].strip()) - 1))
    letter = data.draw(st.sampled_from("abcdef0123456789ABCXYZ+/"))
    was, entry[field] = entry[field], entry[field][:at] + letter + entry[field][at + 1 :]
    try:
        altered = LeadDefinition.model_validate(said)
    except ValueError:
        return  # not even a document
    if "".join(was.split()) != "".join(entry[field].split()):
        with pytest.raises(UserError):
            check_signed(altered, LISTED)


@pytest.mark.parametrize("what", ["digest", "key", "signature", "by", "at", "team"])
def test_signatures_do_not_change_what_is_signed(what: str) -> None:
    whole = definition(SIGNED)
    bare = whole.model_copy(update={"signatures": []})
    assert canonical_bytes(whole) == canonical_bytes(bare)
    assert what.encode() not in canonical_bytes(whole).split(b'"')


def test_a_key_that_is_not_listed_is_refused() -> None:
    others = SIGNERS.replace(public_line(KEYS["sales"]), public_line(STRANGER))
    with pytest.raises(UserError, match=r"signatures\.1: sales's signature is by a key that is not listed: SHA256:"):
        check_signed(definition(SIGNED), signers(others))


def test_nobody_signs_for_the_other_team() -> None:
    turned = listed("marketing").replace("marketing", "sales") + listed("sales").replace("sales", "marketing")
    with pytest.raises(UserError, match="is by a key that is listed for sales"):
        check_signed(definition(SIGNED), signers(turned))
    both = f"marketing: [{{name: A, key: {public_line(STRANGER)}}}]\nsales: [{{name: B, key: {public_line(STRANGER)}}}]"
    with pytest.raises(UserError, match=r"sales\.0\.key: the same key as marketing\.0\.key: nobody signs for both"):
        signers(both)
    twice = f"marketing: [{{name: A, key: {public_line(STRANGER)}}}, {{name: B, key: {public_line(STRANGER)}}}]\n"
    with pytest.raises(UserError, match="list each key once"):
        signers(twice + listed("sales"))


def test_one_of_several_signers_of_a_team_is_enough() -> None:
    ines = f"marketing: [{{name: Ines, key: {public_line(STRANGER)}}}, {{name: Mia, key: {public_line(KEYS['marketing'])}}}]\n"  # noqa: E501
    people = signers(ines + listed("sales"))
    check_signed(definition(SIGNED), people)
    by_ines, _ = sign(signed_by("sales", DEFINITION), STRANGER, people, at=AT, where="d")
    assert [each.by for each in check_signed(definition(by_ines), people)] == ["Ines", "Sam"]


def test_who_was_removed_keeps_what_he_signed_before_and_that_is_reported() -> None:
    later = signers(listed("marketing", f", title: CMO, until: {format_time(AT + 1)}") + listed("sales"))
    approvals = check_signed(definition(SIGNED), later)
    assert [each.removed(AT + 1) for each in approvals] == [True, False]
    assert [each.removed(AT) for each in approvals] == [False, False], "he is to leave, and has not yet"
    said = list(remarks(definition(SIGNED), approvals, AT + 1))
    assert said == ["signatures: Mia, CMO, who signed for marketing, may not since 2026-01-12 - have it signed again"]
    before = signers(listed("marketing", f", until: {format_time(AT)}") + listed("sales"))
    with pytest.raises(UserError, match="marketing's signature was given after its signer was removed"):
        check_signed(definition(SIGNED), before)
    with pytest.raises(UserError, match="Mia may not sign for marketing since 2026-01-12"):
        sign(DEFINITION, KEYS["marketing"], later, at=AT + 1, where="d")


def test_a_refusal_that_is_logged_names_nobody() -> None:
    for people in (listed("marketing", f", until: {format_time(AT)}") + listed("sales"), SIGNERS.replace("Mia", "Mio")):
        with pytest.raises(UserError) as refusal:
            check_signed(definition(SIGNED), signers(people))
        assert "Mi" not in str(refusal.value)


def test_a_review_is_overdue_when_its_day_is_over() -> None:
    due = definition(signed(DEFINITION + "review_by: 2026-03-31\n"))
    begins = 1_774_915_200_000  # 2026-03-31T00:00:00Z
    assert overdue_ms(due, begins + DAY_MS) == 0
    assert overdue_ms(due, begins + DAY_MS + 1) == 1
    assert overdue_ms(definition(SIGNED), begins) == 0, "without a date nothing is overdue"
    approvals = check_signed(due, LISTED)
    (said,) = remarks(due, approvals, begins + 3 * DAY_MS + 1)
    assert said.startswith("review_by: 2026-03-31 is 3 days ago - look at it together")
    assert list(remarks(due, approvals, begins + DAY_MS)) == []
    with pytest.raises(UserError, match="altered after"):
        check_signed(due.model_copy(update={"review_by": None}), LISTED)


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("ssh-rsa AAAAB3NzaC1yc2E=", "it begins with ssh-ed25519"),
        ("ssh-ed25519 AAAA", "not a whole Ed25519 key"),
        (public_line(STRANGER)[:-1], "not a whole Ed25519 key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "this is a private key"),
    ],
)
def test_a_key_that_is_none_is_named_with_the_fix(key: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as refusal:
        signers(f"marketing: [{{name: A, key: {key}}}]\n" + listed("sales"))
    assert "signers.yaml:1: marketing.0.key" in str(refusal.value)


@given(at=st.integers(0, 67), letter=st.sampled_from("ABCXYZabcxyz0189+/="))
def test_any_altered_letter_of_a_listed_key_is_another_key_or_none(at: int, letter: str) -> None:
    text = public_line(STRANGER).split(" ")[1]
    altered = f"ssh-ed25519 {text[:at] + letter + text[at + 1 :]} comment"
    if text[at] == letter:
        return
    with contextlib.suppress(ValueError):
        assert fingerprint(key_blob(altered)) != fingerprint(key_blob(public_line(STRANGER)))


def test_both_teams_have_somebody() -> None:
    with pytest.raises(UserError, match="sales"):
        signers(listed("marketing") + "sales: []\n")
    teams: list[Team] = ["marketing", "sales"]
    assert [LISTED.of(team)[0].words for team in teams] == ["Mia", "Sam"]
