"""Usage rollups: what was used in each quarter of an hour, by team, project, provider, model and kind.

Rows are partials: sums over the events from the one that opened the row, up to the newest. They are written in the
transaction that writes the ledgers, and never read back. After a restart, or once a row has left this memory, the next
event opens a new one, whose record has a key of its own; so whoever adds up all records has counted each event once.

A row belongs to the model under which its session's ledger counts the event, so rollups add up to ledgers. Org, agent,
team, project and kind are the event's own: what several agents use in one session is each one's. The provider is the
event's, else that of the rate card that priced it, else "".

An agent whose events name ever new teams, projects or providers gets `MAX_AGENT_ROWS` rows in a quarter; what comes
after them is counted as of the team, project and provider `OTHER` where it names one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import zip_longest

from burnline.events.usage import Usage
from burnline.ledger.bounds import MAX_AGENT_ROWS, OTHER
from burnline.ledger.changes import MAX_UNPRICED_TOLD, Activity
from burnline.ledger.rare import NOTHING_RARE, RollupRare
from burnline.ledger.session import SUM_FIELDS
from burnline.pricing.card import ChargeFields

QUARTER_MS = 900_000
LINGER_MS = 3_600_000
"""How long after its end, by the watermark, a quarter's rows are kept in memory for events that are late."""
MANY_ROWS = 10_000
"""Where more are held, those whose quarter has ended go at once: a late event of one opens another partial."""
MAX_ROWS = 100_000
"""Rows held over a flush, at most."""

_NO_SUMS = (0,) * len(SUM_FIELDS)
_COMPARED = slice(SUM_FIELDS.index("compared_pico_usd"), SUM_FIELDS.index("compared_reported_pico_usd") + 1)

RowKey = tuple[int, str, str, str | None, str | None, str, str, str]
"""Quarter's start, org, agent, team, project, provider, model, kind."""


class UsageRow(RollupRare):
    """One partial in the making. Token counts are inclusive, as in the events.

    Rare sums (`burnline.ledger.rare`) are attributes, too.
    """

    __slots__ = (
        "cache_savings_pico_usd",
        "cache_write_pico_usd",
        "cache_write_tokens",
        "cached_input_pico_usd",
        "cached_input_tokens",
        "clean",
        "events",
        "input_pico_usd",
        "input_tokens",
        "key",
        "last_offset",
        "output_pico_usd",
        "output_tokens",
        "reasoning_pico_usd",
        "reasoning_tokens",
        "reported",
        "request_pico_usd",
        "since_offset",
        "unpriced_tokens",
    )

    def __init__(self, key: RowKey, since_offset: int) -> None:
        self.rare = NOTHING_RARE
        self.key = key
        self.since_offset = since_offset
        self.last_offset = since_offset
        self.clean = True
        self.events = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.cached_input_tokens = 0
        self.cache_write_tokens = 0
        self.reasoning_tokens = 0
        self.unpriced_tokens = 0
        self.input_pico_usd = 0
        self.cached_input_pico_usd = 0
        self.cache_write_pico_usd = 0
        self.output_pico_usd = 0
        self.reasoning_pico_usd = 0
        self.request_pico_usd = 0
        self.cache_savings_pico_usd = 0
        self.reported: tuple[int, ...] = ()

    @property
    def cost_pico_usd(self) -> int:
        """The sum of its parts."""
        return (
            self.input_pico_usd
            + self.cached_input_pico_usd
            + self.cache_write_pico_usd
            + self.output_pico_usd
            + self.reasoning_pico_usd
            + self.request_pico_usd
            + self.rare.get("reported_pico_usd", 0)
        )

    def sums(self) -> tuple[int, ...]:
        """Its sums in the order of `SUM_FIELDS`, without the rare ones where all of them are 0."""
        cost_pico_usd = self.cost_pico_usd
        common = (
            self.events,
            self.input_tokens,
            self.output_tokens,
            self.cached_input_tokens,
            self.cache_write_tokens,
            self.reasoning_tokens,
            self.unpriced_tokens,
            cost_pico_usd,
            self.cache_savings_pico_usd,
            cost_pico_usd if self.key[7] == "embedding" else 0,
        )
        return (*common, *self.rare_values()) if self.rare else common


class UsageRollups:
    """The rows of one source partition that are held, and which of them have to be written."""

    def __init__(self, max_rows: int = MAX_ROWS, many_rows: int = MANY_ROWS) -> None:
        self._max_rows = max_rows
        self._many_rows = many_rows
        self._rows: dict[RowKey, UsageRow] = {}
        self._rows_of: Counter[tuple[int, str, str]] = Counter()
        self._touched: list[UsageRow] = []
        self._swept_ms = 0

    def __len__(self) -> int:
        """Rows held."""
        return len(self._rows)

    def add(
        self,
        offset: int,
        event: Usage,
        provider: str,
        model: str,
        charged: ChargeFields,
        rare: Mapping[str, int] = NOTHING_RARE,
    ) -> None:
        """Count an event that its ledger has accepted.

        Args:
            offset: Of the event; greater than that of any event before it.
            event: What was used.
            provider: Of the event or its rate card.
            model: As its session's ledger counts it.
            charged: What it cost.
            rare: What it adds to rare sums, by name.
        """
        at_ms = event.occurred_at
        key = (
            at_ms - at_ms % QUARTER_MS,
            event.org_id,
            event.agent_id,
            event.team_id,
            event.project_code,
            provider,
            model,
            event.kind,
        )
        row = self._rows.get(key)
        if row is None:
            row = self._open(key, offset)
        if row.clean:
            row.clean = False
            self._touched.append(row)
        row.last_offset = offset
        row.events += 1
        row.input_tokens += event.input_tokens
        row.output_tokens += event.output_tokens
        row.input_pico_usd += charged[3]
        row.output_pico_usd += charged[6]
        if event.cached_input_tokens:
            row.cached_input_tokens += event.cached_input_tokens
            row.cached_input_pico_usd += charged[4]
            row.cache_savings_pico_usd += charged[1]
        if event.cache_write_tokens:
            row.cache_write_tokens += event.cache_write_tokens
            row.cache_write_pico_usd += charged[5]
        if event.reasoning_tokens:
            row.reasoning_tokens += event.reasoning_tokens
            row.reasoning_pico_usd += charged[7]
        if charged[2]:
            row.unpriced_tokens += charged[2]
        elif charged[8]:
            row.request_pico_usd += charged[8]
        if rare:
            row.add_rare(rare)

    def _open(self, key: RowKey, offset: int) -> UsageRow:
        """A row that is not held; of an agent that has too many, the one that all further ones share."""
        if self._rows_of[key[:3]] >= MAX_AGENT_ROWS:
            key = _shared(key)
            held = self._rows.get(key)
            if held is not None:
                return held
        self._rows_of[key[:3]] += 1
        row = self._rows[key] = UsageRow(key, offset)
        return row

    def take_changes(self, watermark_ms: int) -> list[UsageRow]:
        """The rows that have changed since the last call, in the order of their first change.

        Afterwards all are clean. Those whose quarter ended an hour or longer before the watermark are let go, of many
        rows those whose quarter has ended at all; and all of them, when more than `max_rows` are left.
        """
        touched, self._touched = self._touched, []
        rows = self._rows
        oldest_ms = watermark_ms - QUARTER_MS - (LINGER_MS if len(rows) <= self._many_rows else 0)
        oldest_ms -= oldest_ms % QUARTER_MS
        # The line moves with the watermark's quarter: below it is since then only what was touched.
        below = rows.values() if oldest_ms != self._swept_ms else touched
        old = [row.key for row in below if row.key[0] <= oldest_ms]
        self._swept_ms = oldest_ms
        for row in touched:
            row.clean = True
        for key in old:
            del rows[key]
        self._rows_of.subtract(key[:3] for key in old)
        for quarter_of_agent in {key[:3] for key in old}:
            if not self._rows_of[quarter_of_agent]:
                del self._rows_of[quarter_of_agent]
        if len(rows) > self._max_rows:
            rows.clear()
            self._rows_of.clear()
        return touched


def _shared(key: RowKey) -> RowKey:
    start_ms, org_id, agent_id, team_id, project_code, provider, model, kind = key
    named = (team_id and OTHER, project_code and OTHER, provider and OTHER)
    return (start_ms, org_id, agent_id, *named, model, kind)


def activity_of(rows: Iterable[UsageRow]) -> list[Activity]:
    """What rows have come to since they were asked for the last time, by org, agent and model.

    By provider, too, where events said themselves what they cost: whose prices drift shows there. Of models without a
    rate only some are told apart, the others are `OTHER`.
    """
    found: dict[tuple[str, str, str, str], tuple[int, ...]] = {}
    unpriced = 0
    for row in rows:
        now = row.sums()
        _, org_id, agent_id, _, _, provider, model, _ = row.key
        key = org_id, agent_id, model, provider if any(now[_COMPARED]) else ""
        before = found.get(key, ())
        if not before and row.unpriced_tokens:
            unpriced += 1
            if unpriced > MAX_UNPRICED_TOLD:
                key = org_id, agent_id, OTHER, key[3]
                before = found.get(key, ())
        found[key] = tuple(total + new - old for total, new, old in zip_longest(before, now, row.reported, fillvalue=0))
        row.reported = now
    return [
        Activity(org, agent, model, sums + _NO_SUMS[len(sums) :], provider)
        for (org, agent, model, provider), sums in found.items()
    ]
