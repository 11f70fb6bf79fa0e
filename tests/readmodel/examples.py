"""Records as the worker writes them, for the tests of this room."""

import json
from typing import Any

import msgspec

from burnline.ledger.progress import Progress
from burnline.ledger.record import LedgerRecord, ModelRecord
from burnline.ledger.usage_record import UsageRollupRecord
from burnline.readmodel.batch import Record, Role

T0 = 1_760_000_400_000
"""A quarter of an hour begins."""
DAY = "2025-10-09"
"""Its day."""
WRITTEN_MS = 4_000_000_000_000
"""When records are appended, for those that must not expire."""

_MODEL = ModelRecord(1, 100, 20, 10, 5, 3, 0, "0.41", "0.01", "0")


def ledger(session_id: str = "s-1", partition: int = 0, **changes: Any) -> bytes:
    """A record of `sessions`."""
    fields: dict[str, Any] = {
        **msgspec.structs.asdict(_MODEL),
        "version": 1,
        "session_id": session_id,
        "org_id": "acme",
        "agent_id": "agent-7",
        "source_partition": partition,
        "last_offset": 7,
        "first_event_at": T0,
        "last_event_at": T0 + 1,
        "runs": 1,
        "tool_calls": 2,
        "by_model": {"gpt-4o": _MODEL},
        "slices": [(T0 // 10_000, 410_000_000_000)],
        "recent_event_ids": "AAECAwQFBgc=",
        **changes,
    }
    return msgspec.json.encode(LedgerRecord(**fields))


def rollup(**changes: Any) -> tuple[bytes, bytes]:
    """A record of `usage-rollups`: key and value."""
    zeros = dict.fromkeys(UsageRollupRecord.__struct_fields__, 0)
    amounts = {name: "0" for name in zeros if name.endswith("_usd")}
    fields: dict[str, Any] = {
        **zeros,
        **amounts,
        "version": 1,
        "source_partition": 0,
        "since_offset": 3,
        "last_offset": 9,
        "quarter_start_ms": T0,
        "org_id": "acme",
        "agent_id": "agent-7",
        "team_id": None,
        "project_code": "apollo",
        "provider": "openai",
        "model": "gpt-4o",
        "kind": "llm",
        "events": 1,
        "input_tokens": 100,
        "input_cost_usd": "0.41",
        "cost_usd": "0.41",
        **changes,
    }
    row = UsageRollupRecord(**fields)
    key = (
        row.source_partition, row.since_offset, row.quarter_start_ms, row.org_id, row.agent_id, row.team_id,
        row.project_code, row.provider, row.model, row.kind,
    )  # fmt: skip
    return msgspec.json.encode(key), msgspec.json.encode(row)


def notice(anomaly_id: str = "a-1", revision: int = 1, state: str = "opened", **changes: Any) -> bytes:
    """A record of `anomalies`."""
    fields: dict[str, Any] = {
        "anomaly_id": anomaly_id,
        "revision": revision,
        "state": state,
        "severity": "warning",
        "scope": "session",
        "org_id": "acme",
        "agent_id": "agent-7",
        "session_id": "s-1",
        "opened_at": T0,
        "updated_at": T0 + revision,
        "burn_usd_per_hour": {"60s": "20.7", "300s": "9"},
        "baseline_usd_per_hour": "1",
        "baseline_source": "default",
        "multiplier": "5",
        "ratio": "20.7",
        "spend_usd": "0.41",
        "evidence": {"topic": "finops.usage", "partition": 0, "offset": 7, "event_id": "e-7"},
        "resolved_by": None,
        **changes,
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def baseline(org_id: str = "acme", agent_id: str = "agent-7", usd_per_hour: str = "2.5") -> bytes:
    """A record of `baselines`."""
    return json.dumps({"org_id": org_id, "agent_id": agent_id, "usd_per_hour": usd_per_hour}).encode()


def anomaly_note(anomaly_id: str = "a-1", kind: str = "acknowledgement", **changes: Any) -> bytes:
    """A record of `anomaly-notes`."""
    own: dict[str, dict[str, Any]] = {
        "acknowledgement": {"severity": "warning"},
        "silence": {"until": T0},
        "feedback": {"verdict": "false"},
    }
    who = {"anomaly_id": anomaly_id, "kind": kind, "org_id": "acme", "agent_id": "agent-7"}
    return json.dumps({**who, "by": "somebody", "at": T0, "revision": 1, **own[kind], **changes}).encode()


def budget(org_id: str = "acme", amount_usd: str = "500") -> bytes:
    """A record of `budgets`, key `org/acme@month`."""
    return json.dumps({"scope": "org", "org_id": org_id, "amount_usd": amount_usd}).encode()


def control(org_id: str = "acme", action: str = "stop") -> bytes:
    """A record of `controls`, key `org/acme`."""
    return json.dumps({"scope": "org", "org_id": org_id, "action": action, "reason": "It loops."}).encode()


def valuation_rate(model: str = "gpt-4o", usd: str = "2.5") -> bytes:
    """A record of `valuation-rates`, key `acme-ai/<model>@0`."""
    rate = {"provider": "acme-ai", "model": model, "effective_from": 0}
    prices = {"input_usd_per_million_tokens": usd, "output_usd_per_million_tokens": usd}
    return json.dumps(rate | prices).encode()


def progress(partition: int = 0, next_offset: int = 8) -> bytes:
    """A record of `progress`."""
    return Progress(1, "finops.usage", partition, next_offset, T0, T0 + 5).encode()


_NAMES = {
    Role.SESSIONS: "finops.sessions",
    Role.USAGE_ROLLUPS: "finops.usage-rollups",
    Role.ANOMALIES: "finops.anomalies",
    Role.BASELINES: "finops.baselines",
    Role.BUDGETS: "finops.budgets",
    Role.CONTROLS: "finops.controls",
    Role.VALUATION_RATES: "finops.valuation-rates",
    Role.CATALOGUES: "finops.catalogues",
    Role.PROGRESS: "finops.progress",
    Role.ANOMALY_NOTES: "finops.anomaly-notes",
}


def record(
    role: Role, key: bytes | str, value: bytes | None, *, partition: int = 0, offset: int = 0, at_ms: int = WRITTEN_MS
) -> Record:
    """A record as the projector reads it."""
    return Record(role, _NAMES[role], partition, offset, at_ms, key.encode() if isinstance(key, str) else key, value)
