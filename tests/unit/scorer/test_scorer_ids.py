"""One id, one content: what a repeat of an event is judged to be later is another record, never the same id again."""

from __future__ import annotations

from baton_schemas.documents.signing import content_digest
from baton_schemas.feedback import CriterionPoints, ModelPublished
from services.scorer.definition import read
from tests.unit.scorer.world import HOUR, SIGNED, World, email, key_of

ADA = email("ada")


def test_a_repeat_judged_by_a_newer_model_is_a_record_of_its_own() -> None:
    world = World()
    for hours, points in ((0, 20.0), (1, 2.0)):
        world.clock.advance(hours * HOUR)
        model = ModelPublished(
            definition="small", definition_digest=content_digest(read(SIGNED, "d")), version=1 + hours, parent=hours,
            criteria={"boss": CriterionPoints(points=points, signed=20)}, labels=9, at=world.clock.now(), cause="c",
        )  # fmt: skip
        world.tell("scoring.models", "small", model)
        world.traits(ADA, id="the same", seniority="vp")
        world.run()
    told = [record for record in world.engine.records("leads.scored") if record.key == key_of(ADA).encode()]
    assert [score.fit for score in world.scored(key_of(ADA))] == [20.0, 2.0]
    ids = [dict(record.headers)["ce_id"] for record in told]
    assert len(set(ids)) == 2
