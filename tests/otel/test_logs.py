"""Claude Code's log events into usage events."""

from typing import Any

import pytest

from burnline.otel.logs import usage_of_logs
from burnline.otel.mapping import Rules, Skipped
from burnline.otel.wire import read_logs
from tests.otel.emitted import END_NS, as_json, logs

RULES = Rules(default_org="acme")
REQUEST: dict[str, Any] = {
    "event.name": "api_request",
    "event.sequence": 7,
    "session.id": "s-1",
    "prompt.id": "p-1",
    "organization.id": "org-1",
    "model": "claude-opus-4-1-20250805",
    "request_id": "req_011",
    "input_tokens": 12,
    "output_tokens": 340,
    "cache_read_tokens": 20_000,
    "cache_creation_tokens": 900,
    "cost_usd": 0.0426,
    "duration_ms": 5_000,
}
TOOL = {**REQUEST, "event.name": "tool_result"}


def one(attributes: dict[str, Any], body: str = "claude_code.api_request", **resource: Any) -> Any:
    export = logs(attributes, body=body, **resource)
    (found,) = usage_of_logs(read_logs(export.SerializeToString()), RULES)
    assert usage_of_logs(read_logs(as_json(export)), RULES) == [found]
    return found


def test_a_request() -> None:
    assert one(REQUEST, service__name="claude-code", team__id="platform") == {
        "event_id": "req_011",
        "occurred_at": END_NS // 1_000_000,
        "org_id": "org-1",
        "agent_id": "claude-code",
        "team_id": "platform",
        "session_id": "s-1",
        "run_id": "p-1",
        "model": "claude-opus-4-1-20250805",
        "provider": "anthropic",
        "input_tokens": 12 + 20_000 + 900,
        "cached_input_tokens": 20_000,
        "cache_write_tokens": 900,
        "output_tokens": 340,
        "reported_cost_usd": "0.0426",
        "reported_cost_source": "claude-code",
    }


def test_numbers_may_be_text() -> None:
    text = {name: str(value) for name, value in REQUEST.items()}
    assert one(text) == one(REQUEST)


@pytest.mark.parametrize(("speed", "tier"), [("fast", "fast"), ("normal", None)])
def test_fast_mode_is_a_tier(speed: str, tier: str | None) -> None:
    assert one(REQUEST | {"speed": speed}).get("service_tier") == tier


@pytest.mark.parametrize(
    ("attributes", "body", "service", "counts"),
    [
        pytest.param(REQUEST, "claude_code.api_request", "x", True, id="by its body"),
        pytest.param({**REQUEST, "event.name": "claude_code.api_request"}, "", "x", True, id="by its attribute"),
        pytest.param(REQUEST, "", "claude-code", True, id="by its short name and the service"),
        pytest.param(REQUEST, "", "x", False, id="the short name may be anybody's"),
        pytest.param(
            {**REQUEST, "event.name": "tool_result"}, "claude_code.tool_result", "claude-code", False, id="other"
        ),
    ],
)
def test_which_events_count(attributes: dict[str, Any], body: str, service: str, *, counts: bool) -> None:
    found = one(attributes, body, service__name=service)
    assert isinstance(found, dict) is counts
    assert counts or found is Skipped.NOT_A_MODEL_CALL


@pytest.mark.parametrize(
    ("attributes", "event_id"),
    [
        pytest.param({"request_id": "req_1", "client_request_id": "c"}, "req_1", id="the API's"),
        pytest.param({"client_request_id": "c"}, "c", id="the client's"),
        pytest.param({}, f"{END_NS}:7", id="time and sequence, of earlier versions"),
    ],
)
def test_the_id_is_the_requests(attributes: dict[str, Any], event_id: str) -> None:
    own = {name: value for name, value in REQUEST.items() if name != "request_id"} | attributes
    assert one(own)["event_id"] == event_id


def test_a_subagent_is_an_agent() -> None:
    assert one(REQUEST | {"agent.name": "Explore"}, service__name="claude-code")["agent_id"] == "Explore"


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        pytest.param("claude-opus-4-6[1m]", "anthropic", id="Anthropic's"),
        pytest.param("claude-sonnet-4-5@20250929", "google", id="on Vertex AI"),
        pytest.param("us.anthropic.claude-sonnet-4-5-20250929-v1:0", None, id="on Bedrock: the id says it"),
        pytest.param(
            "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-haiku-4-5", None, id="a profile"
        ),
        pytest.param("sonnet", "anthropic", id="an alias"),
    ],
)
def test_who_served_it(model: str, provider: str | None) -> None:
    assert one({**REQUEST, "model": model}).get("provider") == provider
