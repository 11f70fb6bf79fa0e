"""Which clauses are tried for a name: no one less than hold for it, whatever the catalogue or the name."""

import pytest
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    MatchLogic,
)
from hypothesis import example, given
from hypothesis import strategies as st

from burnline.pricing.catalogue import Catalogue
from burnline.pricing.clauses import Leaves, alternatives, any_holds, predicate

TEXTS = st.text("ab-.:/@4", min_size=1, max_size=6)
SIMPLE: st.SearchStrategy[MatchLogic] = st.one_of(
    TEXTS.map(ClauseStartsWith),
    TEXTS.map(ClauseEndsWith),
    TEXTS.map(ClauseContains),
    st.sampled_from(["^ab", "^ab?", r"^a\\.b-\\d$", "ab|ba", "^(a|b)-", "^[ab]4", "^ab+"]).map(ClauseRegex),
)
CLAUSES: st.SearchStrategy[MatchLogic] = st.one_of(
    SIMPLE,
    st.lists(SIMPLE, min_size=1, max_size=3).map(ClauseAnd),
    st.lists(SIMPLE, min_size=1, max_size=3).map(ClauseOr),
)
NAMES = st.text("ab-.:/@4", max_size=14)
BUNDLED = [leaf for provider in Catalogue.bundled().contents.providers for model in provider.models
           for leaf in alternatives(model.match) if not isinstance(leaf, ClauseEquals)]  # fmt: skip


@given(st.lists(CLAUSES, max_size=8), NAMES)
@example([ClauseRegex("^ab?")], "a")
def test_every_clause_that_holds_is_tried_and_in_its_order(clauses: list[MatchLogic], name: str) -> None:
    leaves = Leaves()
    for place, clause in enumerate(clauses):
        leaves.add(place, clause)
    tried = [leaf.place for leaf in leaves.of(name)]
    assert tried == sorted(set(tried))
    assert {place for place, clause in enumerate(clauses) if predicate(clause, versions_only=True)(name)} <= {*tried}


@given(st.lists(CLAUSES, max_size=8), st.lists(TEXTS, max_size=3), NAMES)
def test_any_of_many_holds_if_one_does(clauses: list[MatchLogic], beginnings: list[str], name: str) -> None:
    expected = any(predicate(clause)(name) for clause in clauses) or name.startswith(tuple(beginnings))
    assert any_holds(clauses, beginnings)(name) == expected


def test_a_name_that_nobody_knows_meets_few_of_the_bundled_clauses() -> None:
    leaves = Leaves()
    for place, clause in enumerate(BUNDLED):
        leaves.add(place, clause)
    assert len(BUNDLED) > 500
    assert len([*leaves.of("acme-7f3a90bc-chat")]) < len(BUNDLED) / 50


@pytest.mark.parametrize("name", ["", "/", "a" * 512, ".:/@" * 128], ids=["nothing", "a-slash", "long", "all-parts"])
def test_any_name_can_be_asked_for(name: str) -> None:
    leaves = Leaves()
    leaves.add(0, ClauseContains("claude"))
    assert [*leaves.of(name)] == []
