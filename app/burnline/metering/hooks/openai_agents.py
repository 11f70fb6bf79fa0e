"""OpenAI's Agents SDK: a tracing processor, which sees each agent, tool and model call as a span."""

from typing import Any

from burnline.metering.hooks.acting import Acting, Open, acts, in_session, recorder
from burnline.metering.hosts import served_by
from burnline.metering.recorder import Call, Recorder
from burnline.usage import openai
from burnline.usage.reading import Reading, UsageMissing, part, text

_CALLS = ("response", "generation")


def openai_agents_processor(*, org: str, **options: Any) -> Any:
    """A processor that meters every model call of OpenAI's Agents SDK, sub-agents and streams included.

        agents.add_trace_processor(burnline.openai_agents_processor(org="acme", agent="coder"))

    An agent that is another one's tool is a sub-agent: its calls have its name, a run of their own, and its caller's
    run as their parent. One that is handed over to is none.

    Args:
        org: Organisation that pays.
        options: `agent`, `session`, `team`, `project`, `tags`, `provider`, `region` and `publisher`, as of
            `burnline.meter`. Without an agent it is the name of the one that acts; without a session, around the call
            or said here, the trace's `group_id`.

    Raises:
        ImportError: The SDK is not installed.
    """
    from agents.tracing import TracingProcessor

    kind = type("UsageProcessor", (_Listener, TracingProcessor), {})
    return kind(recorder("openai-agents", read, org=org, **options))


class _Listener:
    """What the SDK calls, in the context of what is called."""

    def __init__(self, recorder: Recorder) -> None:
        self._burnline_recorder = recorder
        self._groups: Open[str, str] = Open()
        self._acting: Open[str, Acting] = Open()
        self._calls: Open[str, Call] = Open()

    def on_trace_start(self, trace: Any) -> None:
        """A workflow begins."""
        group = text(trace, "group_id")
        if group is not None:
            self._groups.begin(trace.trace_id, group)

    def on_trace_end(self, trace: Any) -> None:
        """It ends."""
        self._groups.end(trace.trace_id)

    def on_span_start(self, span: Any) -> None:
        """An agent, tool or model call begins."""
        self._burnline_recorder.quietly(self._begin, span)

    def on_span_end(self, span: Any) -> None:
        """It ends."""
        self._acting.end(span.span_id)
        call = self._calls.end(span.span_id)
        if call is not None:
            self._burnline_recorder.answered(call, span.span_data)

    def shutdown(self) -> None:
        """Nothing is held here: the publisher sees to its own end."""

    def force_flush(self) -> None:
        """As of `shutdown`."""

    def _begin(self, span: Any) -> None:
        agent = self._acting.get(span.parent_id)
        kind = span.span_data.type
        if kind == "agent":
            agent = Acting(text(span.span_data, "name"), span.span_id, agent)
        if kind in _CALLS:
            call = self._burnline_recorder.call(
                in_session(self._groups.get(span.trace_id), agent.name if agent else None),
                event_id=span.span_id,
                **_served(span.span_data),
            )
            self._calls.begin(span.span_id, acts(call, agent))
        elif agent is not None:
            self._acting.begin(span.span_id, agent)


def _served(data: Any) -> dict[str, Any]:
    """Model, provider and region; a response's is OpenAI's, a generation's says its address."""
    address = text(part(data, "model_config"), "base_url")
    provider, region = served_by(address)[:2] if address else ("openai" if data.type == "response" else None, None)
    return {"model": text(data, "model"), "provider": provider, "region": region}


def read(data: Any) -> Reading:
    """The usage of a response's or a generation's span.

    Raises:
        UsageMissing: It has none: a stream that was not asked to say it, or a response that traces leave out.
        UsageUnreadable: A count is no count.
    """
    response = part(data, "response")
    reading = openai.read(response if response is not None else {"usage": part(data, "usage")})
    if not (reading["input_tokens"] or reading["output_tokens"]):
        raise UsageMissing("The span counts no tokens: a stream says them with ModelSettings(include_usage=True).")
    return reading
