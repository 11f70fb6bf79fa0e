"""What is priced anew: rows whose events the log still holds, each to the last digit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.events.usage import Usage
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.policy import Policy
from burnline.ledger.usage_record import parse
from burnline.ledger.usage_rollups import QUARTER_MS
from burnline.pricing.valuation import ValuationRate
from burnline.repricing.adjustment import PricedBy
from burnline.repricing.rows import Range, Repriced, RowsOfNow, compared, price_version, records_to_write, rows_held
from tests.ledger.examples import BOOK, PARTITION, RETENTION, RULE, T0, TOPIC, baselines_of, rate, usage

BY = PricedBy("0123456789ab", T0)
EVER = Range.around(T0 - 4 * QUARTER_MS, T0 + 40 * QUARTER_MS)


def policy(*rates: ValuationRate) -> Policy:
    return Policy(RULE, BOOK.with_overrides(rates), baselines_of())


def ledger(*rates: ValuationRate) -> PartitionLedger:
    return PartitionLedger(TOPIC, PARTITION, policy(*rates), RETENTION)


def repriced(
    events: list[Usage],
    then: list[ValuationRate],
    now: list[ValuationRate],
    *,
    flush_every: int = 2,
    from_event: int = 0,
    within: Range = EVER,
) -> Repriced:
    """Events that were charged by some rates, flushed in parts, and are priced by others."""
    charged, anew = ledger(*then), ledger(*now)
    records: dict[bytes, bytes] = {}
    for start in range(0, len(events), flush_every):
        some = events[start : start + flush_every]
        charged.apply(range(start, start + len(some)), some, now_ms=0)
        records.update(charged.take_changes(0).usage_rollups)
    rows = anew.usage_rollups = RowsOfNow(within)
    anew.apply(range(from_event, len(events)), events[from_event:], now_ms=0)
    return compared(PARTITION, rows_held(map(parse, records.values()), within), rows.rows(), BY)


def events(*models: str, **changes: Any) -> list[Usage]:
    return [
        usage(event_id=f"e{at}", model=model, input_tokens=1_000_000, output_tokens=0, **changes)
        for at, model in enumerate(models)
    ]


def test_a_rate_with_a_date_in_the_past_makes_an_adjustment() -> None:
    found = repriced(events("gpt-4o", "gpt-4o", "o3"), [], [rate(T0 - 1, "1")])
    (one,) = found.adjustments
    assert (one.model, one.events, one.charged_usd, one.corrected_usd) == ("gpt-4o", 2, "5", "2")
    assert [key[6] for key in found.right] == ["o3"]
    assert found.left_out == []


def test_it_holds_from_its_own_time_on_within_a_quarter() -> None:
    both = [*events("gpt-4o"), usage(event_id="later", occurred_at=T0 + 5, input_tokens=1_000_000, output_tokens=0)]
    (one,) = repriced(both, [], [rate(T0 + 5, "1")]).adjustments
    assert (one.charged_usd, one.corrected_usd) == ("5", "3.5")


@pytest.mark.parametrize(
    ("named", "provider"),
    [pytest.param(None, "", id="no-provider"), pytest.param("acme", "acme", id="the-event-s-own")],
)
def test_a_model_that_had_no_rate_gets_one_and_stays_under_its_provider(named: str | None, provider: str) -> None:
    theirs = rate(0, "3", "house-model").model_copy(update={"provider": named or "*"})
    (one,) = repriced(events("house-model", provider=named), [], [theirs]).adjustments
    assert (one.charged_usd, one.corrected_usd, one.provider) == ("0", "3", provider)
    assert (one.charged_unpriced_tokens, one.corrected_unpriced_tokens) == (1_000_000, 0)


def test_a_provider_that_only_the_card_names_is_the_one_of_then() -> None:
    (one,) = repriced(events("gpt-4o"), [], [rate(0, "1")]).adjustments
    assert one.provider == "openai", "the rate of now holds for any"


def test_what_the_log_has_lost_is_left_out_and_told() -> None:
    found = repriced(events("gpt-4o", "gpt-4o", "o3"), [], [rate(0, "1")], from_event=1)
    assert found.adjustments == []
    ((key, why),) = found.left_out
    assert (key[6], why) == ("gpt-4o", "the log holds 1 of its 2 events")


def test_a_repeat_is_priced_once() -> None:
    twice = events("gpt-4o") * 2
    (one,) = repriced(twice, [], [rate(0, "1")]).adjustments
    assert (one.events, one.corrected_usd) == (1, "1")


def test_other_quarters_stay_as_they_are() -> None:
    far = [*events("gpt-4o"), usage(event_id="far", occurred_at=T0 + QUARTER_MS, input_tokens=1_000_000)]
    found = repriced(far, [], [rate(0, "1")], within=Range.around(T0, T0 + 1))
    assert [each.events for each in found.adjustments] == [1]


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "expected"),
    [
        pytest.param(0, QUARTER_MS, (0, QUARTER_MS), id="a-quarter"),
        pytest.param(1, QUARTER_MS - 1, (0, QUARTER_MS), id="inside-one"),
        pytest.param(QUARTER_MS - 1, QUARTER_MS + 1, (0, 2 * QUARTER_MS), id="over-a-boundary"),
        pytest.param(QUARTER_MS, QUARTER_MS + 1, (QUARTER_MS, 2 * QUARTER_MS), id="from-a-boundary"),
    ],
)
def test_a_range_is_whole_quarters(from_ms: int, to_ms: int, expected: tuple[int, int]) -> None:
    assert Range.around(from_ms, to_ms) == expected


class TestWritten:
    """What of it the topic does not say yet."""

    FOUND = repriced(events("gpt-4o"), [], [rate(0, "1")])

    def test_what_stands_there_is_not_written_again(self) -> None:
        standing = {each.key(): each.model_copy(update={"priced_at": 1}) for each in self.FOUND.adjustments}
        assert records_to_write({}, self.FOUND, PARTITION).keys() == standing.keys()
        assert records_to_write(standing, self.FOUND, PARTITION) == {}

    def test_what_is_right_again_is_taken_back(self) -> None:
        standing = {each.key(): each for each in self.FOUND.adjustments}
        right = repriced(events("gpt-4o"), [], [])
        assert records_to_write(standing, right, PARTITION) == dict.fromkeys(standing)

    def test_what_cannot_be_priced_anew_any_more_stays(self) -> None:
        standing = {each.key(): each for each in self.FOUND.adjustments}
        lost = repriced(events("gpt-4o"), [], [], from_event=1)
        assert len(lost.left_out) == 1
        assert records_to_write(standing, lost, PARTITION) == {}


def test_a_price_version_follows_from_all_prices_and_not_from_their_order() -> None:
    one, other = rate(0, "1"), rate(0, "2", "o3")
    assert price_version("c", [one, other], ["b", "a"]) == price_version("c", [other, one], ["a", "b"])
    versions = {price_version("c", rates, free) for rates in ([], [one], [other]) for free in ([], ["a"])}
    assert len(versions | {price_version("d", [], [])}) == 7


MODELS = st.sampled_from(["gpt-4o", "o3", "house-model", "gemini-2.5-pro"])
EVENTS = st.lists(
    st.builds(
        lambda model, tokens, cached, quarter, session: {
            "model": model, "input_tokens": tokens, "cached_input_tokens": min(cached, tokens),
            "occurred_at": T0 + quarter * QUARTER_MS, "session_id": session, "agent_id": session,
        },
        MODELS, st.integers(0, 400_000), st.integers(0, 1_000), st.integers(0, 2), st.sampled_from("ab"),
    ),
    min_size=1, max_size=12,
)  # fmt: skip
RATES = st.lists(
    st.builds(lambda model, usd, at: rate(T0 + at, usd, model), MODELS, st.sampled_from(["0", "1", "0.000001"]),
              st.integers(0, 3 * QUARTER_MS)), max_size=3, unique_by=lambda each: each.key(),
)  # fmt: skip


@given(EVENTS, RATES, RATES, st.integers(1, 5))
def test_charged_and_adjustments_are_what_the_prices_of_now_come_to(
    fields: list[dict[str, Any]], then: list[ValuationRate], now: list[ValuationRate], flush_every: int
) -> None:
    some = [usage(event_id=f"e{at}", **each) for at, each in enumerate(fields)]
    found = repriced(some, then, now, flush_every=flush_every)
    assert found.left_out == []
    wanted = _total(some, now) - _total(some, then)
    assert sum(each.difference_pico_usd for each in found.adjustments) == wanted
    assert repriced(some, now, now, flush_every=flush_every).adjustments == []


def _total(some: list[Usage], rates: list[ValuationRate]) -> int:
    book = BOOK.with_overrides(rates)
    charged = 0
    for event in some:
        card = book.resolve(event.provider, event.model, event.occurred_at)
        tier = card.tier_for(event.input_tokens)
        if tier is not None:
            plain = event.input_tokens - event.cached_input_tokens
            charged += plain * tier.input + event.cached_input_tokens * tier.cached_input
            charged += (event.output_tokens - event.reasoning_tokens) * tier.output
            charged += event.reasoning_tokens * tier.reasoning
    return charged
