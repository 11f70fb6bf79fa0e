"""Usage v1, the wire contract of the `usage` topic, as a pydantic model: it explains what `usage.Usage` refuses."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

from burnline.events.meters import METERS, NAMES
from burnline.events.usage import (
    CONTROL_CHARACTERS,
    END_TIME_MS,
    MAX_COUNT,
    MAX_ID_CHARACTERS,
    MAX_TAG_CHARACTERS,
    MAX_TAGS,
    MIN_TIME_MS,
    REPORTED_USD,
    Kind,
    holds_control_character,
    misfit_of,
)


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
OptionalProvider = Annotated[
    Id | None,
    BeforeValidator(lambda value: None if value == "" else value, json_schema_input_type=Id | Literal[""] | None),
]
OptionalFlag = Annotated[
    bool, BeforeValidator(lambda value: False if value is None else value, json_schema_input_type=bool | None)
]
ReportedUsd = Annotated[str, Field(pattern=REPORTED_USD, examples=["0.0123"])]
OptionalKind = Annotated[
    Kind, BeforeValidator(lambda value: "llm" if value is None else value, json_schema_input_type=Kind | None)
]
TagText = Annotated[str, Field(max_length=MAX_TAG_CHARACTERS)]
Tags = Annotated[dict[TagText, TagText], Field(max_length=MAX_TAGS), BeforeValidator(_not_too_many)]


class UsageEvent(BaseModel):
    """What one step of an agent used: a model call, an embedding, a tool call or the start of a run.

    Published to the `usage` topic, keyed by `session_id`. Each token is priced once, so sums must hold:
    `cached_input_tokens` + `cache_write_tokens` ≤ `input_tokens`, and `reasoning_tokens` ≤ `output_tokens`. Tokens of
    audio, images and video are part of those, too: what was read from the cache of the cached input, the other input of
    what is neither cached nor written to a cache, output of what is no reasoning; and `cache_write_1h_tokens` are part
    of `cache_write_tokens`. A null is as good as an absent field. Unknown fields are ignored. At most 1 MiB, nested at
    most 200 deep.
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
    kind: OptionalKind = Field(
        "llm",
        description="What was done. A cache_hit is an answer out of a semantic cache: its tokens are those that were "
        "not used, and it costs nothing.",
    )
    provider: OptionalProvider = Field(
        None, description="Provider of the model; found by the model's name if absent or empty."
    )
    cached_input_tokens: OptionalCount = Field(0, description="Input tokens read from the provider's cache.")
    cache_write_tokens: OptionalCount = Field(0, description="Input tokens written to the provider's cache.")
    reasoning_tokens: OptionalCount = Field(0, description="Output tokens spent on reasoning.")
    tool_name: Id | None = Field(None, description="Tool that was called.")
    run_id: Id | None = Field(None, description="Run of the agent within the session.")
    team_id: Id | None = Field(None, description="Team to charge.")
    project_code: Id | None = Field(None, description="Project to charge.")
    tags: Tags | None = Field(None, description="Free labels, carried along.")
    service_tier: Id | None = Field(
        None, description="How it was served, where that has a price: standard, batch, flex, priority or fast."
    )
    region: Id | None = Field(
        None, description="Where it was served, where that has a price: us-gov-west-1, europe-west1, eu, us."
    )
    parent_session_id: Id | None = Field(None, description="Session of the agent that started this one.")
    parent_run_id: Id | None = Field(None, description="Run that started this one.")
    error: OptionalFlag = Field(default=False, description="Whether it failed; what it used is charged all the same.")
    reported_cost_usd: ReportedUsd | None = Field(
        None,
        description="What the provider says that it cost, in USD. It is compared with the cost by the rates, and "
        "counted only where no rate prices the event: of tools, sandboxes, models without a rate.",
    )
    reported_cost_source: Id | None = Field(None, description="Who says what it cost, such as openrouter.")

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
        wrong = misfit_of(self, tuple(getattr(self, name) for name in NAMES))
        if wrong is not None:
            raise PydanticCustomError(
                "subset_exceeds_total", "{detail}", {"field": wrong.field, "detail": wrong.detail}
            )
        return self


if not TYPE_CHECKING:
    # With a field for each rare meter of the table.
    UsageEvent = create_model(
        "UsageEvent",
        __base__=UsageEvent,
        __doc__=UsageEvent.__doc__,
        **{meter.name: (OptionalCount, Field(0, description=meter.description)) for meter in METERS},
    )
