"""The names that events give to providers, and the catalogue's ids for them.

The catalogue matches many spellings by itself ("aws.bedrock" contains "bedrock"), but not all, and one of them
wrongly for us: "azure.ai.openai" contains "openai", though Azure has rates of its own. So the names of OpenTelemetry's
`gen_ai.provider.name` are all written down here, with older spellings of `gen_ai.system` and of common client
libraries. "ibm.watsonx.ai" is missing because the catalogue has no such provider.
"""

from types import MappingProxyType

CATALOGUE_IDS = MappingProxyType(
    {
        # gen_ai.provider.name
        "anthropic": "anthropic",
        "aws.bedrock": "aws",
        "azure.ai.inference": "azure",
        "azure.ai.openai": "azure",
        "cohere": "cohere",
        "deepseek": "deepseek",
        "gcp.gemini": "google",
        "gcp.gen_ai": "google",
        "gcp.vertex_ai": "google",
        "groq": "groq",
        "mistral_ai": "mistral",
        "openai": "openai",
        "perplexity": "perplexity",
        "x_ai": "x-ai",
        # gen_ai.system, before it was renamed
        "az.ai.inference": "azure",
        "az.ai.openai": "azure",
        "vertex_ai": "google",
        "xai": "x-ai",
        # client libraries and gateways
        "azure_openai": "azure",
        "azure-openai": "azure",
        "bedrock": "aws",
        "fireworks_ai": "fireworks",
        "gemini": "google",
        "mistralai": "mistral",
        "moonshot_ai": "moonshotai",
        "together_ai": "together",
    }
)

GATEWAYS = frozenset({"litellm"})
"""Providers that are none: the model's own name says who serves it (`bedrock/…`)."""


def normal_name(provider: str) -> str:
    """A provider's name as it is compared: lower case, no blanks around it."""
    return provider.strip().lower()
