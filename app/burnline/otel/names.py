"""The attribute names that are read: today's, and by each of these the earlier ones, in the order in which they count.

Today's are those of OpenTelemetry's GenAI conventions; others are of earlier versions of these, and what OpenLLMetry
and OpenInference wrote before there were any.
"""

from collections.abc import Iterable
from typing import Final

from burnline.otel.shapes import Attributes, Scalar

MODEL: Final = "gen_ai.response.model"
PROVIDER: Final = "gen_ai.provider.name"
OPERATION: Final = "gen_ai.operation.name"
RESPONSE_ID: Final = "gen_ai.response.id"
CONVERSATION: Final = "gen_ai.conversation.id"
SERVICE_TIER: Final = "openai.response.service_tier"
SPAN_KIND: Final = "traceloop.span.kind"
"""Where OpenLLMetry and OpenInference say what a span is."""

ORG: Final = "burnline.org_id"
AGENT: Final = "burnline.agent_id"
SERVICE: Final = "service.name"
TEAM: Final = "burnline.team_id"
PROJECT: Final = "burnline.project_code"

REPORTED_COST: Final = "gen_ai.usage.cost.total"
INPUT: Final = "gen_ai.usage.input_tokens"
OUTPUT: Final = "gen_ai.usage.output_tokens"
PARTS: Final = {
    "cached_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_write.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "input_audio_tokens": "gen_ai.usage.audio.input_tokens",
    "output_audio_tokens": "gen_ai.usage.audio.output_tokens",
    "cached_input_audio_tokens": "gen_ai.usage.audio.cache_read.input_tokens",
    "cached_input_image_tokens": "gen_ai.usage.image.cache_read.input_tokens",
    "input_image_tokens": "gen_ai.usage.image.input_tokens",
    "input_video_tokens": "gen_ai.usage.video.input_tokens",
    "output_image_tokens": "gen_ai.usage.image.output_tokens",
}
"""Field of a usage event, and the name under which spans have it."""

EARLIER: Final = {
    MODEL: ("gen_ai.request.model", "llm.response.model", "llm.request.model", "llm.model_name"),
    PROVIDER: ("gen_ai.system", "llm.provider", "llm.system"),
    OPERATION: ("llm.request.type",),
    RESPONSE_ID: ("llm.response.id",),
    CONVERSATION: ("session.id",),
    SERVICE_TIER: ("gen_ai.openai.response.service_tier", "gen_ai.response.service_tier"),
    SPAN_KIND: ("openinference.span.kind",),
    ORG: ("finops.org_id", "organization.id"),
    AGENT: ("gen_ai.agent.id", "gen_ai.agent.name", "agent.name"),
    SERVICE: (),
    TEAM: ("finops.team_id", "team.id"),
    PROJECT: ("finops.project_code", "project.code"),
    REPORTED_COST: (
        "gen_ai.usage.cost.total_usd",
        "gen_ai.usage.cost_usd",
        "gen_ai.usage.cost",
        "gen_ai.usage.total_cost",
    ),
    INPUT: ("gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens", "llm.token_count.prompt"),
    OUTPUT: ("gen_ai.usage.completion_tokens", "llm.usage.completion_tokens", "llm.token_count.completion"),
    PARTS["cached_input_tokens"]: (
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cached_tokens",
        "llm.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
    ),
    PARTS["cache_write_tokens"]: (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
    ),
    PARTS["reasoning_tokens"]: (
        "gen_ai.usage.reasoning_tokens",
        "llm.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
    ),
    PARTS["input_audio_tokens"]: ("llm.token_count.prompt_details.audio",),
    PARTS["output_audio_tokens"]: ("llm.token_count.completion_details.audio",),
    **{PARTS[field]: () for field in PARTS if "image" in field or "video" in field or "cached_input_audio" in field},
}
"""All that is read, by today's names."""

KNOWN: Final = {
    name: (today, rank) for today, earlier in EARLIER.items() for rank, name in enumerate((today, *earlier))
}
_LAST: Final = 99

CALLS: Final = {"chat": "llm", "completion": "llm", "text_completion": "llm", "generate_content": "llm",
                "embeddings": "embedding", "embedding": "embedding"}  # fmt: skip
"""Operations that call a model, and the kind of event that they are."""
CALLING_KINDS: Final = frozenset({"llm", "embedding"})


def by_todays_names(told: Iterable[tuple[str, Scalar]]) -> Attributes:
    """What is read of attributes, by today's names: of several names for one thing the first one that has it."""
    found: dict[str, Scalar] = {}
    ranks: dict[str, int] = {}
    for name, value in told:
        known = KNOWN.get(name)
        if known is None or value == "":
            continue
        today, rank = known
        if rank < ranks.get(today, _LAST):
            found[today], ranks[today] = value, rank
    return found
