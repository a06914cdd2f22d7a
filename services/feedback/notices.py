"""Says in words what changed in the score and why: for marketing and sales, with the counts behind every move."""

from __future__ import annotations

from baton_schemas.feedback import ChangeNotice, Notification, PointsMoved
from services.feedback.calibration import Finding, Scorecard
from services.feedback.models import Cut, Move

TEAMS = ("marketing", "sales")
_LONGEST = 10_000


def notice_of(cut: Cut, card: Scorecard, at: int) -> ChangeNotice:
    """The notice of a new version: every moved criterion, the largest move first, each with its numbers."""
    moves = sorted(cut.moves, key=lambda move: (-abs(move.after - move.before), move.finding.criterion.code))
    moved = [
        PointsMoved(
            criterion=move.finding.criterion.code,
            label=move.finding.criterion.label,
            before=move.before / 10,
            after=move.after / 10,
            good=move.finding.good_with,
            bad=move.finding.bad_with,
            why=_why(move, card),
        )
        for move in moves
    ]
    head = (
        f"Scoring model {cut.version} of {card.name} replaces model {cut.parent}, after {cut.labels} leads that sales "
        f"answered for. {len(moved)} of {len(card.criteria)} criteria changed."
    )
    lines = [
        f"- {line.label}: {_points(move.before)} -> {_points(move.after)} points. {line.why}"
        for line, move in zip(moved, moves, strict=True)
    ]
    tail = f"Signed points stay the anchor: no criterion leaves them by more than {_points(card.max_drift)} points."
    text = "\n".join([head, *lines, tail])
    return ChangeNotice(
        definition=card.name, version=cut.version, parent=cut.parent, moved=moved, text=text[:_LONGEST], at=at
    )


def notifications_of(notice: ChangeNotice, cause: str) -> list[Notification]:
    """The same notice for both teams."""
    return [
        Notification(
            recipient=team,
            subject=f"The score of {notice.definition} changed (model {notice.version})",
            text=notice.text,
            about={"definition": notice.definition, "model_version": notice.version},
            at=notice.at,
            cause=cause,
        )
        for team in TEAMS
    ]


def _why(move: Move, card: Scorecard) -> str:
    finding = move.finding
    signed = f"signed: {_points(finding.criterion.tenths)}"
    if finding.criterion.frozen:
        return f"The definition protects it, so it returns to the signed points ({signed})."
    if min(_with(finding), _without(finding)) < card.min_sample:
        return f"Too few answers are left to judge it by, so it returns to the signed points ({signed})."
    told = "more" if move.after > move.before else "less"
    rest = "" if move.after == finding.target else f"; the answers call for {_points(finding.target)}, in steps"
    return (
        f"Among leads alike otherwise it tells {told} than its points said: "
        f"{_rate(finding.good_with, finding.bad_with)} of the leads with it turned out good, "
        f"{_rate(finding.good_without, finding.bad_without)} of those without ({signed}{rest})."
    )


def _with(finding: Finding) -> int:
    return finding.good_with + finding.bad_with


def _without(finding: Finding) -> int:
    return finding.good_without + finding.bad_without


def _rate(good: int, bad: int) -> str:
    return f"{good} of {good + bad} ({round(100 * good / (good + bad))} %)"


def _points(tenths: int) -> str:
    return f"{tenths / 10:g}"
