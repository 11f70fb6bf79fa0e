"""What events are judged by: rates, baselines and the burn rule, with the answers that the hot path asks for again."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from burnline.detection.baseline import Baselines, EffectiveBaseline
from burnline.detection.rule import BurnRule, Thresholds, thresholds
from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard

if TYPE_CHECKING:
    from burnline.pricing.catalogue import Catalogue

NAMES_PER_CARD = 20
"""So many names without a rate are kept for each card that may be: they share theirs."""


class Policy:
    """Rates and baselines in force. Both may be swapped at any time; the next event sees the new ones.

    `rated_orgs` are the organisations with rates of their own: their cards come from `served_card` alone.
    `version` grows with every change of the baselines, `rates_version` with every change of the rates, so that whoever
    keeps answers knows when they are out of date.
    """

    __slots__ = (
        "_cards",
        "_limits",
        "_served",
        "_shared",
        "_unpriced",
        "baselines",
        "book",
        "by_event_time",
        "card_limit",
        "rates_version",
        "rule",
        "version",
    )

    def __init__(
        self,
        rule: BurnRule,
        book: RateBook,
        baselines: Baselines,
        *,
        card_limit: int = 10_000,
        by_event_time: bool = False,
    ) -> None:
        """Start with these.

        Args:
            rule: The burn rule.
            book: Rates.
            baselines: Baselines.
            card_limit: Bounds what endless made-up names of models and agents can take: so many cards, lines and, times
                `NAMES_PER_CARD`, names without a rate.
            by_event_time: Time moves on with the events' own, as if the log had taken each as it happened: for replays.
        """
        self.by_event_time = by_event_time
        self.rule = rule
        self.book = book
        self.baselines = baselines
        self.version = 0
        self.rates_version = 0
        self.card_limit = card_limit
        self._cards: dict[tuple[str | None, str], RateCard] = {}
        self._served: dict[tuple[str | None, str, str, str, str], RateCard] = {}
        self._unpriced: dict[int, RateCard] = {}
        self._shared: dict[RateCard, RateCard] = {}
        self._limits: dict[tuple[str, str], tuple[Thresholds, EffectiveBaseline]] = {}

    def set_book(self, book: RateBook) -> None:
        """Price from these rates from the next event on."""
        self.book = book
        self._cards.clear()
        self._served.clear()
        self._unpriced.clear()
        self._shared.clear()
        self.rates_version += 1

    def set_catalogue(self, catalogue: "Catalogue") -> None:
        """Price by this catalogue below the same overrides, from the next event on."""
        self.set_book(self.book.with_catalogue(catalogue))

    def set_baselines(self, baselines: Baselines) -> None:
        """Judge by these baselines from the next event on."""
        self.baselines = baselines
        self._limits.clear()
        self.version += 1

    @property
    def rated_orgs(self) -> frozenset[str]:
        """Organisations with rates of their own."""
        return self.book.orgs

    @property
    def cards(self) -> Mapping[tuple[str | None, str], RateCard]:
        """Cards with a rate in use by (provider, model). Check a card's validity; `card` finds one that is valid."""
        return self._cards

    def card(self, provider: str | None, model: str, at_ms: int) -> RateCard:
        """The rate card of a model at an event time; kept for the next event of that model.

        One without a rate is shared by many models and does not say why; `why_unpriced` does.
        """
        name = hash((provider, model))
        held = self._unpriced.get(name)
        if held is not None and held.valid_from_ms <= at_ms < held.valid_until_ms:
            return held
        card = self.book.resolve(provider, model, at_ms)
        if not card.priced:
            return self._keep_unpriced(name, card)
        self._unpriced.pop(name, None)
        if len(self._cards) >= self.card_limit:
            self._cards.clear()
        self._cards[provider, model] = card
        return card

    def _keep_unpriced(self, name: int, card: RateCard) -> RateCard:
        """Names are made up without end: of each stands its hash, and a card that says nothing else."""
        plain = RateCard(card.provider, "", card.source, "", card.valid_from_ms, card.valid_until_ms, ())
        if len(self._shared) >= self.card_limit:
            self._shared.clear()
        if len(self._unpriced) >= NAMES_PER_CARD * self.card_limit:
            self._unpriced.clear()
        shared = self._unpriced[name] = self._shared.setdefault(plain, plain)
        return shared

    def why_unpriced(self, provider: str | None, model: str, at_ms: int) -> str:
        """Why a model has no rate at an event time."""
        return self.book.resolve(provider, model, at_ms).rule

    def served_card(
        self, provider: str | None, model: str, service_tier: str, region: str, org_id: str, at_ms: int
    ) -> RateCard:
        """The rate card of a model at a service tier, in a region or for an organisation with rates of its own.

        It is kept apart from those that hold without. Of `rated_orgs` alone the organisation matters.
        """
        whose = org_id if org_id in self.rated_orgs else ""
        key = provider, model, service_tier, region, whose
        card = self._served.get(key)
        if card is None or not card.valid_from_ms <= at_ms < card.valid_until_ms:
            if len(self._served) >= self.card_limit:
                self._served.clear()
            card = self.book.resolve(provider, model, at_ms, service_tier=service_tier, region=region, org_id=whose)
            self._served[key] = card
        return card

    def limits(self, org_id: str, agent_id: str) -> tuple[Thresholds, EffectiveBaseline]:
        """The lines a session of this agent may not cross, and the baseline that they come from."""
        found = self._limits.get((org_id, agent_id))
        if found is None:
            if len(self._limits) >= self.card_limit:
                self._limits.clear()
            baseline = self.baselines.lookup(org_id, agent_id)
            found = self._limits[org_id, agent_id] = (thresholds(self.rule, baseline), baseline)
        return found
