"""Answers as the `claude` program does that the Agent SDK starts: JSON lines, a control protocol among them."""

import json
import sys
from typing import Any

CONTROL = "control_request"
USAGE = {
    "input_tokens": 100, "output_tokens": 250, "cache_read_input_tokens": 4000, "cache_creation_input_tokens": 900,
    "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 600},
    "service_tier": "standard",
}  # fmt: skip
MODEL = "claude-sonnet-4-5-20250929"


def say(**line: Any) -> None:
    """One line."""
    print(json.dumps(line), flush=True)


def answer() -> None:
    """One turn: a message in two blocks, and the result."""
    for block in ({"type": "thinking", "thinking": "…", "signature": "s"}, {"type": "text", "text": "Hi"}):
        message = {"id": "msg_1", "role": "assistant", "model": MODEL, "content": [block], "usage": USAGE}
        say(type="assistant", message=message, parent_tool_use_id=None, session_id="claude-1", uuid="u1")
    used = {
        "inputTokens": 100, "outputTokens": 250, "cacheReadInputTokens": 4000, "cacheCreationInputTokens": 900,
        "webSearchRequests": 0, "costUSD": 0.031, "contextWindow": 200_000, "maxOutputTokens": 64_000,
    }  # fmt: skip
    say(
        type="result", subtype="success", duration_ms=1, duration_api_ms=1, is_error=False, num_turns=1, result="Hi",
        session_id="claude-1", uuid="r1", total_cost_usd=0.031, usage=USAGE, modelUsage={MODEL: used},
    )  # fmt: skip


def main() -> None:
    if "-v" in sys.argv or "--version" in sys.argv:
        print("2.9.9 (Claude Code)")
        return
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["type"] == CONTROL:
            response = {"subtype": "success", "request_id": asked["request_id"], "response": {}}
            say(type="control_response", response=response)
        elif asked["type"] == "user":
            answer()


main()
