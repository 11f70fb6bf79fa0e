"""LangChain and LangGraph: a callback handler, which follows the tree of runs."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from burnline.metering.hooks.acting import Acting, Open, acts, in_session, recorder
from burnline.metering.recorder import Call, Recorder
from burnline.usage import openai
from burnline.usage.reading import Reading, UsageMissing, count, filled, part, text

_CONVERSATION = ("session_id", "thread_id", "conversation_id")
_AGENT = "lc_agent_name"
"""Where LangChain's `create_agent` names an agent; runs inside of it inherit the metadata."""
_OF_A_RUN = ("lc_", "run-", "lc_run-")
_HINT = (
    "The message has no usage_metadata, so what it used is not known. Streams of OpenAI say it with stream_usage=True."
)


def langchain_handler(*, org: str, **options: Any) -> Any:
    """A handler that meters every model call below what it is given to, sub-agents and streams included.

        graph.invoke(question, config={"callbacks": [burnline.langchain_handler(org="acme", agent="coder")]})

    An agent of `create_agent` inside of another one is a sub-agent: its calls have its name, a run of their own, and
    its caller's run as their parent.

    Args:
        org: Organisation that pays.
        options: `agent`, `session`, `team`, `project`, `tags`, `provider`, `region` and `publisher`, as of
            `burnline.meter`. Without an agent it is the outermost one's name, else `langchain`; without a session,
            around the call or said here, the metadata's `session_id`, `thread_id` or `conversation_id`.

    Raises:
        ImportError: LangChain is not installed.
    """
    from langchain_core.callbacks import BaseCallbackHandler

    kind = type("UsageHandler", (_Listener, BaseCallbackHandler), {"run_inline": True})
    return kind(recorder("langchain", read, org=org, **options))


class _Listener:
    """What LangChain calls, in the context of what is called."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._burnline_recorder = recorder
        self._acting: Open[UUID, Acting] = Open()
        self._calls: Open[UUID, Call] = Open()

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **said: Any) -> None:
        """A chain, graph, node or agent begins."""
        self._burnline_recorder.quietly(self._enter, run_id, said)

    def on_tool_start(self, serialized: Any, input_str: Any, *, run_id: UUID, **said: Any) -> None:
        """A tool begins, which may be another agent."""
        self._burnline_recorder.quietly(self._enter, run_id, said)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        """It ends."""
        self._acting.end(run_id)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """It fails."""
        self._acting.end(run_id)

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:
        """A tool ends."""
        self._acting.end(run_id)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """A tool fails."""
        self._acting.end(run_id)

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **said: Any) -> None:
        """A chat model is called."""
        self._burnline_recorder.quietly(self._begin, run_id, said)

    def on_llm_start(self, serialized: Any, prompts: Any, *, run_id: UUID, **said: Any) -> None:
        """A model of plain text is called."""
        self._burnline_recorder.quietly(self._begin, run_id, said)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """A model fails; nobody says what that cost."""
        self._calls.end(run_id)

    def on_llm_end(self, response: Any, *, run_id: UUID, **said: Any) -> None:
        """A model has answered; a stream to its end."""
        self._burnline_recorder.quietly(self._answered, run_id, response, said)

    def _enter(self, run_id: UUID, said: Mapping[str, Any]) -> None:
        outer = self._acting.get(said.get("parent_run_id"))
        name = text(said.get("metadata"), _AGENT)
        if outer is None:
            self._acting.begin(run_id, Acting(name, str(run_id)))
        elif name is not None and outer.name is not None and name != outer.name:
            self._acting.begin(run_id, Acting(name, str(run_id), outer))
        else:  # within the same one, whose name may only now be known
            self._acting.begin(run_id, outer if outer.name or name is None else outer._replace(name=name))

    def _begin(self, run_id: UUID, said: Mapping[str, Any]) -> None:
        self._calls.begin(run_id, self._call(run_id, said))

    def _call(self, run_id: UUID, said: Mapping[str, Any]) -> Call:
        metadata = said.get("metadata") or {}
        agent = self._acting.get(said.get("parent_run_id"))
        call = self._burnline_recorder.call(
            in_session(_first(metadata, _CONVERSATION), agent.name if agent else text(metadata, _AGENT)),
            event_id=str(run_id),
            model=text(metadata, "ls_model_name"),
            provider=text(metadata, "ls_provider"),
        )
        return acts(call, agent)

    def _answered(self, run_id: UUID, response: Any, said: Mapping[str, Any]) -> None:
        call = self._calls.end(run_id) or self._call(run_id, said)
        self._burnline_recorder.answered(call, response)


def read(result: Any) -> Reading:
    """The usage of an `LLMResult`: of its first message, whose counts are inclusive.

    An answer out of LangChain's own cache is a `cache_hit`, which costs nothing.

    Raises:
        UsageMissing: It has none.
        UsageUnreadable: A count is no count.
    """
    generations = [each for prompt in part(result, "generations") or () for each in prompt]
    message = part(generations[0], "message") if generations else None
    usage = part(message, "usage_metadata")
    if usage is None:
        return _of_plain_text(result)
    asked, told = part(usage, "input_token_details") or {}, part(usage, "output_token_details") or {}
    answered = part(message, "response_metadata") or {}
    kept = count(asked, "ephemeral_5m_input_tokens") + count(asked, "ephemeral_1h_input_tokens")
    known = filled(
        event_id=_response_id(message, answered),
        model=text(answered, "model_name", "model"),
        provider=text(answered, "model_provider"),
        input_tokens=count(usage, "input_tokens"),
        output_tokens=count(usage, "output_tokens"),
        cached_input_tokens=_of_any_tier(asked, "cache_read"),
        cache_write_tokens=max(_of_any_tier(asked, "cache_creation"), kept),
        cache_write_1h_tokens=count(asked, "ephemeral_1h_input_tokens"),
        reasoning_tokens=_of_any_tier(told, "reasoning"),
        input_audio_tokens=count(asked, "audio"),
        output_audio_tokens=count(told, "audio"),
        service_tier=_tier(text(answered, "service_tier")),
    )
    if part(usage, "total_cost") == 0:
        known |= {"kind": "cache_hit"}
        known.pop("event_id", None)
    return known


def _of_plain_text(result: Any) -> Reading:
    said = part(result, "llm_output")
    usage = part(said, "token_usage", "usage")
    if not usage:
        raise UsageMissing(_HINT)
    return openai.read({"usage": usage, "model": part(said, "model_name")})


def _of_any_tier(details: Mapping[str, Any], kind: str) -> int:
    """What is counted as `kind`, which stands behind the tier that it was served in: `priority_cache_read`."""
    return sum(count(details, name) for name in details if name == kind or name.endswith(f"_{kind}"))


def _response_id(message: Any, answered: Mapping[str, Any]) -> str | None:
    """The provider's; LangChain makes up others, and a run's own is as good as these."""
    found = text(answered, "id") or text(message, "id")
    return None if found is None or found.startswith(_OF_A_RUN) else found


def _tier(said: str | None) -> str | None:
    return "standard" if said == "default" else None if said == "auto" else said


def _first(metadata: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((metadata[name] for name in names if metadata.get(name)), None)
