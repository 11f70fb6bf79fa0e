"""Usage events as priced calls, in the numbers that the learned rules watch."""

from collections.abc import Sequence
from zlib import crc32

import msgspec

from burnline.detection.learned.engine import Calls
from burnline.detection.learned.watch import Batch, Watch
from burnline.events.usage import Usage
from burnline.ledger.metered import counted_rare
from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard, charge_fields

_MOST_RUNS = 1 << 20
"""So many runs have their numbers at hand; then these are made anew."""

ModelKey = tuple[str | None, str, str | None, str | None]
"""Provider, model, service tier, region."""


class PricerState(msgspec.Struct, frozen=True):
    """Which model has which number in the watch: the keys in their order."""

    models: list[ModelKey]


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
        if self.rates is None or type(usage) is not Usage:
            charged = charge_fields(
                self.card, usage.input_tokens, usage.output_tokens, usage.cached_input_tokens,
                usage.cache_write_tokens, usage.reasoning_tokens,
            )  # fmt: skip
            return charged[0] if type(usage) is Usage else counted_rare(usage, self.card, charged).charged[0]
        fresh, cached, write, output, reasoning = self.rates
        more, less = usage.cached_input_tokens, usage.cache_write_tokens
        return (
            (usage.input_tokens - more - less) * fresh + more * cached + less * write
            + (usage.output_tokens - usage.reasoning_tokens) * output + usage.reasoning_tokens * reasoning
        )  # fmt: skip


class Pricer:
    """Gives agents, sessions, runs and models their numbers, and each call its cost."""

    def __init__(self, book: RateBook, watch: Watch) -> None:
        """Take the prices, and the watch whose numbers are given."""
        self._book = book
        self._watch = watch
        self._numbers: dict[ModelKey, int] = {}
        self._cards: dict[tuple[ModelKey, str], _Priced] = {}
        """By the organisation, too, if it has rates of its own, else ""."""
        self._runs: dict[str | None, int] = {None: 0}
        self.unpriced: set[tuple[str | None, str]] = set()

    def set_book(self, book: RateBook) -> None:
        """Price by another list from now on. What a model is held against stays its first price."""
        self._book = book
        self._cards.clear()

    def save(self) -> PricerState:
        """What its watch does not hold."""
        return PricerState(list(self._numbers))

    def load(self, state: PricerState) -> None:
        """Go on with the numbers of another one, whose watch is loaded as well."""
        self._numbers = {key: number for number, key in enumerate(state.models)}

    def batch(self, usages: Sequence[Usage]) -> Batch:
        """Events, in the order of the log, as calls."""
        self._watch.tidy()
        names, columns, rated_orgs = self._watch.names, Calls.none(), self._book.orgs
        at, agents, sessions, models, runs, inputs, cached, writes, outputs, costs = (each.append for each in columns)
        for usage in usages:
            occurred_at = usage.occurred_at
            key = usage.org_id, usage.agent_id, usage.session_id
            known = names.sessions.get(key) or names.meet(key)
            whose = usage.org_id if usage.org_id in rated_orgs else ""
            priced = self._cards.get(((usage.provider, usage.model, usage.service_tier, usage.region), whose))
            if priced is None or not priced.since_ms <= occurred_at < priced.until_ms:
                priced = self._price(usage, whose)
            run = self._runs.get(usage.run_id)
            at(occurred_at)
            agents(known[0])
            sessions(known[1])
            models(priced.number)
            runs(self._run(usage.run_id) if run is None else run)
            inputs(usage.input_tokens)
            cached(usage.cached_input_tokens)
            writes(usage.cache_write_tokens)
            outputs(usage.output_tokens)
            costs(priced.cost(usage))
        return Batch(columns, [usage.event_id for usage in usages])

    def _price(self, usage: Usage, whose: str) -> _Priced:
        """The card that holds for an event; a model's reference rates are those of its first card."""
        card = self._book.resolve(
            usage.provider,
            usage.model,
            usage.occurred_at,
            service_tier=usage.service_tier or "",
            region=usage.region or "",
            org_id=whose,
        )
        if not card.priced:
            self.unpriced.add((usage.provider, usage.model))
        key = usage.provider, usage.model, usage.service_tier, usage.region
        number = self._numbers.get(key)
        if number is None:
            tier = card.tiers[0] if card.tiers else None
            rates = (tier.input, tier.cached_input, tier.cache_write, tier.output) if tier else (0, 0, 0, 0)
            number = self._numbers[key] = self._watch.add_model(rates)
        priced = self._cards[key, whose] = _Priced(card, number)
        return priced

    def _run(self, run_id: str | None) -> int:
        """A run's number follows from its id, so that it is the same after a restart."""
        if len(self._runs) >= _MOST_RUNS:
            self._runs = {None: 0}
        number = self._runs[run_id] = crc32((run_id or "").encode()) + 1
        return number
