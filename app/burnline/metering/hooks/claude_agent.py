"""Claude's Agent SDK: its messages, passed on; the result of a turn says what each model used, sub-agents included."""

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import wraps
from typing import Any

from burnline.metering.hooks.acting import dialect, in_session, recorder, reported
from burnline.metering.recorder import Recorder
from burnline.usage import anthropic
from burnline.usage.reading import Reading, UsageMissing, count, filled, part, text

_HOSTS = {
    "firstParty": "anthropic", "anthropicAws": "anthropic", "anthropicGoogleCloud": "anthropic", "bedrock": "aws",
    "mantle": "aws", "vertex": "google", "foundry": "azure",
}  # fmt: skip
_COUNTS = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
_COST = "costUSD"

Used = dict[str, Decimal]
"""Counts and cost of one model."""


async def claude_agent_messages(messages: AsyncIterator[Any], *, org: str, **options: Any) -> AsyncIterator[Any]:
    """The messages of `claude_agent_sdk.query`, metered on their way; `burnline.meter` takes a `ClaudeSDKClient`.

        async for message in burnline.claude_agent_messages(query(prompt="Hello"), org="acme", agent="coder"): ...

    Args:
        messages: What one `query` gives.
        org: Organisation that pays.
        options: `agent`, `session`, `team`, `project`, `tags`, `provider`, `region` and `publisher`, as of
            `burnline.meter`; an agent that is not named is `claude-agent`. Without a session, around the call or said
            here, it is the one that Claude names.
    """
    async for message in _metered(messages, _Totals(recorder("claude-agent", read, org=org, **options))):
        yield message


def listen(client: Any, recorder: Recorder) -> None:
    """Listen to what a `ClaudeSDKClient` receives: a connection's results count on from each other."""
    totals = _Totals(recorder)
    receive, connect = client.receive_messages, client.connect

    @wraps(receive)
    def received() -> AsyncIterator[Any]:
        return _metered(receive(), totals)

    client.receive_messages = received
    client.connect = _starting_over(connect, totals)


def _starting_over(connect: Callable[..., Any], totals: "_Totals") -> Callable[..., Any]:
    @wraps(connect)
    async def connected(*arguments: Any, **named: Any) -> Any:
        totals.forget()
        return await connect(*arguments, **named)

    return connected


async def _metered(messages: AsyncIterator[Any], totals: "_Totals") -> AsyncIterator[Any]:
    async for message in messages:
        totals.recorder.quietly(totals.take, message)
        yield message


class _Totals:
    """What the models of one process of Claude have used so far."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._known: dict[str, Used] = {}
        self._model: str | None = None

    def forget(self) -> None:
        """Another process begins, at nothing."""
        self._known = {}

    def take(self, message: Any) -> None:
        """A message: a result's models are an event each, of what they used since the last result."""
        if part(message, "parent_tool_use_id") is None:
            self._model = text(message, "model") or self._model
        if part(message, "num_turns") is None:
            return
        session, result = in_session(part(message, "session_id")), text(message, "uuid")
        by_model = part(message, "model_usage")
        if not by_model:
            call = self.recorder.call(session, model=self._model, provider="anthropic", event_id=result)
            self.recorder.answered(call, message)
            return
        grown = {model: self._grown(model, usage) for model, usage in by_model.items()}
        used = {model: counts for model, counts in grown.items() if any(counts[name] for name in _COUNTS)}
        for model, counts in used.items():
            provider = _HOSTS.get(text(by_model[model], "provider") or "firstParty")
            event_id = f"{result}:{model}" if result else None
            told = {"cache_write_1h_tokens": _written_for_an_hour(message, counts) if len(used) == 1 else 0}
            call = self.recorder.call(session, model=model, provider=provider, event_id=event_id, **told)
            self.recorder.answered(call, counts)

    def _grown(self, model: str, usage: Any) -> Used:
        now = {name: Decimal(str(part(usage, name) or 0)) for name in (*_COUNTS, _COST)}
        before = self._known.get(model, {})
        self._known[model] = now
        return {name: value - before.get(name, Decimal()) for name, value in now.items()}


def _written_for_an_hour(result: Any, counts: Used) -> int:
    """What the result tells apart of the only model's cache writes, which the models' own counts do not."""
    usage = part(result, "usage")
    if count(usage, "cache_creation_input_tokens") != counts["cacheCreationInputTokens"]:
        return 0
    return count(part(usage, "cache_creation"), "ephemeral_1h_input_tokens")


def read(used: Any) -> Reading:
    """The usage of a result: of one model's counts, or of a result without them.

    Raises:
        UsageMissing: It has none.
        UsageUnreadable: A count is no count.
    """
    if not isinstance(used, dict):
        if part(used, "usage") is None:
            raise UsageMissing("The result has no usage, so what it used is not known.")
        return anthropic.read({"usage": part(used, "usage")})
    counts = {name: int(used[name]) for name in _COUNTS}
    fresh, answered, cached, written = (count(counts, name) for name in _COUNTS)
    reading = filled(
        input_tokens=fresh + cached + written,
        output_tokens=answered,
        cached_input_tokens=cached,
        cache_write_tokens=written,
    )
    return reading | reported(used[_COST], "claude-agent-sdk")


DIALECT = dialect(read)
