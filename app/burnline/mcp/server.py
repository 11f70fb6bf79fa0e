"""The tools: what a session has spent, whether it may go on, what a charge is made of, and who burns most.

They only read, and only what the token of whoever asks may see: over HTTP each caller's `Authorization` goes on to the
API as it came; over stdio the token is the command's.
"""

from typing import Annotated, Any

import httpx2
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from burnline import __version__
from burnline.mcp.advice import advise
from burnline.mcp.api import Api, ApiRefused

INSTRUCTIONS = """Burnline knows what AI agents spend, by session, while they spend it. Ask may_i_continue before a long
or expensive step, with the id of your own session. Amounts are USD as decimal text. as_of says up to when the answer
holds."""

_READ_ONLY = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
_SPEND = (
    "session_id", "org_id", "agent_id", "cost_usd", "events", "input_tokens", "output_tokens", "cached_input_tokens",
    "cache_savings_usd", "unpriced_tokens", "first_event_at", "last_event_at", "by_model", "as_of", "lag", "unpriced",
)  # fmt: skip
_BURN = (
    "session_id", "org_id", "agent_id", "burn_usd_per_hour", "baseline_usd_per_hour", "baseline_source", "multiplier",
    "ratio", "cost_usd", "anomaly", "as_of", "lag",
)  # fmt: skip
_ANOMALY = (
    "anomaly_id", "state", "severity", "scope", "org_id", "agent_id", "session_id", "opened_at", "updated_at",
    "burn_usd_per_hour", "baseline_usd_per_hour", "ratio", "spend_usd", "notes",
)  # fmt: skip
_CONTROL = ("allowed", "action", "would", "reason", "expires_at")
_BUDGET = ("budget", "amount_usd", "spent_usd", "remaining_usd", "saturation", "period_end", "exhausted_at")
_ROW = (
    "session_id", "org_id", "agent_id", "burn_usd_per_hour", "baseline_usd_per_hour", "ratio", "spend_usd", "anomaly",
    "last_event_at",
)  # fmt: skip

SessionId = Annotated[str, Field(min_length=1, max_length=256, description="The session's id, as its events have it.")]
OrgId = Annotated[str | None, Field(description="Its organisation, where several have a session of this id.")]


def build_server(api_url: str, token: str | None, *, transport: httpx2.AsyncBaseTransport | None = None) -> MCPServer:
    """The server with its tools, unstarted.

    Args:
        api_url: Where `burnline api` answers.
        token: For callers without one of their own; None: they need one, unless the API lets anyone in.
        transport: Stands in for the network, in tests.
    """
    client = httpx2.AsyncClient(base_url=api_url, transport=transport)
    api = Api(client, token)

    server = MCPServer(
        "burnline", title="Burnline", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING",
    )  # fmt: skip
    _add_tools(server, api)
    return server


def _add_tools(server: MCPServer, api: Api) -> None:
    async def ask(context: Context, *path: str, **params: str | int | None) -> Any:
        try:
            return await api.get((context.headers or {}).get("authorization"), *path, **params)
        except ApiRefused as error:
            raise ToolError(str(error)) from error

    @server.tool(title="What has my session spent?", annotations=_READ_ONLY)
    async def my_spend(session_id: SessionId, context: Context, org_id: OrgId = None) -> dict[str, Any]:
        """What one session has spent so far, in USD and tokens, by model, with what could not be priced."""
        found = await ask(context, "sessions", session_id, org_id=org_id)
        return {name: found[name] for name in _SPEND}

    @server.tool(title="May my session go on?", annotations=_READ_ONLY)
    async def may_i_continue(session_id: SessionId, context: Context, org_id: OrgId = None) -> dict[str, Any]:
        """Whether a session should go on: continue, slow_down, ask_a_human, stop or unknown, and why.

        With its burn over each window, its baseline, the anomaly that is open, if one is, the control in force, and
        what is left of the budgets of its agent and its organisation.
        """
        found = await ask(context, "sessions", session_id, org_id=org_id)
        org, agent = found["org_id"], found["agent_id"]
        control = await ask(context, "controls", session_id, org_id=org, agent_id=agent)
        stand = [
            await ask(context, "budgets", scope="agent", org_id=org, name=agent),
            await ask(context, "budgets", scope="org", org_id=org),
        ]
        budgets = [row for answer in stand for row in answer["rows"]]
        advice = advise(found, control, budgets)
        return {
            "verdict": advice.verdict.value,
            "reason": advice.reason,
            "control": {name: control[name] for name in _CONTROL},
            "budgets": [{name: row[name] for name in _BUDGET} for row in budgets],
            **{name: found[name] for name in _BURN},
        }

    @server.tool(title="What is this charge made of?", annotations=_READ_ONLY)
    async def explain_charge(
        partition: Annotated[int, Field(ge=0, description="Partition of the usage topic.")],
        offset: Annotated[int, Field(ge=0, description="Offset of the event there.")],
        context: Context,
    ) -> dict[str, Any]:
        """One event to the last digit: its disjoint token parts, the rate of each and why, and whether it counts."""
        answer: dict[str, Any] = await ask(context, "charges", str(partition), str(offset))
        return answer

    @server.tool(title="Which sessions burn most?", annotations=_READ_ONLY)
    async def top_sessions(
        context: Context,
        limit: Annotated[int, Field(ge=1, le=100, description="How many.")] = 10,
        org_id: Annotated[str | None, Field(description="Only of this organisation.")] = None,
        agent_id: Annotated[str | None, Field(description="Only of this agent.")] = None,
    ) -> dict[str, Any]:
        """The sessions that burn most right now, greatest first, each against its baseline."""
        found = await ask(context, "burn-rates", "active", limit=limit, org_id=org_id, agent_id=agent_id)
        rows = [{name: row[name] for name in _ROW} for row in found["rows"]]
        return {"as_of": found["as_of"], "lag": found["lag"], "active": found["active"], "sessions": rows}

    @server.tool(title="Which anomalies are open?", annotations=_READ_ONLY)
    async def open_anomalies(
        context: Context,
        limit: Annotated[int, Field(ge=1, le=100, description="How many.")] = 10,
        org_id: Annotated[str | None, Field(description="Only of this organisation.")] = None,
        agent_id: Annotated[str | None, Field(description="Only of this agent.")] = None,
    ) -> dict[str, Any]:
        """Anomalies that are open, critical ones first, each with what people say of it.

        notes has who acknowledged it, until when it is silenced, and whether somebody judged it true, false or planned.
        """
        found = await ask(context, "anomalies", "active", limit=limit, org_id=org_id, agent_id=agent_id)
        rows = [{name: row[name] for name in _ANOMALY} for row in found["rows"]]
        return {"as_of": found["as_of"], "lag": found["lag"], "anomalies": rows}
