"""What events are judged by, and how long answers are kept."""

import pytest

from burnline.detection.baseline import Baseline
from burnline.ledger.policy import Policy
from tests.ledger.examples import BASELINE, BOOK, RULE, T0, baselines_of, policy, rate

MODELS = [f"made-up-{number}" for number in range(5)]


def test_cards_are_kept_for_the_next_event() -> None:
    rules = policy()
    card = rules.card("openai", "gpt-4o", T0)
    assert rules.cards["openai", "gpt-4o"] is card
    assert card == BOOK.resolve("openai", "gpt-4o", T0)


@pytest.mark.parametrize(
    ("asked", "held"), [pytest.param(3, 3, id="at-the-limit"), pytest.param(4, 1, id="one-more-begins-anew")]
)
def test_cards_take_bounded_memory(asked: int, held: int) -> None:
    rules = policy()
    rules.card_limit = 3
    for model in ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini")[:asked]:
        rules.card(None, model, T0)
    assert len(rules.cards) == held


def test_models_without_a_rate_share_a_card_and_are_told_why() -> None:
    rules = policy()
    assert rules.card("acme", "first", T0) is rules.card("acme", "second", T0)
    assert rules.card("acme", "first", T0) is rules.card("acme", "first", T0)
    assert "acme" in rules.why_unpriced("acme", "first", T0)
    assert rules.cards == {}, "no card of a name's own is kept"


def test_a_model_that_is_priced_later_is_priced_then() -> None:
    rules = Policy(RULE, BOOK.with_overrides([rate(T0, "1", "made-up")]), baselines_of())
    assert [rules.card(None, "made-up", at_ms).priced for at_ms in (T0 - 1, T0, T0 - 1)] == [False, True, False]


def test_made_up_names_push_no_real_model_out() -> None:
    rules = policy()
    rules.card_limit = 3
    card = rules.card("openai", "gpt-4o", T0)
    for model in MODELS:
        rules.card(None, model, T0)
    assert rules.cards["openai", "gpt-4o"] is card


def test_a_new_book_holds_at_once() -> None:
    rules = policy()
    cards = rules.cards
    assert not rules.card(None, "made-up", T0).priced
    rules.set_book(BOOK.with_overrides([rate(0, "1", "made-up")]))
    assert (None, "made-up") not in cards, "who holds the cards in use sees them go"
    assert rules.card(None, "made-up", T0).priced


def test_an_organisation_with_rates_of_its_own_has_cards_of_its_own() -> None:
    rules = policy()
    assert rules.rated_orgs == frozenset()
    shared = rules.served_card(None, "made-up", "", "", "acme", T0)
    assert rules.served_card(None, "made-up", "", "", "initech", T0) is shared
    rules.set_book(BOOK.with_overrides([rate(0, "1", "made-up").model_copy(update={"org_id": "acme"})]))
    assert rules.rated_orgs == {"acme"}
    assert rules.served_card(None, "made-up", "", "", "acme", T0).priced
    assert not rules.served_card(None, "made-up", "", "", "initech", T0).priced
    assert not rules.card(None, "made-up", T0).priced


def test_new_baselines_hold_at_once_and_are_told_by_the_version() -> None:
    rules = policy()
    before, _ = rules.limits("acme", "agent-7")
    version = rules.version
    rules.set_baselines(baselines_of(Baseline(org_id="acme", agent_id="*", usd_per_hour="2")))
    limits, baseline = rules.limits("acme", "agent-7")
    assert rules.version > version
    assert limits.warning_short == 2 * 10**12 * 5 * RULE.short_window_s // 3600 > before.warning_short
    assert baseline.source == "acme/*"
    assert rules.limits("initech", "agent-7")[1] == BASELINE
