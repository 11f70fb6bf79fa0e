"""One active session as it is shown: its ledgers added up, what it burns at its moment, against which baseline.

The rates come from the same pure functions as the worker's notices (`windows`, `detection`), so both say the same of
the same slices. Amounts are pico-USD inside, decimal strings in the JSON.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from burnline.detection.anomaly import Severity, State
from burnline.detection.baseline import EffectiveBaseline
from burnline.detection.burn import burn_pico_usd_per_hour, ratio_text
from burnline.detection.rule import BurnRule
from burnline.ledger.session import ModelSums, add_up
from burnline.ledger.view import SessionView
from burnline.pricing.money import usd_text
from burnline.windows.slices import SLICE_MS, window_sum

UNBOUNDED_MILLI = 10**24
"""Where a session stands among the ratios that spends over a baseline of 0: above all others."""


class RowId(NamedTuple):
    """What a row is about. Ledgers of two orgs under one session id are two rows: no org sees the other's sums."""

    session_id: str
    org_id: str


class OpenAnomalyRow(msgspec.Struct, frozen=True):
    """The open anomaly in a row."""

    anomaly_id: str
    revision: int
    state: State
    severity: Severity
    opened_at: int
    updated_at: int


class ModelMix(msgspec.Struct, frozen=True):
    """Which models a session uses, in short."""

    kind: str
    models: int
    main_model: str
    main_share: str | None


class BurnRow(msgspec.Struct, frozen=True):
    """A row of active burn rates, as it is encoded."""

    session_id: str
    org_id: str
    agent_id: str
    source_partitions: tuple[int, ...]
    first_event_at: int
    last_event_at: int
    windows_end_at: int
    burn_usd_per_hour: dict[str, str]
    window_spend_usd: dict[str, str]
    spend_usd: str
    baseline_usd_per_hour: str
    baseline_source: str
    multiplier: str
    ratio: str | None
    anomaly: OpenAnomalyRow | None
    model_mix: ModelMix
    events: int
    runs: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    unpriced_tokens: int


_encode = msgspec.json.Encoder().encode


class ActiveSession:
    """A session's sums, and its windows as they were settled last."""

    __slots__ = (
        "_json",
        "agent_id",
        "anomaly",
        "baseline",
        "delay_ms",
        "end_slice",
        "first_event_at",
        "id",
        "last_event_at",
        "long_pico_usd",
        "mix",
        "org_id",
        "ratio",
        "ratio_milli",
        "runs",
        "session_id",
        "short_pico_usd",
        "slices",
        "source_partitions",
        "tool_calls",
        "total",
        "unpriced_by_model",
    )

    def __init__(self, view: SessionView, baseline: EffectiveBaseline) -> None:
        """Take over what its ledgers hold; `settle` has to follow before it is shown."""
        self.id = RowId(view.session_id, view.org_id)
        self.session_id = view.session_id
        self.org_id = view.org_id
        self.agent_id = view.agent_id
        self.source_partitions = view.source_partitions
        self.first_event_at = view.first_event_at
        self.last_event_at = view.last_event_at
        self.delay_ms = view.delay_ms
        self.runs = view.runs
        self.tool_calls = view.tool_calls
        self.total = add_up(view.models) if len(view.models) != 1 else next(iter(view.models.values()))
        self.mix = model_mix(view.models, self.total.cost_pico_usd)
        self.unpriced_by_model = {
            model: sums.unpriced_tokens for model, sums in view.models.items() if sums.unpriced_tokens
        }
        self.slices = view.slices
        self.anomaly = view.anomaly
        self.baseline = baseline
        self.end_slice = -1
        self.short_pico_usd = 0
        self.long_pico_usd = 0
        self.ratio: str | None = None
        self.ratio_milli = 0
        self._json: bytes | None = None

    def settle(self, end_slice: int, baseline: EffectiveBaseline, rule: BurnRule) -> bool:
        """Let the windows end with a slice, inclusive, and hold them against a baseline.

        Returns:
            Whether a number has changed by it, beside the moment.
        """
        if end_slice == self.end_slice and baseline is self.baseline:
            return False
        short = window_sum(self.slices, end_slice, rule.short_window_slices)
        long = window_sum(self.slices, end_slice, rule.long_window_slices)
        first = self.end_slice < 0
        if end_slice != self.end_slice:
            self.end_slice = end_slice
            self._json = None
        if not first and (short, long) == (self.short_pico_usd, self.long_pico_usd) and baseline == self.baseline:
            return False
        self.short_pico_usd = short
        self.long_pico_usd = long
        self.baseline = baseline
        self.ratio = ratio_text(short, rule.short_window_s, baseline.usd_per_hour_pico)
        if self.ratio is None:
            self.ratio_milli = UNBOUNDED_MILLI if short else 0
        else:
            self.ratio_milli = int(self.ratio.replace(".", ""))
        self._json = None
        return True

    def json(self, rule: BurnRule) -> bytes:
        """The row as one JSON object; encoded once per change."""
        if self._json is None:
            self._json = _encode(self._row(rule))
        return self._json

    def burn(self, rule: BurnRule) -> dict[str, Any]:
        """What it burns at its moment, and against which baseline."""
        sums = {rule.short_window_s: self.short_pico_usd, rule.long_window_s: self.long_pico_usd}
        return {
            "windows_end_at": (self.end_slice + 1) * SLICE_MS,
            "burn_usd_per_hour": {
                f"{window_s}s": usd_text(burn_pico_usd_per_hour(pico_usd, window_s))
                for window_s, pico_usd in sums.items()
            },
            "window_spend_usd": {f"{window_s}s": usd_text(pico_usd) for window_s, pico_usd in sums.items()},
            "baseline_usd_per_hour": usd_text(self.baseline.usd_per_hour_pico),
            "baseline_source": self.baseline.source,
            "multiplier": f"{self.baseline.multiplier.normalize():f}",
            "ratio": self.ratio,
        }

    def _row(self, rule: BurnRule) -> BurnRow:
        anomaly = self.anomaly
        total = self.total
        return BurnRow(
            **self.burn(rule),
            session_id=self.session_id,
            org_id=self.org_id,
            agent_id=self.agent_id,
            source_partitions=self.source_partitions,
            first_event_at=self.first_event_at,
            last_event_at=self.last_event_at,
            spend_usd=usd_text(total.cost_pico_usd),
            anomaly=None
            if anomaly is None
            else OpenAnomalyRow(
                anomaly.anomaly_id,
                anomaly.revision,
                anomaly.state,
                anomaly.severity,
                anomaly.opened_at,
                anomaly.updated_at,
            ),
            model_mix=self.mix,
            events=total.events,
            runs=self.runs,
            tool_calls=self.tool_calls,
            input_tokens=total.input_tokens,
            output_tokens=total.output_tokens,
            cached_input_tokens=total.cached_input_tokens,
            cache_write_tokens=total.cache_write_tokens,
            reasoning_tokens=total.reasoning_tokens,
            unpriced_tokens=total.unpriced_tokens,
        )


def model_mix(models: Mapping[str, ModelSums], cost_pico_usd: int) -> ModelMix:
    """What a session's models are in short: the one that costs most, and its share of the whole cost.

    Of models that cost the same, the one with more events, then the first by name. The share has 3 decimals, rounded
    down, so that only a session of a single model's cost shows 1; None while nothing has cost anything.
    """
    main = min(models, key=lambda model: (-models[model].cost_pico_usd, -models[model].events, model), default="")
    share = None
    if cost_pico_usd:
        milli = models[main].cost_pico_usd * 1000 // cost_pico_usd
        share = f"{milli // 1000}.{milli % 1000:03d}"
    return ModelMix("single" if len(models) == 1 else "mixed", len(models), main, share)
