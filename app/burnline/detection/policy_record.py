"""Policies of the learned rules as they stand on the topic `policies`, and where each of them has counted. Pure.

Whoever applies a file gives each policy that it changes the next version; notices name the policy and its version, so
which one judged an incident can be read from the topic's history, or from the file's.
"""

from collections.abc import Iterable, Mapping
from datetime import time
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from burnline.detection.anomaly import DecimalText, rfc3339
from burnline.detection.learned.policy import ANY, Policies, Policy, Quiet
from burnline.events.keyed import mistakes
from burnline.pricing.money import pico_from_text

EVERYBODY = "everybody"
"""Name of what a file says for all agents that no policy of it is about."""
_MIDNIGHT = "24:00"


class PolicyError(ValueError):
    """A record of the topic `policies` that cannot be used; the message names its key, the field and the value."""


def _is_named(text: str) -> str:
    if not text.strip() or any(ord(each) < 32 for each in text):
        raise ValueError("has no text, or a control character")
    return text


Name = Annotated[str, Field(max_length=256), AfterValidator(_is_named)]


class PolicyFields(BaseModel):
    """What every spelling of a policy has. Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[Name, Field(description="What notices call it.")]
    org: Annotated[Name, Field(description="Whose agents; `*`: of any organisation.")] = ANY
    agent: Annotated[Name, Field(description="Which agent; `*`: any.")] = ANY
    quiet: Annotated[
        list[str], Field(description="Hours of the day in which nothing is told, such as 22:00-06:00.", max_length=24)
    ] = []
    time_zone: Annotated[str, Field(description="Of these hours, such as Europe/Berlin.")] = "UTC"

    @field_validator("quiet")
    @classmethod
    def _are_hours(cls, spans: list[str]) -> list[str]:
        for span in spans:
            _hours(span)
        return spans

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("is no time zone of the IANA database") from error
        return name

    def quiet_hours(self) -> tuple[Quiet, ...]:
        """Its quiet hours, in its zone."""
        return tuple(Quiet(*_hours(span), ZoneInfo(self.time_zone)) for span in self.quiet)


def _hours(span: str) -> tuple[time, time]:
    begin, _, end = span.partition("-")
    try:
        found = time.fromisoformat(begin.strip()), time.fromisoformat(end.strip().replace(_MIDNIGHT, "00:00"))
    except ValueError as error:
        raise ValueError(f"{span!r} is no span of hours such as 22:00-06:00") from error
    if found[0] == found[1]:
        raise ValueError(f"{span!r} is empty")
    return found


class PolicyRecord(PolicyFields):
    """Policy v1. Key: its name. A null value removes it.

    Of the policies that fit an agent the most specific one counts, alone: of org and agent, of the agent in any org, of
    the org, of any.
    """

    sensitivity: Annotated[float, Field(ge=0.25, le=4, description="1 as tuned; above it more is found and told.")] = 1
    minimum_spend_usd: Annotated[DecimalText, Field(description="An incident is told once it has spent so much.")] = "0"
    agent_usd_per_hour: Annotated[
        DecimalText | None, Field(description="What all sessions of one agent together may burn in the mean.")
    ] = None
    version: Annotated[int, Field(ge=1, description="Counts the changes of this name.")] = 1
    source: Annotated[str, Field(min_length=1, max_length=600, description="Who or what set it.")] = "manual"
    updated_at: Annotated[int | None, Field(ge=0, description="When it was set: Unix epoch, milliseconds.")] = None

    def key(self) -> str:
        """The record's key."""
        return self.name

    @classmethod
    def parse(cls, key: bytes | str | None, value: bytes | str) -> Self:
        """Read a record of the topic that is no deletion.

        Raises:
            PolicyError: It is no policy, or its key is not its name.
        """
        name = key.decode(errors="replace") if isinstance(key, bytes) else key
        try:
            record = cls.model_validate_json(value)
        except ValidationError as error:
            raise PolicyError(f"policy {name!r}: {mistakes(error)}") from error
        if name != record.name:
            raise PolicyError(f"policy {name!r}: its name is {record.name!r}, and that is its key")
        return record

    def policy(self) -> Policy:
        """As the rules take it."""
        line = self.agent_usd_per_hour
        return Policy(
            name=self.name,
            org_id=self.org,
            agent_id=self.agent,
            sensitivity=self.sensitivity,
            minimum_pico_usd=pico_from_text(self.minimum_spend_usd),
            quiet=self.quiet_hours(),
            usd_per_hour_pico=None if line is None else pico_from_text(line),
            version=self.version,
        )


def policies_of(records: Iterable[PolicyRecord]) -> Policies:
    """What the records ask together.

    Raises:
        ValueError: Two are about the same agents.
    """
    return Policies(record.policy() for record in records)


def succeeding(
    wanted: Iterable[PolicyRecord], before: Mapping[str, PolicyRecord], *, prune: bool
) -> dict[str, PolicyRecord | None]:
    """What changes when these are applied: each with its next version; None for what is removed.

    Args:
        wanted: All that are to count.
        before: What stands on the topic, by name.
        prune: Whether what is not wanted is removed.

    Raises:
        ValueError: Two of those that would count are about the same agents.
    """
    changes: dict[str, PolicyRecord | None] = {}
    for record in wanted:
        known = before.get(record.name)
        if known is None:
            changes[record.name] = record
        elif record.model_copy(update=_said_by(known)) != known:
            changes[record.name] = record.model_copy(update={"version": known.version + 1})
    if prune:
        changes |= dict.fromkeys(before.keys() - {record.name for record in wanted})
    policies_of(record for record in {**before, **changes}.values() if record is not None)
    return changes


def _said_by(known: PolicyRecord) -> dict[str, object]:
    return {"version": known.version, "source": known.source, "updated_at": known.updated_at}


class PolicyUse(msgspec.Struct, frozen=True):
    """Where a policy has counted, by the detector's word.

    Attributes:
        name, version: Which policy.
        agents: How many of the agents that were met it holds for.
        org_id, agent_id: The one of them that was at work last; empty where none was.
        at_ms: When that was, to the minute, or to the day where it is longer ago than an hour; 0: never.
    """

    name: str
    version: int
    agents: int
    org_id: str = ""
    agent_id: str = ""
    at_ms: int = 0


def uses_of(policies: Policies, at_work: Mapping[tuple[str, str], int]) -> list[PolicyUse]:
    """Where each policy with a name has counted.

    Args:
        policies: All of them.
        at_work: Agents that were met (organisation, agent), and when each was at work last, epoch milliseconds.
    """
    held: dict[str, list[tuple[int, str, str]]] = {}
    for (org_id, agent_id), at_ms in at_work.items():
        held.setdefault(policies.of(org_id, agent_id).name, []).append((at_ms, org_id, agent_id))
    found = []
    for policy in policies.all():
        of_it = held.get(policy.name, [])
        if policy.name:
            at_ms, org_id, agent_id = max(of_it, default=(0, "", ""))
            found.append(PolicyUse(policy.name, policy.version, len(of_it), org_id, agent_id, at_ms))
    return found


def could_fire(record: PolicyRecord, use: PolicyUse | None) -> tuple[bool, str]:
    """Whether a policy is inert, as far as is known; and when it last could have fired, on what, in words."""
    if record.policy().is_always_quiet():
        return True, "inert: its quiet hours cover the whole day"
    if use is None or use.version < record.version:
        return False, "not known yet: burnline detect has not said since it was set"
    if not use.agents or not use.at_ms:
        return True, "inert: it holds for no agent that was seen in the last 14 days"
    many = "1 agent" if use.agents == 1 else f"{use.agents} agents"
    return False, f"{rfc3339(use.at_ms)} on {use.org_id} / {use.agent_id}; it holds for {many}"
