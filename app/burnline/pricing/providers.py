"""The names that events give to providers, and the catalogue's ids for them.

A provider is known by its words: lower case, parted at dots, dashes, underscores, slashes and blanks, without those
that say nothing about who serves a model ("chat", "responses", "models"). So one line stands for every spelling of
OpenTelemetry (`azure.ai.openai`), LangChain (`azure_openai`), the Vercel AI SDK (`azure-openai.chat`) and LiteLLM
(`azure`). A name with a word that is not expected there is another provider: "my-openai-proxy" is not OpenAI.
"""

import re
from types import MappingProxyType

_PARTED = re.compile(r"[^a-z0-9]+")

SAYS_NOTHING = frozenset(
    {"ai", "api", "chat", "completion", "completions", "converse", "embedding", "embeddings", "inference", "language"}
    | {"messages", "model", "models", "native", "responses", "text", "generative", "genai", "gen", "llm"}
)
"""Words of a provider's name that are about the way a model is called, not about who serves it."""

_VERTEX_MAKERS = (
    "ai21", "anthropic", "chirp", "deepseek", "gemini", "gemma", "llama", "meta", "minimax", "mistral", "mistralai",
    "moonshot", "openai", "qwen", "xai", "zai",
)  # fmt: skip

_SPELLINGS = {
    "anthropic": ("claude",),
    "aws": ("amazon", "amazon bedrock", "aws bedrock", "bedrock", "bedrock mantle"),
    "azure": ("azure openai", "az", "az openai", "microsoft azure", "azure foundry", "azure anthropic"),
    "cerebras": (),
    "cloudflare": ("workers", "cloudflare workers", "workersai"),
    "deepseek": (),
    "fireworks": ("fireworksai",),
    "github-copilot": ("copilot",),
    "google": (
        "gcp", "gcp gemini", "gcp vertex", "gcp vertexai", "gemini", "google gemini", "google vertex",
        "google vertexai", "google cloud", "googleai", "vertex", "vertexai", "google anthropic vertex",
        *(f"vertex {maker}" for maker in _VERTEX_MAKERS), *(f"google vertex {maker}" for maker in _VERTEX_MAKERS),
    ),
    "meta": ("meta llama",),
    "mistral": ("mistralai",),
    "moonshotai": ("moonshot", "kimi"),
    "openai": ("openai codex",),
    "ovhcloud": ("ovh",),
    "perplexity": ("pplx",),
    "together": ("togetherai",),
    "voyageai": ("voyage",),
    "x-ai": ("xai", "grok"),
    "zai": ("z",),
    "zhipuai": ("zhipu", "bigmodel"),
}  # fmt: skip

MAKERS_NAMES = MappingProxyType({"perplexity": ("sonar",), "zai": ("glm-",)})
"""How the models of a maker are called, where the catalogue has no rule that claims them."""

GATEWAYS = frozenset({"litellm", "litellm proxy"})
"""Providers that are none, by their words: the model's own name says who serves it (`bedrock/…`)."""


def normal_name(provider: str) -> str:
    """A provider's name as it is compared: lower case, no blanks around it."""
    return provider.strip().lower()


def provider_words(provider: str) -> str:
    """What a provider's name says about who serves a model: "azure.ai.openai" is "azure openai".

    A name that only says how a model is called is left as it is: it names nobody.
    """
    name = normal_name(provider)
    return " ".join(word for word in _PARTED.split(name) if word and word not in SAYS_NOTHING) or name


CATALOGUE_IDS = MappingProxyType(
    {
        provider_words(spelling): provider
        for provider, spellings in _SPELLINGS.items()
        for spelling in (provider, *spellings)
    }
)
"""The catalogue's id by a provider's words, where they are not those of the id itself."""
