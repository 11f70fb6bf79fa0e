"""One adjustment: what a row of the usage rollups was charged, and what it comes to at later prices. Pure.

The wire contract of topic `adjustments`. Ledgers, windows and rollups stay as they were known; whoever adds the
differences of the newest adjustments to them has what is known now.
"""

import json
from typing import Annotated, NamedTuple, Self, cast

from pydantic import BaseModel, ConfigDict, Field

from burnline.events.keyed import record_in
from burnline.events.usage import Kind
from burnline.ledger.record import Count, UsdText
from burnline.ledger.usage_rollups import QUARTER_MS, RowKey
from burnline.pricing.money import pico_from_text, usd_text

VERSION = 1


class AdjustmentError(ValueError):
    """A record of the topic `adjustments` that cannot be used; the message names its key, field and value."""


class Priced(NamedTuple):
    """What some events come to: pico-USD, and tokens without a rate."""

    pico_usd: int
    unpriced_tokens: int


class Adjustment(BaseModel):
    """What was used in a quarter of an hour, as it was charged and as it is priced now.

    Key: `[source_partition, quarter_start_ms, org_id, agent_id, team_id, project_code, provider, model, kind]` as
    compact JSON: what it adjusts. A record says all there is to say: a later one takes its place, and a null value says
    that what was charged is right. `corrected_usd` less `charged_usd` is what to add.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Annotated[int, Field(ge=1, le=VERSION)] = VERSION
    source_partition: Annotated[int, Field(ge=0, description="Partition of the usage topic that it was counted from.")]
    quarter_start_ms: Annotated[
        int, Field(multiple_of=QUARTER_MS, description="Begin of the quarter of an hour, by event time, Unix epoch ms.")
    ]
    org_id: Annotated[str, Field(description="As in the usage rollups, like all names here.")]
    agent_id: str
    team_id: str | None
    project_code: str | None
    provider: str
    model: str
    kind: Kind
    events: Annotated[int, Field(ge=1, description="Events that were priced anew.")]
    charged_usd: Annotated[UsdText, Field(description="What was charged for them.")]
    corrected_usd: Annotated[UsdText, Field(description="What they cost at the prices of `price_version`.")]
    charged_unpriced_tokens: Annotated[Count, Field(description="Of their tokens, those that had no rate.")]
    corrected_unpriced_tokens: Annotated[Count, Field(description="Of their tokens, those that have no rate now.")]
    price_version: Annotated[
        str, Field(pattern="^[0-9a-f]{12}$", description="Hash over the catalogue and all rates that were in force.")
    ]
    priced_at: Annotated[int, Field(ge=0, description="When it was priced anew: Unix epoch, milliseconds.")]

    @classmethod
    def of(cls, partition: int, key: RowKey, events: int, charged: Priced, corrected: Priced, by: "PricedBy") -> Self:
        """The adjustment of a row."""
        start_ms, org_id, agent_id, team_id, project_code, provider, model, kind = key
        return cls(
            source_partition=partition,
            quarter_start_ms=start_ms,
            org_id=org_id,
            agent_id=agent_id,
            team_id=team_id,
            project_code=project_code,
            provider=provider,
            model=model,
            kind=cast("Kind", kind),
            events=events,
            charged_usd=usd_text(charged.pico_usd),
            corrected_usd=usd_text(corrected.pico_usd),
            charged_unpriced_tokens=charged.unpriced_tokens,
            corrected_unpriced_tokens=corrected.unpriced_tokens,
            price_version=by.price_version,
            priced_at=by.at_ms,
        )

    def key(self) -> str:
        """The record's key."""
        row = (self.quarter_start_ms, self.org_id, self.agent_id, self.team_id, self.project_code)
        return adjustment_key(self.source_partition, (*row, self.provider, self.model, self.kind))

    @property
    def difference_pico_usd(self) -> int:
        """What to add to what was charged; below 0 where it was too much."""
        return pico_from_text(self.corrected_usd) - pico_from_text(self.charged_usd)

    def says_the_same(self, other: "Adjustment") -> bool:
        """Whether another one of the same row says the same of it, whenever that was."""
        return self == other.model_copy(update={"priced_at": self.priced_at})

    @classmethod
    def parse(cls, key: bytes | str | None, value: bytes | str) -> Self:
        """Read a record of the topic.

        Raises:
            AdjustmentError: It is none, or its key is not that of its fields.
        """
        return record_in(cls, key, value, name="adjustment", refused=AdjustmentError)


class PricedBy(NamedTuple):
    """By which prices, and when: epoch milliseconds."""

    price_version: str
    at_ms: int


def adjustment_key(partition: int, row: RowKey) -> str:
    """The key of what adjusts a row."""
    return json.dumps([partition, *row], ensure_ascii=False, separators=(",", ":"))
