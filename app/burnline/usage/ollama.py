"""Ollama's way of counting: what was evaluated of the prompt, and what was generated."""

from typing import Any

from burnline.usage.reading import Reading, UsageMissing, count, filled, part, text

_HINT = "Ollama says it with every answer, and with the last part of a stream."


def collect(kept: dict[str, Any], stream_part: Any) -> None:
    """Take one part of a stream in."""
    for name in ("model", "prompt_eval_count", "eval_count"):
        found = part(stream_part, name)
        if found is not None:
            kept[name] = found


def read(response: Any) -> Reading:
    """The usage of a chat, a generation or embeddings. It has no id: each reading is another event.

    Raises:
        UsageMissing: It has none.
        UsageUnreadable: A count is no count.
    """
    if part(response, "prompt_eval_count", "eval_count") is None:
        raise UsageMissing(f"The response has no eval_count, so what it used is not known. {_HINT}")
    return filled(
        model=text(response, "model"),
        kind="embedding" if part(response, "embeddings") is not None else None,
        input_tokens=count(response, "prompt_eval_count"),
        output_tokens=count(response, "eval_count"),
    )
