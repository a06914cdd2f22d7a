"""Several definitions in force at a time: which of them judges a person, and what a lead keeps of the others.

A company that sells two products, or in two regions, agrees on a good lead twice. Each definition says whom it applies
to (`applies_to`); they are asked in the order of their files' names, the one for everybody else last, and the first
that applies judges. So a person is a lead under one definition at a time. What became of it under another is put aside:
a handoff stays where it is, and a person who comes back is as it was.

All of them count the same: whatever one asks for is counted for everybody, so that who comes to be judged by another
brings all it did along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import permutations

from baton_schemas.documents.condition import Condition
from baton_schemas.documents.definition import LeadDefinition
from services.runtime.errors import UserError
from services.scorer.coming import changed_in, counting_for
from services.scorer.definition import AlertRule, Rules
from services.scorer.operators import Answer
from services.scorer.person import Lead, Standing
from services.scorer.profile import Profile
from services.scorer.qualification import Judgement, judge, traits_known

MOST_DEFINITIONS = 8
MOST_ASIDE = 8
"""Standings that a lead keeps under other definitions; the oldest goes first."""
_STANDING = Standing.__struct_fields__


@dataclass(frozen=True, slots=True)
class Definitions:
    """The rules of all definitions in force, in the order in which they are asked. `by_judged` finds those that judged
    somebody last, while they are in force."""

    rules: tuple[Rules, ...]
    by_judged: Mapping[str, Rules]

    @property
    def first(self) -> Rules:
        """Any of them, for what is the same in all: what is counted and kept."""
        return self.rules[0]

    @property
    def alerts(self) -> AlertRule | None:
        """When owners are told, which is the same in all."""
        return self.rules[0].alerts

    def of(self, traits: Mapping[str, Answer]) -> Rules:
        """The first that applies to somebody with these traits; where none does, the last, by which it is no lead."""
        for rules in self.rules:
            if rules.applies is None or rules.applies(traits):
                return rules
        return self.rules[-1]

    def saying(self, expression: str) -> set[str]:
        """The criteria (disqualifiers, personas) that ask a CEL expression, by id."""
        return {
            _named(rules.definition, place)
            for rules in self.rules
            for _, place, condition, _ in rules.definition.conditions()
            if _says(condition, expression)
        }

    def counting_for(self, coming: LeadDefinition) -> Definitions:
        """These, which also count what a coming definition will ask for."""
        rules = tuple(counting_for(each, coming) for each in self.rules)
        return Definitions(rules, {each.judged: each for each in rules})

    def judge(self, profiles: Sequence[Profile], now: int) -> Judgement:
        """Reads a person, whose profiles these are (its own first), at `now` (ms), by the rules that apply to it."""
        traits = traits_known(profiles)
        return judge(profiles, self.of(traits), now, traits=traits)


def together(compiled: Sequence[Rules]) -> Definitions:
    """Definitions in force at the same time, given in the order of their files' names. Raises UserError when they can't
    be."""
    if problems := at_odds([rules.definition for rules in compiled]):
        raise UserError("\n".join(problems))
    ordered = sorted(compiled, key=lambda rules: rules.applies is None)
    if len(ordered) > 1:
        ordered = [_beside(rules, [other for other in ordered if other is not rules]) for rules in ordered]
        of_set = blake2b("|".join(rules.judged for rules in ordered).encode(), digest_size=4).hexdigest()
        ordered = [replace(rules, judged=f"{rules.judged}/{of_set}") for rules in ordered]
    return Definitions(tuple(ordered), {rules.judged: rules for rules in ordered})


def at_odds(definitions: Sequence[LeadDefinition]) -> list[str]:
    """Why definitions can't be in force at the same time, a line each."""
    names = [each.name for each in definitions]
    problems = [f"definition {name!r}: given twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if len(names) > MOST_DEFINITIONS:
        problems.append(f"{len(names)} definitions: at most {MOST_DEFINITIONS} at a time")
    if len(open_to_all := [each.name for each in definitions if each.applies_to is None]) > 1:
        problems.append(
            f"definitions {', '.join(open_to_all)}: each is for everybody - say `applies_to` in all but one"
        )
    for one, other in permutations(definitions, 2):
        if one.name < other.name and (changed := changed_in(one, other)):
            problems.append(
                f"definitions {one.name}, {other.name}: {', '.join(changed)}: count different things under one id - "
                "an id names what is counted: give one of them another id"
            )
    alerting = [each for each in definitions if each.alerts is not None]
    if any(each.alerts != alerting[0].alerts for each in alerting):
        problems.append(
            f"definitions {', '.join(each.name for each in alerting)}: alerts: an account is one - say the same"
        )
    return problems


def move(lead: Lead, definition: str, in_force: Definitions) -> bool:
    """Takes the lead to a definition, and answers whether another one in force judged it before. Then what it was under
    that one is put aside, and what it was under this one before is taken up again. Where the former is not in force any
    more, this one takes its place."""
    former, lead.definition = lead.definition, definition
    if former == definition or all(former != rules.definition.name for rules in in_force.rules):
        return False
    was = Standing(*(getattr(lead, name) for name in _STANDING))
    if was != Standing():
        lead.aside[former] = was
    again = lead.aside.pop(definition, Standing())
    for name in _STANDING:
        setattr(lead, name, getattr(again, name))
    while len(lead.aside) > MOST_ASIDE:
        del lead.aside[next(iter(lead.aside))]
    return True


def _says(condition: Condition, expression: str) -> bool:
    return condition.cel == expression or any(_says(part, expression) for part in condition.parts())


def _named(definition: LeadDefinition, place: str) -> str:
    """What a definition calls the place of a condition: `fit.2.when` is in the third criterion on fit."""
    kind, _, rest = place.partition(".")
    one = getattr(definition, kind)
    if rest:
        one = one[int(rest.partition(".")[0])]
    return str(next((getattr(one, name) for name in ("id", "reason", "name") if hasattr(one, name)), kind))


def _beside(rules: Rules, others: Sequence[Rules]) -> Rules:
    """The rules, which also count what the others ask for, and know what in them ends a lead for everybody."""
    known = {each.action for each in rules.disqualifiers}
    for other in others:
        rules = counting_for(rules, other.definition)
        said = [each for each in other.disqualifiers if each.action is not None and each.action not in known]
        rules = replace(rules, disqualifiers=(*rules.disqualifiers, *said))
        known |= {each.action for each in said}
    alerts = next((each.alerts for each in (rules, *others) if each.alerts is not None), None)
    return replace(rules, alerts=alerts)
