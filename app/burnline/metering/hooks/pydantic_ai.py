"""Pydantic AI: a capability of an agent, which is asked around each run and after each answer of a model."""

from contextvars import ContextVar
from typing import Any

from burnline.metering.hooks.acting import Acting, acts, in_session, recorder
from burnline.metering.recorder import RECORDER
from burnline.usage.reading import Reading, UsageMissing, count, filled, part, text

_acting: ContextVar[tuple[Acting, str | None] | None] = ContextVar("burnline_pydantic_ai", default=None)
"""The agent at work, and the conversation of the outermost one."""


def pydantic_ai_capability(*, org: str, **options: Any) -> Any:
    """A capability that meters every model call of an agent, streams included.

        agent = Agent("openai:gpt-4o", capabilities=[burnline.pydantic_ai_capability(org="acme", agent="coder")])

    An agent that has it, too, and runs within another one (as its tool) is a sub-agent: its calls have its name, a run
    of their own, and its caller's session and run as their parent.

    Args:
        org: Organisation that pays.
        options: `agent`, `session`, `team`, `project`, `tags`, `provider`, `region` and `publisher`, as of
            `burnline.meter`. Without an agent it is the agent's own name, else `pydantic-ai`; without a session, around
            the call or said here, the run's `conversation_id`.

    Raises:
        ImportError: Pydantic AI is not installed.
    """
    from pydantic_ai.capabilities import Hooks

    listening = recorder("pydantic-ai", read, org=org, **options)

    async def run(ctx: Any, *, handler: Any) -> Any:
        outer = _acting.get()
        name, own = text(ctx.agent, "name"), text(ctx, "run_id") or ""
        conversation = outer[1] if outer else text(ctx, "conversation_id")
        token = _acting.set((Acting(name, own, outer[0] if outer else None), conversation))
        try:
            return await handler()
        finally:
            _acting.reset(token)

    async def answered(_ctx: Any, /, *, request_context: Any, response: Any) -> Any:
        listening.quietly(_answered, request_context, response)
        return response

    def _answered(asked: Any, response: Any) -> None:
        agent, conversation = _acting.get() or (None, None)
        call = listening.call(
            in_session(conversation, agent.name if agent else None), model=text(part(asked, "model"), "model_name")
        )
        listening.answered(acts(call, agent), response)

    hooks = Hooks(run=run, after_model_request=answered)
    setattr(hooks, RECORDER, listening)
    return hooks


def read(response: Any) -> Reading:
    """The usage of a `ModelResponse`, whose counts are inclusive.

    Raises:
        UsageMissing: It has none.
        UsageUnreadable: A count is no count.
    """
    usage = part(response, "usage")
    if usage is None or count(usage, "unmeasured_requests"):
        raise UsageMissing("The response omits its usage, so what it used is not known.")
    details = part(response, "provider_details")
    return filled(
        event_id=text(response, "provider_response_id"),
        model=text(response, "model_name"),
        provider=text(response, "provider_name"),
        input_tokens=count(usage, "input_tokens"),
        output_tokens=count(usage, "output_tokens"),
        cached_input_tokens=count(usage, "cache_read_tokens"),
        cache_write_tokens=count(usage, "cache_write_tokens"),
        cache_write_1h_tokens=count(usage, "cache_write_1h_tokens"),
        reasoning_tokens=max(
            count(usage, "output_reasoning_tokens"), count(part(usage, "details"), "reasoning_tokens")
        ),
        input_audio_tokens=count(usage, "input_audio_tokens"),
        cached_input_audio_tokens=count(usage, "cache_audio_read_tokens"),
        output_audio_tokens=count(usage, "output_audio_tokens"),
        service_tier=_tier(text(details, "service_tier")),
    )


def _tier(said: str | None) -> str | None:
    return "standard" if said == "default" else None if said == "auto" else said
