"""The mapping says what is what, and the card says what a rep needs; whatever people typed is only text."""

from __future__ import annotations

import pytest

from baton_schemas.leads import Engaged, SalesNote, SalesQualified
from services.connectors.card import LONGEST_STORY, card, story
from services.connectors.settings import Mapping, Stage
from services.connectors.tryton.settings import TrytonSettings
from services.runtime.documents import parse
from services.runtime.errors import UserError
from tests.unit.connectors.deals import BEN, BOSS, ROOT, US, mapping, routed, words


def test_reps_are_found_by_code_by_the_mapping_and_by_log_in() -> None:
    using = words(reps={"clara": "9"})
    assert [using.owner(rep) for rep in ("ann", "clara", "zoe")] == ["7", "9", None]
    assert [using.rep(person) for person in ("7", "9", "99")] == ["ann", "clara", None]
    assert [using.rep_of_user(user) for user in (BEN, BOSS, None)] == ["ben", "clara", None]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("No budget this year", "no_budget"), ("NO_BUDGET", "no_budget"), ("It is a no money thing", "no_budget"),
        ("too expensive!", "price"), ("priceless", None), ("", None), (None, None),
        ("went with a competitor, price was fine", "price"),
    ],
)  # fmt: skip
def test_a_reason_is_whole_words_and_the_first_that_is_named_counts(text: str | None, code: str | None) -> None:
    assert words().reason("lost", text) == code


def test_a_stage_gives_its_own_reason_where_the_text_gives_none() -> None:
    assert words().reason("cancelled", "just so") == "not_a_fit"
    assert words().reason("cancelled", "student") == "student_or_job_seeker"


def test_the_longest_beginning_counts_and_programs_are_told_from_people() -> None:
    using = words()
    from services.connectors.deal import Remark  # noqa: PLC0415

    rule, text = using.remark(Remark("1", "CALLED US about: prices", BEN, 0)) or (None, "")
    assert rule is not None
    assert (rule.direction, text) == ("inbound", "about: prices")
    assert [using.is_program(user) for user in (US, None, BEN)] == [True, True, False]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("means: offered", "exactly one means offered"),
        ("{stage: won, means: won}", "stages: won: given twice"),
        ("touch: phone", "either touch"),
        ("[converted]", "standing: gone is not in stages"),
        ("{company}: grade", "{firm} is no word of a card"),
        ("password_file", "unknown field, did you mean `password_file`"),
    ],
)
def test_mistakes_in_the_file_are_named(change: str, complaint: str) -> None:
    text = (ROOT / "config/connectors/tryton.yaml").read_text()
    wrong = {
        "means: offered": text.replace("means: offered", "means: accepted"),
        "{stage: won, means: won}": text.replace("{stage: lost,", "{stage: won,"),
        "touch: phone": text.replace("touch: phone}", "insight: pains, touch: phone}", 1),
        "[converted]": text.replace("[converted]", "[gone]"),
        "{company}: grade": text.replace("{company}: grade", "{firm}: grade"),
        "password_file": text.replace("password_file", "pasword_file"),
    }[change]
    with pytest.raises(UserError) as raised:
        parse(TrytonSettings, wrong, "tryton.yaml")
    assert complaint in str(raised.value)


def test_the_same_person_can_not_be_two_reps() -> None:
    with pytest.raises(ValueError, match="7 is two reps"):
        Mapping(stages=[Stage(stage="a", means="offered"), Stage(stage="b", means="won")], reps={"x": "7", "y": "7"})


def test_a_card_says_who_why_and_by_when() -> None:
    found = card(routed(), "7", mapping().title)
    assert (found.title, found.owner) == ("Example Machine Works: grade A1, hot", "7")
    assert (found.name, found.email, found.domain) == ("Robin Example", "robin@example.com", "example.com")
    for part in (
        "Grade A1, 82.6 points (hot).",
        "+20.0  Decides on software",
        "First touch due 2026-03-02 09:39 UTC",
        "signed by",
    ):
        assert part in found.story


def test_markup_and_control_characters_are_text_of_one_line() -> None:
    order = routed()
    contact = order.qualified.contact.model_copy(
        update={"company": "<script>x</script>\r\nBcc: y\x00", "first_name": " ", "last_name": None}
    )
    found = card(
        order.model_copy(update={"qualified": order.qualified.model_copy(update={"contact": contact})}),
        "7",
        "{company}",
    )
    assert found.company == "<script>x</script>  Bcc: y"
    assert found.title == found.company
    assert found.name is None


def test_a_long_story_is_cut_and_says_so() -> None:
    order = routed()
    engaged = [Engaged(action="page_viewed", at=0, subject="x" * 500)] * 60
    dossier = order.qualified.dossier.model_copy(update={"engaged": engaged, "notes": {"message": "y" * 9000}})
    text = story(order.model_copy(update={"qualified": order.qualified.model_copy(update={"dossier": dossier})}))
    assert len(text) <= LONGEST_STORY + 100
    assert text.endswith("more lines: baton explain tells the rest)")


def test_the_card_of_a_second_stage_shows_who_qualified_and_what_he_wrote() -> None:
    order = routed(stage="sell")
    notes = [
        SalesNote(at=0, kind="touched", rep="ann", channel="phone", text="Call after four"),
        SalesNote(at=86_400_000, kind="opportunity", rep="ann", text="Wants a demo\non Friday " + "x" * 900),
    ]
    told = SalesQualified(handoff="h1", rep="ann", at=86_400_000, notes=notes, notes_cut=2)
    dossier = order.qualified.dossier.model_copy(update={"sales_qualified": told})
    order = order.model_copy(update={"qualified": order.qualified.model_copy(update={"dossier": dossier})})
    found = card(order, "7", "{company} ({stage})")
    assert found.title == "Example Machine Works (sell)"
    lines = found.story.splitlines()
    start = lines.index("Qualified by ann on 1970-01-02 (handoff h1)")
    assert lines[start + 1].startswith("  1970-01-02  ann, opportunity: Wants a demo on Friday")
    assert "  1970-01-01  ann, touched by phone: Call after four" in lines
    assert "  and 2 older notes" in lines
    assert sum(line.count("x") for line in lines[start + 1 : start + 4]) == 900, "a long note is shown whole"
    assert "Qualified by" not in card(routed(), "7", "{company}").story
