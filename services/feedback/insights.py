"""What conversations brought goes to marketing as it came: pains, objections, competitors, in the field's words.

It changes no state, so a repeat is passed on as the same record again: same id, same bytes.
"""

from __future__ import annotations

from baton_schemas.feedback import InsightReported


def says_something(insight: InsightReported) -> bool:
    """Whether there is anything in it for marketing to read."""
    facts = (insight.budget, insight.authority, insight.need, insight.timeline)
    return bool(insight.pains or insight.objections or insight.competitors or any(facts))
