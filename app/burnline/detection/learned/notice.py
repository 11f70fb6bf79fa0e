"""What an incident that the learned rules find tells its readers: one notice per change of state."""

from typing import Annotated, Literal, NamedTuple
from uuid import uuid5

from pydantic import BaseModel, ConfigDict, Field

from burnline.detection.anomaly import (
    ANOMALY_NAMESPACE,
    DecimalText,
    EpochMs,
    ResolvedBy,
    Severity,
    SignedDecimalText,
    State,
)
from burnline.detection.learned.rules import Cause


class Place(NamedTuple):
    """Where a record stands in its topic, and when the log took it (epoch milliseconds)."""

    partition: int
    offset: int
    logged_ms: int


class IncidentEvidence(BaseModel):
    """The usage event with which it went out of range, and the statistic that says so."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str
    occurred_at: EpochMs
    statistic: Annotated[str, Field(description="Name of the statistic, such as alike_calls.")]
    ratio_to_highest: Annotated[
        float | None, Field(description="Its value over the agent's highest usual one; null if none is known.")
    ]
    learned_from: Annotated[str, Field(description="How that range came to be, in words.")]
    place: Annotated[Place | None, Field(description="Where the event stands in its topic, if it does.")] = None


class Incident(BaseModel):
    """One change of state of one incident of a session, or of an agent as a whole; complete in every revision.

    Fields that an anomaly notice has too mean the same. An incident is told once, at the widest scope that explains it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    anomaly_id: Annotated[str, Field(description="Stable over the incident's life; the same again after a replay.")]
    revision: Annotated[int, Field(ge=1)]
    state: State
    severity: Severity
    scope: Literal["session", "agent"]
    org_id: str
    agent_id: str
    session_id: Annotated[str | None, Field(description="Null where the agent as a whole is meant.")]
    sessions: Annotated[list[str], Field(description="Sessions that it is made of: the first 20.")]
    opened_at: EpochMs
    updated_at: EpochMs
    cause: Cause
    summary: Annotated[str, Field(description="What happened, in words.")]
    burn_usd_per_hour: Annotated[DecimalText, Field(description="Of the session, over five minutes, dearest call out.")]
    usual_usd_per_hour: Annotated[
        DecimalText | None, Field(description="What an hour of the agent's other sessions costs; null if not known.")
    ]
    peak_usd_per_hour: DecimalText
    spend_usd: Annotated[DecimalText, Field(description="Spent since five minutes before it opened.")]
    excess_usd: Annotated[DecimalText | None, Field(description="Of that, what is above usual; null if not known.")]
    excess_usd_per_hour: Annotated[DecimalText | None, Field(description="Burn above usual: what the next hour costs.")]
    change_usd_per_hour: Annotated[
        dict[str, SignedDecimalText],
        Field(description="Burn less usual burn by volume, size, model, cache and price; empty if not known."),
    ]
    evidence: IncidentEvidence
    resolved_by: ResolvedBy | None = None
    policy: Annotated[str | None, Field(description="Name of the policy that held; null: none asked for anything.")] = (
        None
    )
    policy_version: Annotated[int | None, Field(description="Its version on its topic; null for one of a file.")] = None


def incident_id(org_id: str, agent_id: str, session_id: str, event_id: str) -> str:
    """The id of the incident that an event opens: the same again when the log is read again."""
    return str(uuid5(ANOMALY_NAMESPACE, "\n".join((org_id, agent_id, session_id, event_id))))


def notice_line(notice: Incident) -> bytes:
    """A notice as one line of JSON, with its line feed."""
    return notice.model_dump_json().encode() + b"\n"
