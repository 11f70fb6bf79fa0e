"""The tools over the real API: in this process, over stdio and over HTTP, asked by the official client."""

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from typer.testing import CliRunner

from burnline.cli.root import cli
from burnline.detection.notes import acknowledged
from burnline.mcp.advice import STALE_S, Verdict, advise
from burnline.mcp.server import build_server
from tests.api.live import Caller, Projection
from tests.api.test_anomalies import notice as anomaly
from tests.ledger.examples import usage

TOOLS = {"my_spend", "may_i_continue", "explain_charge", "top_sessions", "open_anomalies"}
URL = "http://api.test"

CALM: dict[str, Any] = {"lag": {"events": 0, "seconds": 1.0}, "anomaly": None, "ratio": "1.000", "multiplier": "5"}
WARNING, CRITICAL = {"severity": "warning"}, {"severity": "critical"}
OLD = {"lag": {"events": 9, "seconds": STALE_S + 1}}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        pytest.param({}, Verdict.CONTINUE, id="as usual"),
        pytest.param({"ratio": "5.000"}, Verdict.CONTINUE, id="at the line"),
        pytest.param({"ratio": "5.001"}, Verdict.SLOW_DOWN, id="above the line"),
        pytest.param({"ratio": None}, Verdict.CONTINUE, id="a baseline of nothing"),
        pytest.param({"anomaly": WARNING}, Verdict.SLOW_DOWN, id="an anomaly"),
        pytest.param({"anomaly": CRITICAL}, Verdict.ASK_A_HUMAN, id="a critical one"),
        pytest.param({"lag": {"events": 0, "seconds": STALE_S}}, Verdict.CONTINUE, id="just fresh"),
        pytest.param(OLD, Verdict.UNKNOWN, id="stale"),
        pytest.param(OLD | {"anomaly": CRITICAL}, Verdict.ASK_A_HUMAN, id="stale, and a critical one"),
    ],
)
def test_advice_by_what_the_session_burns(changes: dict[str, Any], verdict: Verdict) -> None:
    advice = advise(CALM | changes)
    assert advice.verdict is verdict
    assert advice.reason.endswith(".")


STOPPED = {"allowed": False, "action": "stop", "reason": "It loops."}
THROTTLED = {"allowed": True, "action": "throttle", "reason": "It is dear."}
USED_UP = {"budget": "agent/acme/bot@day", "amount_usd": "5", "remaining_usd": "-0.1"}
LEFT = USED_UP | {"remaining_usd": "0.1"}


@pytest.mark.parametrize(
    ("control", "budgets", "verdict", "reason"),
    [
        pytest.param(None, [LEFT], Verdict.CONTINUE, "It burns no more than it may.", id="money is left"),
        pytest.param(
            None, [LEFT, USED_UP], Verdict.SLOW_DOWN, "The budget agent/acme/bot@day of 5 USD is used up.", id="none"
        ),
        pytest.param(THROTTLED, [], Verdict.SLOW_DOWN, "It is asked to throttle: It is dear.", id="throttled"),
        pytest.param(STOPPED, [USED_UP], Verdict.STOP, "It loops.", id="stopped"),
    ],
)
def test_advice_by_controls_and_budgets(
    control: dict[str, Any] | None, budgets: list[dict[str, Any]], verdict: Verdict, reason: str
) -> None:
    assert advise(CALM, control, budgets) == (verdict, reason)


def over(api: Caller, seen: list[str | None] | None = None) -> httpx2.MockTransport:
    """The API of the test in place of the network; notes whose authorization came."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if seen is not None:
            seen.append(request.headers.get("authorization"))
        found = api.client.get(request.url.raw_path.decode())
        return httpx2.Response(found.status_code, content=found.content, headers={"content-type": "application/json"})

    return httpx2.MockTransport(answer)


async def call(server: Any, tool: str, **arguments: Any) -> Any:
    async with Client(server) as client:
        return await client.call_tool(tool, arguments)


def told(result: Any) -> str:
    return " ".join(part.text for part in result.content)


def test_what_the_tools_say_is_what_the_api_says(api: Caller, projection: Projection) -> None:
    projection.feed(usage(session_id="s-1", input_tokens=1_000_000), usage(session_id="s-2", event_id="e-2"))
    api.until("/burn-rates/active", lambda found: found["active"] == 2)
    server = build_server(URL, None, transport=over(api))
    session = api.get("/sessions/s-1")
    spend = asyncio.run(call(server, "my_spend", session_id="s-1")).structured_content
    assert spend == {name: session[name] for name in spend}
    assert {"cost_usd", "by_model", "as_of", "unpriced"} <= set(spend)
    advice = asyncio.run(call(server, "may_i_continue", session_id="s-1")).structured_content
    assert advice["verdict"] in {"continue", "slow_down", "ask_a_human"}
    assert advice["burn_usd_per_hour"] == session["burn_usd_per_hour"]
    assert advice["baseline_usd_per_hour"] == session["baseline_usd_per_hour"]
    assert (advice["control"]["allowed"], advice["budgets"]) == (True, [])
    top = asyncio.run(call(server, "top_sessions", limit=1)).structured_content
    assert (top["active"], [row["session_id"] for row in top["sessions"]]) == (2, ["s-1"])


def test_an_agent_hears_what_people_say_of_an_anomaly(api: Caller, projection: Projection) -> None:
    notice = anomaly(0)
    projection.notice(notice)
    projection.note(acknowledged(notice, by="ada", at_ms=0, words="on it"))
    api.until("/anomalies/active", lambda found: any(row["notes"]["acknowledgement"] for row in found["rows"]))
    server = build_server(URL, None, transport=over(api))
    (found,) = asyncio.run(call(server, "open_anomalies")).structured_content["anomalies"]
    assert (found["anomaly_id"], found["notes"]["acknowledgement"]["by"]) == (notice.anomaly_id, "ada")


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        pytest.param(
            "my_spend", {"session_id": "no/such"}, "404: There is no ledger of a session 'no/such'", id="none"
        ),
        pytest.param("my_spend", {}, "session_id", id="an argument is missing"),
        pytest.param("top_sessions", {"limit": 0}, "limit", id="an argument is wrong"),
    ],
)
def test_what_goes_wrong_is_told_to_the_agent(
    api: Caller, projection: Projection, tool: str, arguments: dict[str, Any], sentence: str
) -> None:
    projection.feed(usage(session_id="s-1"))
    api.until_ready()
    result = asyncio.run(call(build_server(URL, None, transport=over(api)), tool, **arguments))
    assert result.is_error
    assert sentence in told(result)


def test_over_stdio_with_the_command() -> None:
    """Nothing but the protocol is on stdout; an API that is away is told."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "burnline", "mcp", "--api", f"http://127.0.0.1:{port}"]

    async def ask() -> None:
        async with Client(StdioServerParameters(command=sys.executable, args=command)) as client:
            tools = (await client.list_tools()).tools
            assert {tool.name for tool in tools} == TOOLS
            assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)
            result = await client.call_tool("my_spend", {"session_id": "s"})
            assert result.is_error
            assert "burnline api does not answer" in told(result)

    asyncio.run(ask())


@contextmanager
def served(app: Any) -> Iterator[str]:
    """An application on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/mcp"
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def test_over_http_each_caller_is_itself() -> None:
    seen: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("authorization"))
        assert request.url.raw_path == b"/api/v1/finops/charges/2/81204"
        return httpx2.Response(200, json={"cost_usd": "0.5"})

    server = build_server(URL, "bl_own", transport=httpx2.MockTransport(answer))

    async def ask(address: str, headers: dict[str, str]) -> Any:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30) as http,
            Client(streamable_http_client(address, http_client=http)) as client,
        ):
            return (await client.call_tool("explain_charge", {"partition": 2, "offset": 81204})).structured_content

    with served(server.streamable_http_app(stateless_http=True)) as address:
        for headers in ({"Authorization": "Bearer bl_theirs"}, {}):
            assert asyncio.run(ask(address, headers)) == {"cost_usd": "0.5"}
    assert seen == ["Bearer bl_theirs", "Bearer bl_own"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--api", "localhost:8080"], "'localhost:8080' is no http:// or https:// URL"),
        (["--transport", "http", "--host", "0.0.0.0", "--token", "bl_x"], "each caller brings its own"),  # noqa: S104
    ],
    ids=["no URL", "a token for everyone"],
)
def test_mistakes(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(cli, ["mcp", *arguments])
    assert result.exit_code == 2
    assert sentence in result.output
    assert "bl_x" not in json.dumps(result.output)
