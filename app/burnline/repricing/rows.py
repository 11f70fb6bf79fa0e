"""Rows of the usage rollups as they stand, and as the log makes them at the prices of now. Pure.

A row can be priced anew where the log still holds all its events: then both sides have counted the same events and
tokens. Else it is left out, with the reason. Whose a row is does not depend on prices, but for the provider where
events name none: that is the card's. So a row that is found under another provider is taken for the same one.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from operator import itemgetter
from typing import NamedTuple

from burnline.events.usage import Usage
from burnline.ledger.rare import NOTHING_RARE
from burnline.ledger.usage_record import UsageRollupRecord
from burnline.ledger.usage_rollups import QUARTER_MS, RowKey, UsageRollups, UsageRow
from burnline.pricing.card import ChargeFields
from burnline.pricing.money import pico_from_text
from burnline.pricing.valuation import ValuationRate
from burnline.repricing.adjustment import Adjustment, Priced, PricedBy, adjustment_key

Counts = tuple[int, int, int, int, int, int]
"""Events; input, output, cached, cache-write and reasoning tokens."""
Row = tuple[Counts, Priced]
_NO_COUNTS = (0, 0, 0, 0, 0, 0)
_NOTHING: Row = (_NO_COUNTS, Priced(0, 0))
_but_provider = itemgetter(0, 1, 2, 3, 4, 6, 7)


class Range(NamedTuple):
    """Quarters of an hour, by event time: whole ones."""

    from_ms: int
    to_ms: int

    @classmethod
    def around(cls, from_ms: int, to_ms: int) -> "Range":
        """The quarters that hold any of `[from_ms, to_ms)`."""
        return cls(from_ms // QUARTER_MS * QUARTER_MS, -(-to_ms // QUARTER_MS) * QUARTER_MS)

    def holds(self, at_ms: int) -> bool:
        """Whether a time lies in them."""
        return self.from_ms <= at_ms < self.to_ms


class LeftOut(NamedTuple):
    """A row that was not priced anew, and why."""

    key: RowKey
    why: str


class Repriced(NamedTuple):
    """What came of the rows of one partition."""

    adjustments: list[Adjustment]
    right: list[RowKey]
    """Rows that were charged what they cost at the prices of now."""
    left_out: list[LeftOut]


class RowsOfNow(UsageRollups):
    """Stands in for the rollups of the ledger that counts the log again: adds up what its rows come to."""

    def __init__(self, within: Range) -> None:
        super().__init__()
        self._within = within
        self._sums: dict[RowKey, list[int]] = defaultdict(lambda: [0] * (len(_NO_COUNTS) + 2))

    def add(
        self,
        offset: int,
        event: Usage,
        provider: str,
        model: str,
        charged: ChargeFields,
        rare: Mapping[str, int] = NOTHING_RARE,
    ) -> None:
        """Count an event."""
        del offset, rare  # what a cost that was reported comes to is in the charge
        at_ms = event.occurred_at
        if not self._within.holds(at_ms):
            return
        owner = (event.org_id, event.agent_id, event.team_id, event.project_code)
        sums = self._sums[(at_ms - at_ms % QUARTER_MS, *owner, provider, model, event.kind)]
        used = (event.input_tokens, event.output_tokens, event.cached_input_tokens, event.cache_write_tokens)
        for at, value in enumerate((1, *used, event.reasoning_tokens, charged[0], charged[2])):
            sums[at] += value

    def take_changes(self, watermark_ms: int) -> list[UsageRow]:
        """Nothing is written."""
        del watermark_ms
        return []

    def rows(self) -> dict[RowKey, Row]:
        """What was added up."""
        return {key: _row(sums) for key, sums in self._sums.items()}


def rows_held(records: Iterable[UsageRollupRecord], within: Range) -> dict[RowKey, Row]:
    """The newest records of the partials of a partition, added up by row.

    Raises:
        ValueError: An amount in one is none.
    """
    found: dict[RowKey, list[int]] = defaultdict(lambda: [0] * (len(_NO_COUNTS) + 2))
    for each in records:
        if not within.holds(each.quarter_start_ms):
            continue
        owner = (each.org_id, each.agent_id, each.team_id, each.project_code)
        sums = found[(each.quarter_start_ms, *owner, each.provider, each.model, each.kind)]
        used = (each.events, each.input_tokens, each.output_tokens, each.cached_input_tokens, each.cache_write_tokens)
        cost = pico_from_text(each.cost_usd)
        for at, value in enumerate((*used, each.reasoning_tokens, cost, each.unpriced_tokens)):
            sums[at] += value
    return {key: _row(sums) for key, sums in found.items()}


def compared(partition: int, held: Mapping[RowKey, Row], now: Mapping[RowKey, Row], by: PricedBy) -> Repriced:
    """What has to be adjusted of a partition's rows.

    Args:
        partition: Of the usage topic.
        held: What was charged.
        now: What the log comes to at the prices of now.
        by: Those prices.
    """
    left = {key: row for key, row in now.items() if key not in held or held[key][0] != row[0]}
    under: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for key, row in left.items():
        under[_but_provider(key)].append(row)
    unpaired: dict[tuple[object, ...], list[RowKey]] = defaultdict(list)
    for key in held:
        if key not in now or key in left:
            unpaired[_but_provider(key)].append(key)
    found = Repriced([], [], [])
    for key, (counts, charged) in held.items():
        corrected = now.get(key, _NOTHING)
        same = _but_provider(key)
        if corrected[0] != counts and len(unpaired[same]) == 1:
            corrected = _sum(under[same])
        if corrected[0] != counts:
            found.left_out.append(LeftOut(key, _why(counts[0], corrected[0][0])))
        elif corrected[1] == charged:
            found.right.append(key)
        else:
            found.adjustments.append(Adjustment.of(partition, key, counts[0], charged, corrected[1], by))
    return found


def records_to_write(standing: Mapping[str, Adjustment], found: Repriced, partition: int) -> dict[str, bytes | None]:
    """What differs from the adjustments that stand on the topic: records by key, None to delete one."""
    records: dict[str, bytes | None] = {}
    for each in found.adjustments:
        before = standing.get(each.key())
        if before is None or not each.says_the_same(before):
            records[each.key()] = each.model_dump_json().encode()
    for row in found.right:
        key = adjustment_key(partition, row)
        if key in standing:
            records[key] = None
    return records


def price_version(catalogue_version: str, rates: Iterable[ValuationRate], free_providers: Iterable[str]) -> str:
    """Hash over all that prices follow from: 12 hexadecimal digits. The order of rates does not matter."""
    stated = [catalogue_version, sorted(each.model_dump_json() for each in rates), sorted(free_providers)]
    return sha256(json.dumps(stated).encode()).hexdigest()[:12]


def _row(sums: list[int]) -> Row:
    events, plain, answer, cached, written, reasoning, pico_usd, unpriced = sums
    return (events, plain, answer, cached, written, reasoning), Priced(pico_usd, unpriced)


def _sum(rows: Iterable[Row]) -> Row:
    sums = [0] * (len(_NO_COUNTS) + 2)
    for counts, priced in rows:
        for at, value in enumerate((*counts, *priced)):
            sums[at] += value
    return _row(sums)


def _why(held: int, found: int) -> str:
    if found < held:
        return f"the log holds {found:,} of its {held:,} events"
    if found > held:
        return f"the log holds {found:,} events of it, {held:,} were counted when it was read"
    return "the log holds other tokens for it"
