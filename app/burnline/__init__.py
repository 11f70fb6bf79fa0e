"""Burnline: watch what AI agents spend while they spend it.

    from burnline import UsagePublisher

What this page names is loaded when it is asked for: importing `burnline` alone loads nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from burnline import usage
    from burnline.metering import meter
    from burnline.metering.hooks.claude_agent import claude_agent_messages
    from burnline.metering.hooks.langchain import langchain_handler
    from burnline.metering.hooks.litellm import litellm_logger
    from burnline.metering.hooks.openai_agents import openai_agents_processor
    from burnline.metering.hooks.pydantic_ai import pydantic_ai_capability
    from burnline.publisher import AsyncUsagePublisher, Counts, DeliveryError, Failure, UsagePublisher
    from burnline.publisher.controls import Controls
    from burnline.usage import session

__version__ = "0.1.0"
__all__ = [
    "AsyncUsagePublisher",
    "Controls",
    "Counts",
    "DeliveryError",
    "Failure",
    "UsagePublisher",
    "__version__",
    "claude_agent_messages",
    "langchain_handler",
    "litellm_logger",
    "meter",
    "openai_agents_processor",
    "pydantic_ai_capability",
    "session",
    "usage",
]

_HOMES = {
    "AsyncUsagePublisher": "burnline.publisher",
    "Controls": "burnline.publisher.controls",
    "Counts": "burnline.publisher",
    "DeliveryError": "burnline.publisher",
    "Failure": "burnline.publisher",
    "UsagePublisher": "burnline.publisher",
    "claude_agent_messages": "burnline.metering.hooks.claude_agent",
    "langchain_handler": "burnline.metering.hooks.langchain",
    "litellm_logger": "burnline.metering.hooks.litellm",
    "meter": "burnline.metering",
    "openai_agents_processor": "burnline.metering.hooks.openai_agents",
    "pydantic_ai_capability": "burnline.metering.hooks.pydantic_ai",
    "session": "burnline.usage",
}


def __getattr__(name: str) -> Any:
    """A public name, from the room it lives in (PEP 562)."""
    if name == "usage":
        return import_module("burnline.usage")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
