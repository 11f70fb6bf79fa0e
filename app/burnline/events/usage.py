"""Usage v1, the wire contract of the `usage` topic, as a C struct that decodes fast; `contract` has it as a model.

Both describe the same set of JSON objects; a property test holds them together. This half imports msgspec alone, as
agents import it with the SDK. Rules that every reader may rely on:

- Token counts are inclusive: cached and cache-write tokens are part of the input, reasoning tokens of the output.
- Optional fields may be absent or null, which is the same. Unknown fields are ignored.
- Where a name stands twice in one object, the last one counts, as in most JSON readers.
"""

import re
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, cast

import msgspec

from burnline.events.meters import NAMES, Misfit, misfit

MAX_EVENT_BYTES = 1_048_576
"""Longest accepted event. The topic takes larger ones, so that they end as dead letters and not at the publisher."""
MAX_DEPTH = 200
"""Deepest accepted nesting of arrays and objects, unknown fields included; pydantic's JSON reader has the same."""
MAX_ID_CHARACTERS = 256
MAX_TAGS = 64
MAX_TAG_CHARACTERS = 256
MAX_COUNT = 10**9
"""Most tokens in one event: a thousand times the largest context windows, and far from any overflow."""
MIN_TIME_MS = 10**12
"""2001-09-09. A time in seconds stays below it until the year 33658."""
END_TIME_MS = 10**13
"""2286-11-20, exclusive. Microseconds and nanoseconds of this century lie above it."""

_PlainKind = Literal["llm", "embedding", "tool_call", "run"]
Kind = Literal["llm", "embedding", "tool_call", "run", "cache_hit"]
KINDS = ("llm", "embedding", "tool_call", "run", "cache_hit")
CACHE_HIT = "cache_hit"
REPORTED_USD = r"^[0-9]{1,6}(\.[0-9]{1,30})?$"
"""A cost that is reported: below a million USD. Decimals after the twelfth, which floats leave behind, are rounded."""

CONTROL_CHARACTERS = "[\\u0000-\\u001f\\u007f-\\u009f]"
"""Regular expression (ECMA 262 and Python) of what no id may hold: ids are shown on terminals and in logs."""
_CONTROL = re.compile(CONTROL_CHARACTERS)


class PlainCounts(Protocol):
    """The tokens that every event may have: of the struct here, and of the model that explains it."""

    @property
    def input_tokens(self) -> int: ...  # noqa: D102  # as in the event
    @property
    def output_tokens(self) -> int: ...  # noqa: D102
    @property
    def cached_input_tokens(self) -> int: ...  # noqa: D102
    @property
    def cache_write_tokens(self) -> int: ...  # noqa: D102
    @property
    def reasoning_tokens(self) -> int: ...  # noqa: D102


_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
_TimeMs = Annotated[int, msgspec.Meta(ge=MIN_TIME_MS, lt=END_TIME_MS)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
_TagText = Annotated[str, msgspec.Meta(max_length=MAX_TAG_CHARACTERS)]
_Tags = Annotated[dict[_TagText, _TagText], msgspec.Meta(max_length=MAX_TAGS)]
if TYPE_CHECKING:
    _OptionalCount = int
    _OptionalKind = Kind
    _OptionalFlag = bool
else:
    # Many serialisers write null for what is absent. msgspec lets it pass as None, which costs nothing, and
    # `decode_batch` puts the default in its place before anybody sees it.
    _OptionalCount = _Count | None
    _OptionalKind = _PlainKind | None
    _OptionalFlag = bool | None


class _Rare:
    """What the fields of `RareUsage` are where they are absent."""

    __slots__ = ()


_ReportedUsd = Annotated[str, msgspec.Meta(pattern=REPORTED_USD.removesuffix("$") + r"\Z")]
_RARE: tuple[tuple[str, Any, Any], ...] = (
    ("parent_session_id", _Id | None, None),
    ("parent_run_id", _Id | None, None),
    ("error", _OptionalFlag, False),
    ("reported_cost_usd", _ReportedUsd | None, None),
    ("reported_cost_source", _Id | None, None),
    *((name, _OptionalCount, 0) for name in NAMES),
)
"""Name, type and default of each field that is rare."""
for _name, _, _default in _RARE:
    setattr(_Rare, _name, _default)


class Usage(_Rare, msgspec.Struct, kw_only=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """One accepted usage event; fields as in `UsageEvent`. Build it by `decode_batch`, which checks the rest.

    Of an event with fields that are rare it is a `RareUsage`; of one without, these are attributes that say so. What
    decodes plain events is told of a field that it does not know, so that they do not pay for the others.

    Fields stand in the order in which publishers write them: msgspec finds the next name fastest at the next place.
    Untracked by the garbage collector, since no cycle can pass through it.
    """

    event_id: _Id
    occurred_at: _TimeMs
    org_id: _Id
    agent_id: _Id
    session_id: _Id
    model: _Id
    input_tokens: _Count
    output_tokens: _Count
    kind: _OptionalKind = "llm"
    provider: _Id | None = None
    cached_input_tokens: _OptionalCount = 0
    cache_write_tokens: _OptionalCount = 0
    reasoning_tokens: _OptionalCount = 0
    tool_name: _Id | None = None
    run_id: _Id | None = None
    team_id: _Id | None = None
    project_code: _Id | None = None
    tags: _Tags | None = None
    service_tier: _Id | None = None
    region: _Id | None = None
    if TYPE_CHECKING:
        parent_session_id: str | None = None
        parent_run_id: str | None = None
        error: bool = False
        reported_cost_usd: str | None = None
        reported_cost_source: str | None = None


if TYPE_CHECKING:
    RareUsage = Usage
else:
    RareUsage = msgspec.defstruct(
        "RareUsage",
        [
            ("kind", Kind | None, "llm"),
            ("provider", Annotated[str, msgspec.Meta(max_length=MAX_ID_CHARACTERS)] | None, None),  # "" is none
            *_RARE,
        ],
        bases=(Usage,),
        module=__name__,
        namespace={"__doc__": "A usage event with all that is rare, meters too; unknown fields are ignored."},
        kw_only=True,
        frozen=True,
        gc=False,
        forbid_unknown_fields=False,
    )

_counts = attrgetter(*NAMES)


def meters_of(usage: Usage) -> tuple[int, ...]:
    """The counts of the rare meters, in the order of the table."""
    return cast("tuple[int, ...]", _counts(usage))


ID_FIELDS = (
    "event_id",
    "org_id",
    "agent_id",
    "session_id",
    "model",
    "provider",
    "tool_name",
    "run_id",
    "team_id",
    "project_code",
    "service_tier",
    "region",
    "parent_session_id",
    "parent_run_id",
    "reported_cost_source",
)


def plain(usage: Usage) -> Usage:
    """The same event as a `Usage` itself, if none of the rare fields says anything."""
    if usage.kind == CACHE_HIT or any(getattr(usage, name) != default for name, _, default in _RARE):
        return usage
    return Usage(**{name: getattr(usage, name) for name in Usage.__struct_fields__})


def holds_control_character(text: str) -> bool:
    """Whether a C0 or C1 control character or DEL is in `text`."""
    return not text.isprintable() and _CONTROL.search(text) is not None


def parts_fit_into_totals(usage: Usage) -> bool:
    """Whether the counts that are part of another one do not exceed it."""
    return (
        usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens
        and usage.reasoning_tokens <= usage.output_tokens
        and misfit_of(usage, meters_of(usage)) is None
    )


def misfit_of(usage: PlainCounts, meters: tuple[int, ...]) -> Misfit | None:
    """What of the rare meters' counts does not fit into an event's plain ones, which fit among themselves."""
    return misfit(
        meters,
        usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens,
        usage.cached_input_tokens,
        usage.cache_write_tokens,
        usage.output_tokens - usage.reasoning_tokens,
    )
