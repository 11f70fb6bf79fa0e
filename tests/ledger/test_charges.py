"""What an event adds to its ledger: money by the rate of its time, tokens without a rate, runs and tool calls."""

import pytest

from tests.ledger.examples import (
    BOOK,
    MILLI,
    T0,
    Topics,
    at_slice,
    feed,
    held,
    ledger,
    policy,
    rate,
    usage,
)


class TestRates:
    """By event time, once."""

    @pytest.mark.parametrize(
        ("at_ms", "milli_usd"),
        [
            pytest.param(at_slice(5) - 1, 25, id="just-before-it-holds"),
            pytest.param(at_slice(5), 70, id="from-then-on"),
        ],
    )
    def test_an_event_costs_what_held_at_its_own_time(self, at_ms: int, milli_usd: int) -> None:
        rules = policy()
        rules.set_book(BOOK.with_overrides([rate(at_slice(5), "7")]))
        partition = ledger(rules)
        feed(partition, usage(occurred_at=at_ms))
        assert held(partition).total("cost_pico_usd") == milli_usd * MILLI

    def test_the_card_in_use_is_left_in_both_directions(self) -> None:
        rules = policy()
        rules.set_book(BOOK.with_overrides([rate(at_slice(5), "7")]))
        partition = ledger(rules)
        for number, (at, total) in enumerate([(5, 70), (4, 95), (6, 165), (3, 190)]):
            feed(partition, usage(event_id=f"e-{number}", occurred_at=at_slice(at)))
            assert held(partition).total("cost_pico_usd") == total * MILLI

    def test_what_is_counted_is_never_priced_again(self) -> None:
        rules, topics = policy(), Topics()
        partition = ledger(rules)
        feed(partition, usage())
        topics.commit(partition.take_changes(T0))
        rules.set_book(BOOK.with_overrides([rate(0, "7")]))
        assert held(partition).total("cost_pico_usd") == 25 * MILLI
        partition = topics.restored(rules)
        feed(partition, usage(event_id="e-2"))
        assert held(partition).total("cost_pico_usd") == (25 + 70) * MILLI
        rules.set_book(BOOK)
        feed(partition, usage(event_id="e-3"))
        assert held(partition).total("cost_pico_usd") == (25 + 70 + 25) * MILLI


class TestUnpriced:
    """Not known, which is not zero."""

    def test_is_loud_and_costs_nothing_yet(self) -> None:
        partition = ledger()
        feed(partition, usage(model="house-model", input_tokens=700, cached_input_tokens=300, output_tokens=30))
        counts = partition.take_changes(T0).counts
        assert counts.unpriced.keys() == {"house-model"}
        assert "house-model" in counts.unpriced["house-model"]
        found = held(partition)
        assert (found.total("unpriced_tokens"), found.total("cost_pico_usd")) == (730, 0)

    def test_is_not_free(self) -> None:
        rules = policy()
        rules.set_book(BOOK.with_overrides([rate(0, "0", "house-model")]))
        partition = ledger(rules)
        feed(partition, usage(model="house-model"))
        assert partition.take_changes(T0).counts.unpriced == {}
        assert held(partition).total("unpriced_tokens") == 0

    def test_without_tokens_there_is_nothing_to_price(self) -> None:
        partition = ledger()
        feed(partition, usage(model="house-model", input_tokens=0, kind="tool_call"))
        assert partition.take_changes(T0).counts.unpriced == {}


class TestKinds:
    """What beside money an event counts."""

    @pytest.mark.parametrize(
        ("kind", "runs", "tool_calls", "embedding_milli_usd"),
        [
            pytest.param("llm", 0, 0, 0, id="llm"),
            pytest.param("embedding", 0, 0, 25, id="embedding"),
            pytest.param("run", 1, 0, 0, id="run"),
            pytest.param("tool_call", 0, 1, 0, id="tool_call"),
        ],
    )
    def test_all_cost_and_each_counts_as_what_it_is(
        self, kind: str, runs: int, tool_calls: int, embedding_milli_usd: int
    ) -> None:
        partition = ledger()
        feed(partition, usage(kind=kind))
        found = held(partition)
        assert (found.runs, found.tool_calls) == (runs, tool_calls)
        assert found.total("embedding_cost_pico_usd") == embedding_milli_usd * MILLI
        assert found.total("cost_pico_usd") == 25 * MILLI
        counts = partition.take_changes(T0).counts
        owner = ("acme", "agent-7")
        assert (counts.runs, counts.tool_calls) == ({owner: 1} if runs else {}, {owner: 1} if tool_calls else {})
