"""What the live answers look like, for the OpenAPI document.

The rows of long lists are encoded without these models (`active.BurnRow`, the published notices); tests hold the bytes
against them.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from burnline.detection.anomaly import Anomaly, Severity, State
from burnline.ledger.record import Count, UsdText
from burnline.windows.slices import SLICE_MS

EpochMs = Annotated[int, Field(description="Unix epoch, milliseconds, event time.", examples=[1764000000000])]
ByWindow = Annotated[dict[str, UsdText], Field(examples=[{"60s": "20.7", "300s": "6.12"}])]
Ratio = Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]{3}$", examples=["4.140"])]
NextCursor = Annotated[str | None, Field(description="Gets the next page; null on the last one.")]


class MixKind(StrEnum):
    """Whether a session uses one model or several."""

    SINGLE = "single"
    MIXED = "mixed"


class ModelMixOut(BaseModel):
    """Which models a session uses, in short."""

    model_config = ConfigDict(title="ModelMix")

    kind: Annotated[MixKind, Field(description="`single`: one model; `mixed`: several.")]
    models: Annotated[int, Field(ge=0, description="How many.", examples=[2])]
    main_model: Annotated[str, Field(description="The one that has cost most.", examples=["gpt-4o"])]
    main_share: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9]\.[0-9]{3}$",
            description="Its share of the session's cost, rounded down; null while nothing has cost anything.",
            examples=["0.873"],
        ),
    ]


class OpenAnomalyOut(BaseModel):
    """The anomaly that is open in a session."""

    model_config = ConfigDict(title="OpenAnomaly")

    anomaly_id: Annotated[str, Field(examples=["0f0c8ddb-1c7f-5d6e-9f0e-3b1f6e0c8a11"])]
    revision: Annotated[int, Field(ge=1, examples=[1])]
    state: State
    severity: Severity
    opened_at: EpochMs
    updated_at: EpochMs


class Burn(BaseModel):
    """What a session burns at a moment of its own time, and against which baseline.

    Windows are whole slices of 10 s. They end with the session's newest event, and move on with the log's time from
    then on: with every record of its source partition, and with the clock while none comes. So rates fall when a
    session falls silent, other sessions' clocks change nothing, and the slice at the end is still filling.
    """

    windows_end_at: Annotated[
        int, Field(description=f"End of the windows, exclusive; a multiple of {SLICE_MS} ms.", examples=[1764000010000])
    ]
    burn_usd_per_hour: Annotated[ByWindow, Field(description="Sum × 3600 / whole length, by window.")]
    window_spend_usd: Annotated[ByWindow, Field(description="What was spent in each window.")]
    baseline_usd_per_hour: Annotated[UsdText, Field(description="The baseline in force.", examples=["1"])]
    baseline_source: Annotated[
        str, Field(description="Key of the baseline that matched, or default.", examples=["acme/code-reviewer"])
    ]
    multiplier: Annotated[UsdText, Field(description="A burn above baseline × this is an anomaly.", examples=["5"])]
    ratio: Annotated[
        Ratio | None, Field(description="Short window's burn / baseline, halves to even; null over a baseline of 0.")
    ]


class BurnRateRow(Burn):
    """One active session: what it burns, what it has spent, and whether that is an anomaly."""

    session_id: Annotated[str, Field(examples=["sess-4711"])]
    org_id: Annotated[str, Field(examples=["acme"])]
    agent_id: Annotated[
        str,
        Field(
            description="Of the session's first event. A session burns one number, whoever of its agents spends.",
            examples=["code-reviewer"],
        ),
    ]
    source_partitions: Annotated[
        list[int], Field(description="Partitions of the usage topic that it was counted from.", examples=[[2]])
    ]
    first_event_at: EpochMs
    last_event_at: EpochMs
    spend_usd: Annotated[UsdText, Field(description="All that it has spent.")]
    anomaly: OpenAnomalyOut | None
    model_mix: ModelMixOut
    events: Count
    runs: Count
    tool_calls: Count
    input_tokens: Count
    output_tokens: Count
    cached_input_tokens: Count
    cache_write_tokens: Count
    reasoning_tokens: Count
    unpriced_tokens: Annotated[Count, Field(description="Tokens of models without a rate: their cost is not known.")]


class BurnEvent(BaseModel):
    """A `burn` event: active sessions that have changed, at most 100, those that burn most."""

    as_of_ms: Annotated[int | None, Field(description="Newest event time known; null before the first event.")]
    complete: Annotated[
        bool, Field(description="These are the sessions that burn most of all, not of the changed ones: start over.")
    ]
    omitted: Annotated[int, Field(ge=0, description="So many more have changed, and burn less.")]
    gone: Annotated[list["SessionName"], Field(description="Sessions that are active no more; at most 1,000.")]
    sessions: list[BurnRateRow]


class SessionName(BaseModel):
    """Which session."""

    session_id: str
    org_id: str


class ReadyEvent(BaseModel):
    """The first event of a stream, whose `id` is where a reader may resume, even if nothing else follows."""

    resumed: Annotated[bool, Field(description="What came since Last-Event-ID follows.")]


class ResetEvent(BaseModel):
    """Notices were lost to this reader; ask for `/anomalies` again."""

    reason: str


StreamData = Anomaly | BurnEvent | ReadyEvent | ResetEvent
