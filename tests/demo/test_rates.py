"""The worker's rate cards for the demo's models are what the providers publish: the list the sums are checked with."""

import pytest

from burnline.demo.publishing import clock_ms
from burnline.demo.scenario import AGENTS, EMBEDDING_MODEL, RUNAWAY_AGENT
from burnline.pricing.book import RateBook
from burnline.pricing.money import PICO_PER_USD
from tests.demo.published_rates import MILLION, PUBLISHED


def test_every_model_of_the_demo_has_a_published_price() -> None:
    used = {(agent.provider, agent.model) for agent in (*AGENTS, RUNAWAY_AGENT)} | {("openai", EMBEDDING_MODEL)}
    assert used == set(PUBLISHED)


@pytest.mark.parametrize(("provider", "model"), PUBLISHED, ids=[model for _, model in PUBLISHED])
def test_rate_cards_say_what_providers_publish(provider: str, model: str) -> None:
    rates = PUBLISHED[provider, model]
    card = RateBook.bundled().resolve(provider, model, clock_ms())
    (tier,) = card.tiers
    assert (tier.above_input_tokens, card.priced) == (0, True)
    found = {"input": tier.input, "cached_input": tier.cached_input, "cache_write": tier.cache_write}
    assert found == {name: getattr(rates, name) * PICO_PER_USD / MILLION for name in found}
    if model != EMBEDDING_MODEL:  # embeddings have no output
        assert tier.output == tier.reasoning == rates.output * PICO_PER_USD / MILLION
