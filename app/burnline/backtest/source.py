"""A file of usage events, one JSON object a line, as priced calls."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from burnline.detection.learned.engine import Calls
from burnline.detection.learned.watch import Batch, Watch
from burnline.events.decode import decode_batch
from burnline.events.usage import END_TIME_MS, Usage
from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard, charge_fields

if TYPE_CHECKING:
    from burnline.events.rejection import Rejection

BYTES_AT_ONCE = 1 << 21
_MOST_RUNS = 1 << 20
"""So many runs have numbers at once; then they begin anew, and a run that goes on counts as another."""


class _Priced:
    """A model's card while it is valid, and its number in the watch."""

    __slots__ = ("card", "number", "rates", "since_ms", "until_ms")

    def __init__(self, card: RateCard, number: int) -> None:
        self.card = card
        self.number = number
        self.since_ms, self.until_ms = card.valid_from_ms, card.valid_until_ms
        flat = card.flat
        self.rates = (flat.input, flat.cached_input, flat.cache_write, flat.output, flat.reasoning) if flat else None

    def cost(self, usage: Usage) -> int:
        """What an event cost, in pico-USD; an unpriced one nothing."""
        if self.rates is None or usage.cache_write_1h_tokens:
            return charge_fields(
                self.card, usage.input_tokens, usage.output_tokens, usage.cached_input_tokens,
                usage.cache_write_tokens, usage.reasoning_tokens, usage.cache_write_1h_tokens,
            )[0]  # fmt: skip
        fresh, cached, write, output, reasoning = self.rates
        more, less = usage.cached_input_tokens, usage.cache_write_tokens
        return (
            (usage.input_tokens - more - less) * fresh + more * cached + less * write
            + (usage.output_tokens - usage.reasoning_tokens) * output + usage.reasoning_tokens * reasoning
        )  # fmt: skip


class Reader:
    """Turns lines into batches of calls. What is no usage event is counted, and the first ones are kept by name."""

    def __init__(self, book: RateBook, watch: Watch, now_ms: int) -> None:
        self._book = book
        self._watch = watch
        self._now_ms = now_ms
        self._cards: dict[tuple[str | None, str, str | None, str | None], _Priced] = {}
        self._runs: dict[str | None, int] = {}
        self._next_run = 0
        self.lines = 0
        self.events = 0
        self.first_ms, self.last_ms = END_TIME_MS, 0
        self.rejected: list[tuple[int, Rejection]] = []
        self.rejections = 0
        self.unpriced: set[tuple[str | None, str]] = set()

    def batches(self, file: BinaryIO) -> Iterator[Batch]:
        """Every batch of a file."""
        while lines := file.readlines(BYTES_AT_ONCE):
            yield self._batch(lines)

    def _batch(self, lines: list[bytes]) -> Batch:
        values = [line.rstrip() for line in lines]
        numbers = [number for number, value in enumerate(values, self.lines + 1) if value]
        self.lines += len(lines)
        usages, rejections = decode_batch(
            [value for value in values if value], now_ms=self._now_ms, max_clock_skew_ms=0
        )
        if rejections:
            self.rejections += len(rejections)
            self.rejected += [(numbers[each.index], each) for each in rejections[: 20 - len(self.rejected)]]
        return self._calls([usage for usage in usages if usage is not None])

    def _calls(self, usages: list[Usage]) -> Batch:
        self._watch.tidy()
        names, columns = self._watch.names, Calls.none()
        at, agents, sessions, models, runs, inputs, cached, writes, outputs, costs = (each.append for each in columns)
        for usage in usages:
            occurred_at = usage.occurred_at
            key = usage.org_id, usage.agent_id, usage.session_id
            known = names.sessions.get(key) or names.meet(key)
            priced = self._cards.get((usage.provider, usage.model, usage.service_tier, usage.region))
            if priced is None or not priced.since_ms <= occurred_at < priced.until_ms:
                priced = self._price(usage, priced)
            run = self._runs.get(usage.run_id)
            at(occurred_at)
            agents(known[0])
            sessions(known[1])
            models(priced.number)
            runs(self._number(usage.run_id) if run is None else run)
            inputs(usage.input_tokens)
            cached(usage.cached_input_tokens)
            writes(usage.cache_write_tokens)
            outputs(usage.output_tokens)
            costs(priced.cost(usage))
        self.events += len(usages)
        if usages:
            self.first_ms = min(self.first_ms, min(columns.at_ms))
            self.last_ms = max(self.last_ms, max(columns.at_ms))
        return Batch(columns, [usage.event_id for usage in usages])

    def _price(self, usage: Usage, before: _Priced | None) -> _Priced:
        """The card that holds for an event; a model's reference rates are those of its first card."""
        card = self._book.resolve(
            usage.provider,
            usage.model,
            usage.occurred_at,
            service_tier=usage.service_tier or "",
            region=usage.region or "",
        )
        if not card.priced:
            self.unpriced.add((usage.provider, usage.model))
        if before is None:
            tier = card.tiers[0] if card.tiers else None
            rates = (tier.input, tier.cached_input, tier.cache_write, tier.output) if tier else (0, 0, 0, 0)
            number = self._watch.add_model(rates)
        else:
            number = before.number
        priced = _Priced(card, number)
        self._cards[usage.provider, usage.model, usage.service_tier, usage.region] = priced
        return priced

    def _number(self, run_id: str | None) -> int:
        if len(self._runs) >= _MOST_RUNS:
            self._runs.clear()
        self._next_run += 1
        self._runs[run_id] = self._next_run
        return self._next_run
