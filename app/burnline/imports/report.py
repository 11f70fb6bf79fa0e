"""What events used and cost, added up by day, project, model or session: for a table, without any broker."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from zoneinfo import ZoneInfo

from burnline.charges.look_up import charged
from burnline.events.usage import Usage
from burnline.finance.days import date_in
from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard

GROUPS = ("day", "project", "model", "session")


@dataclass(slots=True)
class Sums:
    """Sums of some events. Tokens are disjoint here: `input_tokens` are those that no cache has to do with."""

    events: int = 0
    input_tokens: int = 0
    cache_write_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    unpriced_tokens: int = 0
    cost_pico_usd: int = 0

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.input_tokens + self.cache_write_tokens + self.cached_input_tokens + self.output_tokens

    def add(self, other: "Sums") -> None:
        """Add another one up."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


Row = tuple[tuple[str, ...], Sums]


class Report:
    """Adds events up.

    Args:
        by: What a row stands for, of `GROUPS`.
        book: The prices.
        zone: Whose days they are.
    """

    def __init__(self, by: Sequence[str], book: RateBook, zone: ZoneInfo) -> None:
        self.by = by
        """What a row stands for."""
        self._book = book
        self._zone = zone
        self._cards: dict[tuple[str | None, ...], RateCard] = {}
        self._rows: dict[tuple[str, ...], Sums] = {}
        self.total = Sums()

    def add(self, event: Usage) -> None:
        """Add one event up."""
        charge = charged(event, self._card(event))
        sums = Sums(
            1,
            event.input_tokens - event.cached_input_tokens - event.cache_write_tokens,
            event.cache_write_tokens,
            event.cached_input_tokens,
            event.output_tokens,
            charge.unpriced_tokens,
            charge.cost_pico_usd,
        )
        self._rows.setdefault(tuple(self._group(event, name) for name in self.by), Sums()).add(sums)
        self.total.add(sums)

    def rows(self) -> list[Row]:
        """The rows, in the order of their groups."""
        return sorted(self._rows.items(), key=lambda row: row[0])

    def _card(self, event: Usage) -> RateCard:
        key = event.provider, event.model, event.service_tier, event.region
        card = self._cards.get(key)
        if card is None or not card.valid_from_ms <= event.occurred_at < card.valid_until_ms:
            tier, region = event.service_tier or "", event.region or ""
            card = self._book.resolve(event.provider, event.model, event.occurred_at, service_tier=tier, region=region)
            self._cards[key] = card
        return card

    def _group(self, event: Usage, name: str) -> str:
        match name:
            case "day":
                return date_in(self._zone, event.occurred_at).isoformat()
            case "project":
                return event.project_code or ""
            case "model":
                return event.model
            case _:
                return event.session_id
