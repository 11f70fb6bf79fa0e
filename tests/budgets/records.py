"""Records of usage rollups, as workers write them, with what a budget is about."""

import json

from burnline.finance.days import QUARTER_MS
from burnline.pricing.money import usd_text


def record(
    pico: int, *, partition: int = 0, since: int = 0, quarter: int = 1, agent: str = "bot", team: str | None = None
) -> tuple[bytes, bytes]:
    """Key and value; the quarter of an hour by its number since 1970."""
    key = [partition, since, quarter * QUARTER_MS, "acme", agent, team, None, "openai", "gpt-4o", "llm"]
    value = {
        "source_partition": partition,
        "quarter_start_ms": quarter * QUARTER_MS,
        "org_id": "acme",
        "agent_id": agent,
        "team_id": team,
        "project_code": None,
        "cost_usd": usd_text(pico),
        "what is new": [1, {}],
    }
    return json.dumps(key).encode(), json.dumps(value).encode()
