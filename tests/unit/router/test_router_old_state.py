"""State that an earlier version packed is read on, and life goes on from there: new fields have defaults."""

from __future__ import annotations

from base64 import b64decode

import pytest

from services.router import disposition, lead, pressure
from services.router.checks import rules_of
from services.router.handoff import LeadState
from services.router.occasion import Occasion
from services.router.packing import Packing
from services.router.team import TeamState
from services.runtime.effects import Effects
from tests.unit.router.story import DAY, DOCUMENTS, MONDAY_9

# Packed by version 0.1.0 before handoffs had a disposition clock, a place or a stage, and before leads were merged: one
# accepted by ann, one breached at ben, one that waits; their team.
ACCEPTED = (
    "AZaBuWgzNWU2NjU2NjExNjQ3NTZjNGJiMjM1Y2TcABK5aDM1ZTY2NTY2MTE2NDc1NmM0YmIyMzVjZKNiMmKjaG90pGRhY2iRp2NvdW50cnmQqGFj"
    "Y2VwdGVkAZuoc3RhbmRhcmSmYmVybGluo2hvdM8AAAGcrY+sAM8AAAGcrZjTwM8AAAGcraH7gM0HCAEAo21ldM8AAAGcrY+sAJcBpGRhY2inaW5i"
    "b3VuZKNhbm7PAAABnK2PrADDw8CQAMLDzwAAAZytj6wAwMUB/HsibGVhZCI6ImsxIiwiaGFuZG9mZiI6ImgzNWU2NjU2NjExNjQ3NTZjNGJiMjM1"
    "Y2QiLCJxdWFsaWZpY2F0aW9uIjoxLCJjb250YWN0Ijp7ImVtYWlsIjoiazFAZXhhbXBsZS5jb20iLCJjb21wYW55IjoiTXVzdGVyIiwiY291bnRy"
    "eSI6IkRFIn0sImdyYWRlIjoiQTEiLCJ0aWVyIjoiaG90IiwiZml0IjozMC4wLCJlbmdhZ2VtZW50Ijo0MC4wLCJzY29yZSI6NzAuMCwiZG9zc2ll"
    "ciI6eyJsZWRnZXIiOltdLCJldmlkZW5jZSI6W10sImVuZ2FnZWQiOltdLCJlbmdhZ2VkX2N1dCI6MCwiY29sbGVhZ3VlcyI6W10sIm5vdGVzIjp7"
    "fX0sInNpZ25hdHVyZXMiOltdLCJ2ZXJzaW9ucyI6eyJkZWZpbml0aW9uIjoiYjJiIiwiZGVmaW5pdGlvbl92ZXJzaW9uIjoxLCJkZWZpbml0aW9u"
    "X2RpZ2VzdCI6ImQiLCJtb2RlbF92ZXJzaW9uIjowfSwiYXQiOiIyMDI2LTAzLTAyVDA4OjAwOjAwLjAwMFoiLCJldmVudF9hdCI6IjIwMjYtMDMt"
    "MDJUMDg6MDA6MDAuMDAwWiIsImNhdXNlIjoiL21hcmtldGluZyMxIn3AwsCQksQIHnqCXN1tyCDECJC2iz+WojBc"
)
BREACHED = (
    "AZaBuWhlNDAwZmVjOWY2NTllMjg1ZmExOTQ5N2PcABK5aGU0MDBmZWM5ZjY1OWUyODVmYTE5NDk3Y6NiMmKjaG90pGRhY2iRp2NvdW50cnmQpG9w"
    "ZW4Bm6hzdGFuZGFyZKZiZXJsaW6jaG90zwAAAZytj6wAzwAAAZytmNPAzwAAAZytofuAzQcIAQLAwJcBpGRhY2inaW5ib3VuZKNiZW7PAAABnK2P"
    "rADCw8CQAMLDzwAAAZytj6wAwMUB/HsibGVhZCI6ImsyIiwiaGFuZG9mZiI6ImhlNDAwZmVjOWY2NTllMjg1ZmExOTQ5N2MiLCJxdWFsaWZpY2F0"
    "aW9uIjoxLCJjb250YWN0Ijp7ImVtYWlsIjoiazJAZXhhbXBsZS5jb20iLCJjb21wYW55IjoiTXVzdGVyIiwiY291bnRyeSI6IkRFIn0sImdyYWRl"
    "IjoiQTEiLCJ0aWVyIjoiaG90IiwiZml0IjozMC4wLCJlbmdhZ2VtZW50Ijo0MC4wLCJzY29yZSI6NzAuMCwiZG9zc2llciI6eyJsZWRnZXIiOltd"
    "LCJldmlkZW5jZSI6W10sImVuZ2FnZWQiOltdLCJlbmdhZ2VkX2N1dCI6MCwiY29sbGVhZ3VlcyI6W10sIm5vdGVzIjp7fX0sInNpZ25hdHVyZXMi"
    "OltdLCJ2ZXJzaW9ucyI6eyJkZWZpbml0aW9uIjoiYjJiIiwiZGVmaW5pdGlvbl92ZXJzaW9uIjoxLCJkZWZpbml0aW9uX2RpZ2VzdCI6ImQiLCJt"
    "b2RlbF92ZXJzaW9uIjowfSwiYXQiOiIyMDI2LTAzLTAyVDA4OjAwOjAwLjAwMFoiLCJldmVudF9hdCI6IjIwMjYtMDMtMDJUMDg6MDA6MDAuMDAw"
    "WiIsImNhdXNlIjoiL21hcmtldGluZyMxIn3AwsCQkcQIgmhiXRwvVQE="
)
WAITING = (
    "AZaBuWg3ZGJmMDNkM2U1NDdjMGZmYTQ2ZmQ5NDPcABK5aDdkYmYwM2QzZTU0N2MwZmZhNDZmZDk0M6NiMmKjaG90pGRhY2iRp2NvdW50cnmQpG9w"
    "ZW4Bm6hzdGFuZGFyZKZiZXJsaW6jaG90zwAAAZytpo9gzwAAAZytr7cgzwAAAZytuN7gzQcIAQDAwMCXAaRkYWNop2luYm91bmTPAAABnK2mj2Co"
    "YXNzaWduZWTCw5AAwsPPAAABnK2mj2DAxQH8eyJsZWFkIjoiazUiLCJoYW5kb2ZmIjoiaDdkYmYwM2QzZTU0N2MwZmZhNDZmZDk0MyIsInF1YWxp"
    "ZmljYXRpb24iOjEsImNvbnRhY3QiOnsiZW1haWwiOiJrNUBleGFtcGxlLmNvbSIsImNvbXBhbnkiOiJNdXN0ZXIiLCJjb3VudHJ5IjoiREUifSwi"
    "Z3JhZGUiOiJBMSIsInRpZXIiOiJob3QiLCJmaXQiOjMwLjAsImVuZ2FnZW1lbnQiOjQwLjAsInNjb3JlIjo3MC4wLCJkb3NzaWVyIjp7ImxlZGdl"
    "ciI6W10sImV2aWRlbmNlIjpbXSwiZW5nYWdlZCI6W10sImVuZ2FnZWRfY3V0IjowLCJjb2xsZWFndWVzIjpbXSwibm90ZXMiOnt9fSwic2lnbmF0"
    "dXJlcyI6W10sInZlcnNpb25zIjp7ImRlZmluaXRpb24iOiJiMmIiLCJkZWZpbml0aW9uX3ZlcnNpb24iOjEsImRlZmluaXRpb25fZGlnZXN0Ijoi"
    "ZCIsIm1vZGVsX3ZlcnNpb24iOjB9LCJhdCI6IjIwMjYtMDMtMDJUMDg6MjU6MDAuMDAwWiIsImV2ZW50X2F0IjoiMjAyNi0wMy0wMlQwODoyNTow"
    "MC4wMDBaIiwiY2F1c2UiOiIvbWFya2V0aW5nIzEifcDCwJCRxAjmWT8Q2dwGxQ=="
)
TEAM = (
    "AZWDu2gzNWU2NjU2NjExNjQ3NTZjNGJiMjM1Y2QvMZOnaW5ib3VuZKNhbm7OO5rKALtoNWU1NGMyOWFmOTQwZTMwODFhZjkzOWY0LzGTp2luYm91"
    "bmSjY3luzjuaygC7aGU0MDBmZWM5ZjY1OWUyODVmYTE5NDk3Yy8xk6dpbmJvdW5ko2Jlbs47msoAgadpbmJvdW5kks47msoAg6Nhbm6TzjuaygAA"
    "w6NiZW6TzjuaygAAw6NjeW6Tznc1lAAAw5GZAAW5aDdkYmYwM2QzZTU0N2MwZmZhNDZmZDk0MwGiazWnaW5ib3VuZKRkYWNowJAFlsQIq3W2cWaq"
    "danECDj7Og5eu7e4xAhzJnACMH2DTMQIYHzumR3PZCPECJGFn+8iptqwxAgI7IGaoAt//A=="
)


@pytest.mark.parametrize(
    ("packed", "stage", "rep", "step"),
    [(ACCEPTED, "accepted", "ann", 0), (BREACHED, "open", "ben", 2), (WAITING, "open", None, 0)],
)
def test_handoffs_of_the_old_layout_are_read_whole(packed: str, stage: str, rep: str | None, step: int) -> None:
    state = Packing(LeadState).unpack(b64decode(packed))
    ((name, handoff),) = state.handoffs.items()
    assert (handoff.id, handoff.stage, handoff.territory) == (name, stage, "dach")
    assert (None if handoff.owner is None else handoff.owner.rep) == rep
    assert handoff.clock is not None
    assert handoff.clock.step == step
    assert (handoff.silence, handoff.place, state.merge) == (None, None, None)
    assert handoff.qualified.startswith(b'{"lead":"k')


def test_a_handoff_of_the_old_layout_lives_on_to_its_end() -> None:
    state = Packing(LeadState).unpack(b64decode(ACCEPTED))
    (handoff,) = state.handoffs.values()
    rules = rules_of({(kind, kind): text for kind, text in DOCUMENTS.items()}, "s")  # type: ignore[misc]
    occasion = Occasion("test", MONDAY_9 + DAY, rules, Effects())
    disposition.fire(occasion, "k1", handoff)
    pressure.count(occasion, "k1", handoff)
    lead.withdraw(occasion, "k1", handoff, "opt_out")
    assert [send.topic for send in occasion.effects.sends] == ["leads.routed", "notifications", "routing.requests"]
    assert handoff.stage == "withdrawn"


def test_a_team_of_the_old_layout_is_read_whole() -> None:
    state = Packing(TeamState).unpack(b64decode(TEAM))
    assert sorted(claim.rep for claim in state.claims.values()) == ["ann", "ben", "cyn"]
    assert [waiting.lead for waiting in state.queue] == ["k5"]


def test_what_is_packed_now_is_read_again_and_longer() -> None:
    old = b64decode(ACCEPTED)
    state = Packing(LeadState).unpack(old)
    packed = Packing(LeadState).pack(state)
    assert Packing(LeadState).unpack(packed) == state
    assert len(packed) > len(old)
