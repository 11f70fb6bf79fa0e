"""Usage v1, the wire contract of the `usage` topic, twice: a C struct that decodes fast, a model that explains.

Both describe the same set of JSON objects; a property test holds them together. Rules that every reader may rely on:

- Token counts are inclusive: cached and cache-write tokens are part of the input, reasoning tokens of the output.
- Optional fields may be absent or null, which is the same. Unknown fields are ignored.
- Where a name stands twice in one object, the last one counts, as in most JSON readers.
"""

import re
from typing import TYPE_CHECKING, Annotated, Literal, Self

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

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

Kind = Literal["llm", "embedding", "tool_call", "run"]
KINDS = ("llm", "embedding", "tool_call", "run")

CONTROL_CHARACTERS = "[\\u0000-\\u001f\\u007f-\\u009f]"
"""Regular expression (ECMA 262 and Python) of what no id may hold: ids are shown on terminals and in logs."""
_CONTROL = re.compile(CONTROL_CHARACTERS)

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
_TimeMs = Annotated[int, msgspec.Meta(ge=MIN_TIME_MS, lt=END_TIME_MS)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
_TagText = Annotated[str, msgspec.Meta(max_length=MAX_TAG_CHARACTERS)]
_Tags = Annotated[dict[_TagText, _TagText], msgspec.Meta(max_length=MAX_TAGS)]
if TYPE_CHECKING:
    _OptionalCount = int
    _OptionalKind = Kind
else:
    # Many serialisers write null for what is absent. msgspec lets it pass as None, which costs nothing, and
    # `decode_batch` puts the default in its place before anybody sees it.
    _OptionalCount = _Count | None
    _OptionalKind = Kind | None


class Usage(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """One accepted usage event; fields as in `UsageEvent`. Build it by `decode_batch`, which checks the rest.

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
)


def holds_control_character(text: str) -> bool:
    """Whether a C0 or C1 control character or DEL is in `text`."""
    return not text.isprintable() and _CONTROL.search(text) is not None


def _without_control_characters(text: str) -> str:
    if holds_control_character(text):
        raise PydanticCustomError("control_character", "An id must not hold control characters")
    return text


def _not_too_many(tags: object) -> object:
    # Before pydantic looks at each: a megabyte of bad tags would take it a third of a second.
    if isinstance(tags, dict) and len(tags) > MAX_TAGS:
        raise PydanticKnownError(
            "too_long", {"field_type": "Object", "max_length": MAX_TAGS, "actual_length": len(tags)}
        )
    return tags


Id = Annotated[
    str,
    Field(min_length=1, max_length=MAX_ID_CHARACTERS, json_schema_extra={"not": {"pattern": CONTROL_CHARACTERS}}),
    AfterValidator(_without_control_characters),
]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
OptionalCount = Annotated[
    Count, BeforeValidator(lambda value: 0 if value is None else value, json_schema_input_type=Count | None)
]
OptionalKind = Annotated[
    Kind, BeforeValidator(lambda value: "llm" if value is None else value, json_schema_input_type=Kind | None)
]
TagText = Annotated[str, Field(max_length=MAX_TAG_CHARACTERS)]
Tags = Annotated[dict[TagText, TagText], Field(max_length=MAX_TAGS), BeforeValidator(_not_too_many)]


class UsageEvent(BaseModel):
    """What one step of an agent used: a model call, an embedding, a tool call or the start of a run.

    Published to the `usage` topic, keyed by `session_id`. Each token is priced once, so two sums must hold:
    `cached_input_tokens` + `cache_write_tokens` ≤ `input_tokens`, and `reasoning_tokens` ≤ `output_tokens`. A null is
    as good as an absent field. Unknown fields are ignored. At most 1 MiB, nested at most 200 deep.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    event_id: Id = Field(description="Unique within the session; a repeated id counts once.")
    occurred_at: int = Field(
        ge=MIN_TIME_MS, lt=END_TIME_MS, description="When it happened: milliseconds since 1970-01-01 UTC."
    )
    org_id: Id = Field(description="Organisation that pays.")
    agent_id: Id = Field(description="Agent that acted; baselines are kept per organisation and agent.")
    session_id: Id = Field(description="Session of the agent; the key of the record, and of the ledger.")
    model: Id = Field(description="Model as the provider names it.")
    input_tokens: Count = Field(description="All input tokens, cached and cache-write tokens included.")
    output_tokens: Count = Field(description="All output tokens, reasoning tokens included.")
    kind: OptionalKind = Field("llm", description="What was done.")
    provider: Id | None = Field(None, description="Provider of the model; found by the model's name if absent.")
    cached_input_tokens: OptionalCount = Field(0, description="Input tokens read from the provider's cache.")
    cache_write_tokens: OptionalCount = Field(0, description="Input tokens written to the provider's cache.")
    reasoning_tokens: OptionalCount = Field(0, description="Output tokens spent on reasoning.")
    tool_name: Id | None = Field(None, description="Tool that was called.")
    run_id: Id | None = Field(None, description="Run of the agent within the session.")
    team_id: Id | None = Field(None, description="Team to charge.")
    project_code: Id | None = Field(None, description="Project to charge.")
    tags: Tags | None = Field(None, description="Free labels, carried along.")

    @model_validator(mode="after")
    def _parts_fit_into_totals(self) -> Self:
        if self.cached_input_tokens + self.cache_write_tokens > self.input_tokens:
            raise PydanticCustomError(
                "subset_exceeds_total",
                "cached_input_tokens {cached} + cache_write_tokens {written} exceed input_tokens {total}",
                {
                    "field": "cached_input_tokens",
                    "cached": self.cached_input_tokens,
                    "written": self.cache_write_tokens,
                    "total": self.input_tokens,
                },
            )
        if self.reasoning_tokens > self.output_tokens:
            raise PydanticCustomError(
                "subset_exceeds_total",
                "reasoning_tokens {part} exceed output_tokens {total}",
                {"field": "reasoning_tokens", "part": self.reasoning_tokens, "total": self.output_tokens},
            )
        return self
