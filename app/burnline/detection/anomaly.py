"""The anomaly notice, v1: what subscribers of the topic `anomalies` read, and its CloudEvents headers.

Record key: organisation and session id, as a JSON array. Value: `Anomaly` as JSON, complete in every revision: a
reader needs no other record.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

from burnline.detection.learned.rules import Cause
from burnline.detection.subject import AnomalyScope, Member

ANOMALY_NAMESPACE = UUID("5d0ff2a6-6c3b-5b0e-9a43-0d6a1c0f5d1e")
"""Namespace of the name-based UUIDs (RFC 9562, version 5) that identify anomalies. Never change it."""

DecimalText = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]{1,12})?$", examples=["20.7", "0.000000000001"])]
SignedDecimalText = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]{1,12})?$", examples=["-0.41", "20.7"])]
EpochMs = Annotated[int, Field(description="Unix epoch, milliseconds, event time.")]


class State(StrEnum):
    """Where an anomaly stands: `opened`, perhaps `escalated`, in the end `resolved`."""

    OPENED = "opened"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """How far above the line: `critical` is a multiple (default 3) of what makes a `warning`."""

    WARNING = "warning"
    CRITICAL = "critical"


class ResolvedBy(StrEnum):
    """What moved time on over the quiet period: newer records of the log, or the clock while none came."""

    EVENT_TIME = "event_time"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The usage event that crossed the line, by its place in Kafka and by its own id."""

    topic: str
    partition: int
    offset: int
    event_id: str


class Learned(BaseModel):
    """Why the learned rules tell of an incident: what is out of the agent's own range, and what it is made of."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    suggested: Annotated[bool, Field(description="Shown, but not sent to anybody: the learned rules only suggest.")]
    cause: Cause
    summary: Annotated[str, Field(description="What happened, in words.")]
    sessions: Annotated[list[str], Field(description="Sessions that it is made of: the first 20.")]
    usual_usd_per_hour: Annotated[
        DecimalText | None, Field(description="What an hour of the agent's other sessions costs; null if not known.")
    ]
    peak_usd_per_hour: DecimalText
    excess_usd: Annotated[DecimalText | None, Field(description="Spent above usual so far; null if not known.")]
    excess_usd_per_hour: Annotated[DecimalText | None, Field(description="Spent above usual each hour, at this rate.")]
    change_usd_per_hour: Annotated[
        dict[str, SignedDecimalText],
        Field(description="The burn less what is usual, split by cause: volume, size, model, cache, price. Exact."),
    ]
    statistic: Annotated[str, Field(description="What is out of range, such as alike_calls.")]
    ratio_to_highest: Annotated[
        float | None, Field(description="Its value over the agent's highest usual one; null if none is known.")
    ]
    learned_from: Annotated[str, Field(description="How that range came to be, in words.")]
    policy: Annotated[
        str | None,
        Field(
            description="Name of the policy that held; absent: none asked for anything.",
            exclude_if=lambda policy: policy is None,
        ),
    ] = None
    policy_version: Annotated[
        int | None,
        Field(
            description="Its version on the topic `policies`; absent: it is of a file.",
            exclude_if=lambda version: version is None,
        ),
    ] = None


class Anomaly(BaseModel):
    """One change of state of one anomaly. Revisions count 1, 2, 3 without a gap; the newest one is the truth."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    anomaly_id: Annotated[str, Field(description="Stable over the anomaly's life; the same again after a replay.")]
    revision: Annotated[int, Field(ge=1)]
    state: State
    severity: Severity
    scope: Annotated[
        AnomalyScope,
        Field(
            description="What it speaks of. A wider one names the agent and session whose event it was opened by, and "
            "all in `members`."
        ),
    ] = AnomalyScope.SESSION
    subject: Annotated[
        str | None,
        Field(
            description="Name of the team, project, organisation or root session; only where the scope is one.",
            exclude_if=lambda subject: subject is None,
        ),
    ] = None
    org_id: str
    agent_id: str
    session_id: str
    opened_at: EpochMs
    updated_at: EpochMs
    burn_usd_per_hour: Annotated[
        dict[str, DecimalText],
        Field(
            description="Burn per window, whole window, keyed by its length, such as 60s and 300s. Exact where the "
            "window divides an hour, else rounded to 12 decimals, halves to even.",
        ),
    ]
    baseline_usd_per_hour: Annotated[DecimalText, Field(description="The baseline in force at this revision.")]
    baseline_source: Annotated[str, Field(description="Key of the baseline that matched, or default.")]
    multiplier: DecimalText
    ratio: Annotated[
        DecimalText | None,
        Field(description="Short window's burn / baseline, 3 decimals, halves to even; null over a baseline of 0."),
    ]
    spend_usd: Annotated[DecimalText, Field(description="What the session has spent in all, so far.")]
    evidence: Annotated[Evidence, Field(description="The event that crossed the line of the present severity.")]
    detected_after_s: Annotated[
        int,
        Field(
            ge=0,
            description="How long after their time the log took the events that this is judged by, in whole seconds: "
            "so much later than it could be the notice comes.",
        ),
    ] = 0
    resolved_by: Annotated[ResolvedBy | None, Field(description="Only when resolved; null before.")] = None
    summary: Annotated[
        str | None,
        Field(description="What happened, in one line; absent in older notices.", exclude_if=lambda text: text is None),
    ] = None
    excess_usd_per_hour: Annotated[
        DecimalText | None,
        Field(
            description="Burn above the baseline, at least 0: what an hour at this rate costs too much. Absent in "
            "older notices, and where no usual burn is known.",
            exclude_if=lambda excess: excess is None,
        ),
    ] = None
    learned: Annotated[
        Learned | None,
        Field(
            description="Only where the learned rules tell: what it is over is the agent's usual burn, not a line.",
            exclude_if=lambda learned: learned is None,
        ),
    ] = None
    members: Annotated[
        list[Member] | None,
        Field(
            description="What a wide incident is made of: its agents, of a tree its sessions; the largest 20.",
            exclude_if=lambda members: members is None,
        ),
    ] = None


def anomaly_id(opening: Evidence, org_id: str, session_id: str) -> str:
    """The id of the anomaly that an event opens.

    A UUID (version 5) over the event's place in Kafka, the organisation and the session: a replay of the event yields
    the same id, and a later anomaly of the session, opened by another event, has another. No topic name contains a
    slash, no id a line break.
    """
    return str(uuid5(ANOMALY_NAMESPACE, f"{opening.topic}/{opening.partition}/{opening.offset}/{org_id}\n{session_id}"))


def notice_key(notice: Anomaly) -> bytes:
    """The record's key: all notices of a session stay in order in one partition."""
    return json.dumps([notice.org_id, notice.session_id], ensure_ascii=False, separators=(",", ":")).encode()


def notice_value(notice: Anomaly) -> bytes:
    """The record's value: one JSON object, the same bytes for the same notice."""
    return notice.model_dump_json().encode()


def cloudevent_headers(notice: Anomaly) -> list[tuple[str, bytes]]:
    """The record's headers: a CloudEvent 1.0 in binary mode of the Kafka protocol binding.

    `ce_source` and `ce_id` together identify the notice, for readers that may see it twice.
    """
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": f"{notice.anomaly_id}:{notice.revision}",
        "ce_source": f"/burnline/{notice.evidence.topic}",
        "ce_type": f"burnline.anomaly.{notice.state}.v1",
        "ce_time": rfc3339(notice.updated_at),
        "ce_subject": notice.session_id,
        "content-type": "application/json",
    }
    return [(name, value.encode()) for name, value in attributes.items()]


def rfc3339(epoch_ms: int) -> str:
    """A moment as RFC 3339 text in UTC with milliseconds, such as `2023-11-16T18:17:03.979Z`."""
    seconds, milliseconds = divmod(epoch_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"
