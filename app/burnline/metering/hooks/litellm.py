"""LiteLLM: a custom logger, which is told of each call before it is made and after its answer, streams included."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from burnline.metering.hooks.acting import Open, in_session, recorder, reported
from burnline.metering.recorder import Call, Recorder
from burnline.usage import openai
from burnline.usage.reading import Reading, count, part, text

_EMBEDDINGS = ("embedding", "aembedding")


def litellm_logger(*, org: str, **options: Any) -> Any:
    """A logger that meters every call of LiteLLM, its router and its proxy.

        litellm.callbacks.append(burnline.litellm_logger(org="acme", agent="coder"))

    Args:
        org: Organisation that pays.
        options: `agent`, `session`, `team`, `project`, `tags`, `provider`, `region` and `publisher`, as of
            `burnline.meter`; an agent that is not named is `litellm`. Without a session around a call and none said
            here it is the call's `litellm_session_id`, or `session_id` of its metadata.

    Raises:
        ImportError: LiteLLM is not installed.
    """
    from litellm.integrations.custom_logger import CustomLogger

    kind = type("UsageLogger", (_Listener, CustomLogger), {})
    return kind(recorder("litellm", read, org=org, **options))


class _Listener:
    """What LiteLLM calls."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._burnline_recorder = recorder
        self._calls: Open[str, Call] = Open()

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Any) -> None:
        """In the caller's own context, which the loggers after the answer are not."""
        self._burnline_recorder.quietly(self._begin, kwargs)

    def log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """After a call that was waited for."""
        self._burnline_recorder.quietly(self._answered, kwargs, response_obj)

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """After a call that was awaited."""
        self._burnline_recorder.quietly(self._answered, kwargs, response_obj)

    def log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A call without an answer costs nothing that anybody says."""
        self._calls.end(str(kwargs.get("litellm_call_id")))

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """As of one that was waited for."""
        self._calls.end(str(kwargs.get("litellm_call_id")))

    def _begin(self, details: Mapping[str, Any]) -> None:
        self._calls.begin(str(details.get("litellm_call_id")), self._call(details))

    def _call(self, details: Mapping[str, Any]) -> Call:
        asked = details.get("litellm_params") or {}
        metadata = asked.get("metadata") or asked.get("litellm_metadata") or {}
        session = asked.get("litellm_session_id") or details.get("litellm_session_id") or metadata.get("session_id")
        return self._burnline_recorder.call(
            in_session(session, team=metadata.get("user_api_key_team_id")),
            model=text(details, "model"),
            provider=text(details, "custom_llm_provider") or text(asked, "custom_llm_provider"),
        )

    def _answered(self, details: Mapping[str, Any], answer: Any) -> None:
        call_id = str(details.get("litellm_call_id"))
        if details.get("stream") and details.get("complete_streaming_response", details) is None:
            return  # a part of a stream; the whole follows
        call = self._calls.end(call_id) or self._call(details)
        told = dict(call.known)
        cost = details.get("response_cost")
        if details.get("cache_hit") is True:  # an answer out of LiteLLM's own cache
            told |= {"kind": "cache_hit", "event_id": call_id}
        elif details.get("call_type") in _EMBEDDINGS:
            told["kind"] = "embedding"
        if isinstance(cost, int | float | Decimal) and not isinstance(cost, bool):
            told |= reported(Decimal(str(cost)), "litellm")
        self._burnline_recorder.answered(Call(call.owner, told), (answer, told))


def read(answered: tuple[Any, Mapping[str, Any]]) -> Reading:
    """The usage of an answer of LiteLLM: OpenAI's shape, and what Anthropic wrote to its cache beside it.

    Raises:
        UsageMissing: It has none.
        UsageUnreadable: A count is no count.
    """
    answer, told = answered
    usage = part(answer, "usage")
    asked = part(usage, "prompt_tokens_details")
    written = max(
        count(asked, "cache_creation_tokens"),
        count(asked, "cache_write_tokens"),
        count(usage, "cache_creation_input_tokens"),
    )
    an_hour = count(part(asked, "cache_creation_token_details"), "ephemeral_1h_input_tokens")
    reading = openai.read(answer)
    if written:
        reading |= {"cache_write_tokens": written} | ({"cache_write_1h_tokens": an_hour} if an_hour else {})
    return reading | {name: told[name] for name in ("kind", "event_id") if name in told}
