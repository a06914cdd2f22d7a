"""The winner never depends on the order of lines, and what passes the checks leaves no lead to chance."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from baton_schemas.documents.territories import DIMENSIONS, Size, Territories, Territory
from services.router.territories import Profile, TerritoryMap, conflicts, holes

COUNTRIES, REGIONS, INDUSTRIES, EDGES = ["DE", "US", "FR"], ["CA", "NY"], ["retail", "public"], [0, 50, 1000]


@st.composite
def territories(draw: st.DrawFn) -> Territories:
    found = []
    for number in range(draw(st.integers(1, 6))):
        countries = draw(st.lists(st.sampled_from(COUNTRIES), unique=True, max_size=3))
        regions = draw(st.lists(st.sampled_from(REGIONS), unique=True, max_size=2)) if countries == ["US"] else []
        low = draw(st.sampled_from(EDGES))
        high = draw(st.sampled_from([edge for edge in EDGES if edge > low] + [None]))
        size = None if low == 0 and high is None else Size.model_validate({"from": low, "below": high})
        industries = draw(st.lists(st.sampled_from(INDUSTRIES), unique=True, max_size=2))
        catch_all = not (countries or regions or size or industries)
        found.append(
            Territory.model_validate(
                {
                    "name": f"t{number}",
                    "countries": countries,
                    "regions": regions,
                    "employees": size,
                    "industries": industries,
                    "catch_all": catch_all,
                    "team": "t",
                    "pool": "p",
                    "policy": "s",
                }
            )
        )
    return Territories.model_validate({"territories": found, "order": draw(st.permutations(DIMENSIONS))})


LEADS = st.builds(
    Profile,
    country=st.sampled_from([*COUNTRIES, "BR", None]),
    region=st.sampled_from([*REGIONS, "TX", None]),
    employees=st.one_of(st.none(), st.integers(0, 2000)),
    industry=st.sampled_from([*INDUSTRIES, "other", None]),
)


@settings(max_examples=100, deadline=None)
@given(territories(), st.lists(LEADS, min_size=1, max_size=30))
def test_checked_territories_take_every_lead_in_any_order_of_lines(document: Territories, leads: list[Profile]) -> None:
    atlas = TerritoryMap(document)
    backwards = TerritoryMap(document.model_copy(update={"territories": document.territories[::-1]}))
    clear, whole = not conflicts(document), not holes(document)
    for lead in leads:
        found, other = atlas.match(lead), backwards.match(lead)
        if whole and (lead.country == "US" or lead.region is None):
            assert found is not None
        if clear:
            assert (found and found.territory.name) == (other and other.territory.name)


@settings(max_examples=40, deadline=None)
@given(territories())
def test_every_problem_names_a_real_lead(document: Territories) -> None:
    for problem in conflicts(document):
        assert problem.count("'") >= 4
    if any(territory.catch_all for territory in document.territories):
        assert holes(document) == []
