"""Usage events from what providers answer: one call each, by each provider's own way of counting.

    from burnline import usage
    publisher.publish(usage.from_openai(response, org="acme", agent="coder", session="sess-4711"))

Nothing of a provider's package is imported: a response may be its object, its dict, or the sequence of a stream's
parts. `burnline.meter` does the same for every call of a client.
"""

from burnline.usage.adapters import (
    from_anthropic,
    from_bedrock,
    from_google,
    from_mistral,
    from_ollama,
    from_openai,
    from_openrouter,
)
from burnline.usage.context import session
from burnline.usage.reading import UsageMissing, UsageUnreadable

__all__ = [
    "UsageMissing",
    "UsageUnreadable",
    "from_anthropic",
    "from_bedrock",
    "from_google",
    "from_mistral",
    "from_ollama",
    "from_openai",
    "from_openrouter",
    "session",
]
