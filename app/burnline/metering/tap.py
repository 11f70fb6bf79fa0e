"""Listening to what a client's call answers, without changing what the caller gets."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from typing import Any

from burnline.metering.recorder import Call, Recorder

_HELD_IN = ("_iterator", "generator")
"""Where the streams of OpenAI's and Anthropic's packages, and of Mistral's, keep what they iterate over."""

Hide = Callable[[Any], bool]


def _nothing(_part: Any) -> bool:
    return False


def listened(call: Callable[..., Any], recorder: Recorder, known: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A client's function, sync or async, that tells the recorder what it answers.

    Args:
        call: The function.
        recorder: Who is told.
        known: What the keyword arguments say of the answer's event.
    """
    if inspect.iscoroutinefunction(call):

        @wraps(call)
        async def asked(*arguments: Any, **named: Any) -> Any:
            begun = recorder.call(**known(named))
            return tapped(await call(*arguments, **named), begun, recorder)
    else:

        @wraps(call)
        def asked(*arguments: Any, **named: Any) -> Any:
            begun = recorder.call(**known(named))
            return tapped(call(*arguments, **named), begun, recorder)

    return asked


def tapped(answer: Any, call: Call, recorder: Recorder, hide: Hide = _nothing) -> Any:
    """An answer as the caller gets it; if it is a stream, one that is listened to until it ends or is left.

    Args:
        answer: The client's answer.
        call: The call that it answers.
        recorder: Who is told.
        hide: Parts of a stream that the caller has not asked for.
    """
    if isinstance(answer, dict) and hasattr(answer.get("stream"), "__iter__"):  # botocore's
        answer["stream"] = _EventStream(answer["stream"], call, recorder)
        return answer
    for name in _HELD_IN:
        held = getattr(answer, name, None)
        if hasattr(held, "__next__") or hasattr(held, "__anext__"):
            setattr(answer, name, _parts(held, call, recorder, hide))
            return answer
    if hasattr(answer, "__next__") or hasattr(answer, "__anext__"):
        return _parts(answer, call, recorder, hide)
    recorder.answered(call, answer)
    return answer


def _parts(parts: Any, call: Call, recorder: Recorder, hide: Hide) -> Any:
    if hasattr(parts, "__anext__"):
        return _parts_async(parts, call, recorder, hide)
    return _parts_sync(parts, call, recorder, hide)


def _parts_sync(parts: Iterator[Any], call: Call, recorder: Recorder, hide: Hide) -> Iterator[Any]:
    kept: dict[str, Any] = {}
    try:
        for part in parts:
            recorder.quietly(recorder.dialect.collect, kept, part)
            if not hide(part):
                yield part
    finally:  # the end, an error of the provider, or a caller who has heard enough
        recorder.answered(call, kept)


async def _parts_async(parts: Any, call: Call, recorder: Recorder, hide: Hide) -> AsyncIterator[Any]:
    kept: dict[str, Any] = {}
    try:
        async for part in parts:
            recorder.quietly(recorder.dialect.collect, kept, part)
            if not hide(part):
                yield part
    finally:
        recorder.answered(call, kept)
        if hasattr(parts, "aclose"):
            await parts.aclose()


class _EventStream:
    """botocore's stream of events, listened to."""

    def __init__(self, stream: Any, call: Call, recorder: Recorder) -> None:
        self._stream = stream
        self._parts = _parts_sync(iter(stream), call, recorder, _nothing)

    def __iter__(self) -> Iterator[Any]:
        return self._parts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
