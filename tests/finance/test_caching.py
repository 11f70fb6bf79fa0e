"""What caches bring in: FOCUS' own example, and its edges."""

from decimal import Decimal

from burnline.finance.bounds import UnpricedBounds
from burnline.finance.caching import cache_impact, roi
from burnline.finance.frames import Totals, read_rows, totals
from burnline.pricing.money import usd_text
from tests.finance.rows import row, value

FOCUS = row(
    input_tokens=10_500_000,
    output_tokens=1_500_000,
    cached_input_tokens=8_000_000,
    cache_write_tokens=2_000_000,
    input=1_500_000_000_000,
    cached_input=2_400_000_000_000,
    cache_write=7_500_000_000_000,
    output=22_500_000_000_000,
    savings=21_600_000_000_000,
)
"""Scenario A: input at 3 USD a million, reads at 0.30, writes at 3.75, output at 15."""
EMBEDDING = row(kind="embedding", model="text-embedding-3-small", output_tokens=0, input=600_000_000_000)
FRAME = read_rows([value(FOCUS), value(EMBEDDING)], UnpricedBounds.bundled())


def test_the_example_of_focus() -> None:
    impact = cache_impact(totals(read_rows([value(FOCUS)], UnpricedBounds.bundled())))
    assert usd_text(impact.without_cache) == "31.5"
    assert usd_text(impact.input_side) == "11.4"
    assert usd_text(impact.reduction) == "20.1"
    assert usd_text(impact.premium) == "1.5"
    assert impact.returned == Decimal("13.4")
    assert impact.hit_ratio == Decimal("0.761905")


def test_embeddings_are_set_against_the_reduction() -> None:
    found = roi(FRAME)
    assert usd_text(found.embedding_cost) == "0.6"
    assert usd_text(found.net) == "19.5"


def test_a_semantic_cache_saves_whole_calls() -> None:
    hit = row(
        kind="cache_hit", cache_hits=3, events=3, semantic_cache_savings_usd="3.2", input_tokens=0, output_tokens=0
    )
    found = roi(read_rows([value(FOCUS), value(EMBEDDING), value(hit)], UnpricedBounds.bundled()))
    assert (usd_text(found.semantic_savings), usd_text(found.net)) == ("3.2", "22.7")
    assert usd_text(found.cache.reduction) == "20.1"


def test_a_premium_that_never_paid() -> None:
    used = Totals.zero()._replace(cache_write_tokens=10, cache_write_cost=50, cache_write_premium=20)
    impact = cache_impact(used)
    assert impact.reduction == -20
    assert impact.returned == Decimal(-1)
    assert (impact.input_side, impact.without_cache) == (50, 30)


def test_nothing_used() -> None:
    impact = cache_impact(Totals.zero())
    assert (impact.reduction, impact.hit_ratio, impact.returned) == (0, None, None)
