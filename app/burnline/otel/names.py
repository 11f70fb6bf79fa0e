"""The attribute names that are read, today's first: the first one that is there counts.

Today's are those of OpenTelemetry's GenAI conventions; after them come earlier versions of these, and what OpenLLMetry
and OpenInference wrote before there were any.
"""

from typing import Final

MODEL: Final = (
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.response.model",
    "llm.request.model",
    "llm.model_name",
)
PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
OPERATION: Final = ("gen_ai.operation.name", "llm.request.type")
RESPONSE_ID: Final = ("gen_ai.response.id", "llm.response.id")
CONVERSATION: Final = ("gen_ai.conversation.id", "session.id")
SERVICE_TIER: Final = (
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "gen_ai.response.service_tier",
)

ORG: Final = ("burnline.org_id", "finops.org_id", "organization.id")
AGENT: Final = ("burnline.agent_id", "gen_ai.agent.id", "gen_ai.agent.name", "agent.name")
SERVICE: Final = ("service.name",)
TEAM: Final = ("burnline.team_id", "finops.team_id", "team.id")
PROJECT: Final = ("burnline.project_code", "finops.project_code", "project.code")

REPORTED_COST: Final = (
    "gen_ai.usage.cost.total",
    "gen_ai.usage.cost.total_usd",
    "gen_ai.usage.cost_usd",
    "gen_ai.usage.cost",
    "gen_ai.usage.total_cost",
)

INPUT: Final = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "llm.token_count.prompt",
)
OUTPUT: Final = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "llm.token_count.completion",
)
CACHE_READ: Final = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.cached_tokens",
    "llm.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
)
CACHE_WRITE: Final = (
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "llm.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
)
REASONING: Final = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "llm.usage.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
)
MODALITIES: Final = {
    "input_audio_tokens": ("gen_ai.usage.audio.input_tokens", "llm.token_count.prompt_details.audio"),
    "output_audio_tokens": ("gen_ai.usage.audio.output_tokens", "llm.token_count.completion_details.audio"),
    "cached_input_audio_tokens": ("gen_ai.usage.audio.cache_read.input_tokens",),
    "cached_input_image_tokens": ("gen_ai.usage.image.cache_read.input_tokens",),
    "input_image_tokens": ("gen_ai.usage.image.input_tokens",),
    "input_video_tokens": ("gen_ai.usage.video.input_tokens",),
    "output_image_tokens": ("gen_ai.usage.image.output_tokens",),
}
"""Field of a usage event, and the names under which spans have it."""

CALLS: Final = {"chat": "llm", "completion": "llm", "text_completion": "llm", "generate_content": "llm",
                "embeddings": "embedding", "embedding": "embedding"}  # fmt: skip
"""Operations that call a model, and the kind of event that they are."""

CONTAINER_KINDS: Final = ("traceloop.span.kind", "openinference.span.kind")
"""Where OpenLLMetry and OpenInference say what a span is."""
CALLING_KINDS: Final = frozenset({"llm", "embedding"})
