"""Usage events as priced calls, in the numbers that the learned rules watch."""

from array import array
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
        self._cards: dict[tuple[str | None, str, str | None, str | None, str], _Priced] = {}
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
        names, rated_orgs, cards, numbers = self._watch.names, self._book.orgs, self._cards, self._runs
        agents, sessions, models, runs, costs = [], [], [], [], []
        whose = ""
        for usage in usages:
            key = usage.org_id, usage.agent_id, usage.session_id
            agent, session = names.sessions.get(key) or names.meet(key)
            if rated_orgs:
                whose = usage.org_id if usage.org_id in rated_orgs else ""
            priced = cards.get((usage.provider, usage.model, usage.service_tier, usage.region, whose))
            if priced is None or not priced.since_ms <= usage.occurred_at < priced.until_ms:
                priced = self._price(usage, whose)
            run = numbers.get(usage.run_id)
            agents.append(agent)
            sessions.append(session)
            models.append(priced.number)
            runs.append(self._run(usage.run_id) if run is None else run)
            rates = priced.rates
            if rates is None or type(usage) is not Usage or usage.reasoning_tokens:
                costs.append(priced.cost(usage))
            else:
                more, less = usage.cached_input_tokens, usage.cache_write_tokens
                costs.append(
                    (usage.input_tokens - more - less) * rates[0] + more * rates[1] + less * rates[2]
                    + usage.output_tokens * rates[3]
                )  # fmt: skip
        columns = Calls(
            at_ms=array("q", [usage.occurred_at for usage in usages]),
            agent=array("q", agents),
            session=array("q", sessions),
            model=array("q", models),
            run=array("q", runs),
            input_tokens=array("q", [usage.input_tokens for usage in usages]),
            cached_tokens=array("q", [usage.cached_input_tokens for usage in usages]),
            write_tokens=array("q", [usage.cache_write_tokens for usage in usages]),
            output_tokens=array("q", [usage.output_tokens for usage in usages]),
            cost_pico_usd=array("q", costs),
        )
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
        priced = self._cards[*key, whose] = _Priced(card, number)
        return priced

    def _run(self, run_id: str | None) -> int:
        """A run's number follows from its id, so that it is the same after a restart."""
        if len(self._runs) >= _MOST_RUNS:
            self._runs.clear()
            self._runs[None] = 0
        number = self._runs[run_id] = crc32((run_id or "").encode()) + 1
        return number
