"""Policies as the API tells them: what each asks, whom it holds for, and what of the last days it would let be told."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from burnline.api.envelope import Envelope
from burnline.detection.anomaly import Anomaly
from burnline.detection.learned.policy import ANY
from burnline.detection.policy_record import PolicyRecord, could_fire, policies_of, uses_of
from burnline.pricing.money import pico_from_text

AgentKey = tuple[str, str]
"""Organisation and agent."""


class PolicyRow(BaseModel):
    """One policy, and what it did."""

    model_config = ConfigDict(title="PolicyOutcome")

    name: Annotated[str, Field(description="What notices call it.", examples=["nights"])]
    version: Annotated[int, Field(description="Counts the changes of this name.", examples=[2])]
    org_id: Annotated[str, Field(description="Whose agents; `*`: of any organisation.", examples=["acme"])]
    agent_id: Annotated[str, Field(description="Which agent; `*`: any.", examples=["*"])]
    sensitivity: Annotated[float, Field(description="1 as tuned; above it more is found and told.", examples=[1.0])]
    minimum_spend_usd: Annotated[str, Field(description="An incident is told once it has spent so much.")]
    agent_usd_per_hour: Annotated[str | None, Field(description="What one agent's sessions together may burn.")]
    quiet: Annotated[list[str], Field(description="Hours in which nothing is told.", examples=[["22:00-06:00"]])]
    time_zone: Annotated[str, Field(description="Of these hours.", examples=["UTC"])]
    source: Annotated[str, Field(description="Who or what set it.")]
    updated_at: Annotated[int | None, Field(description="When it was set: Unix epoch, milliseconds.")]
    agents: Annotated[int, Field(description="How many agents of the last days it holds for.")]
    inert: Annotated[bool, Field(description="Whether it can tell nothing as things stand.")]
    last_could_fire: Annotated[
        str, Field(description="When and on whom it last could have told something, or why not.")
    ]
    would_tell: Annotated[int, Field(description="Incidents of the last days that it would let be told.")]
    would_hold: Annotated[int, Field(description="Those that it would hold: too cheap, or in its quiet hours.")]
    newest: Annotated[str | None, Field(description="The newest anomaly that it would let be told, by its id.")]


class PolicyReport(Envelope):
    """All policies, the most specific first: of those that fit an agent the first counts, alone."""

    days: Annotated[int, Field(description="How far it looks back.", examples=[7])]
    incidents: Annotated[int, Field(description="Incidents of the learned rules in that time that you may see.")]
    rows: list[PolicyRow]


def visible_to(records: Iterable[PolicyRecord], sees: Callable[[str], bool]) -> dict[str, PolicyRecord]:
    """Those about organisations that the caller may see, or about any; by name."""
    return {one.name: one for one in records if one.org == ANY or sees(one.org)}


def outcomes(
    records: Mapping[str, PolicyRecord], at_work: Mapping[AgentKey, int], incidents: Iterable[Anomaly]
) -> list[PolicyRow]:
    """What each policy does with what has been.

    Args:
        records: All that stand, by name.
        at_work: Agents of the last days, and when each was at work last, epoch milliseconds.
        incidents: Anomalies of the learned rules, by their newest notices, the latest opening first.

    Raises:
        ValueError: Two policies are about the same agents.
    """
    policies = policies_of(records.values())
    uses = {use.name: use for use in uses_of(policies, at_work)}
    told: dict[str, list[str]] = {name: [] for name in records}
    held = dict.fromkeys(records, 0)
    for incident in incidents:
        policy = policies.of(incident.org_id, incident.agent_id)
        if policy.name not in records:
            continue
        if policy.lets_tell(incident.updated_at, pico_from_text(incident.spend_usd)):
            told[policy.name].append(incident.anomaly_id)
        else:
            held[policy.name] += 1
    rows = []
    for policy in policies.all():
        record = records.get(policy.name)
        if record is None:
            continue
        inert, words = could_fire(record, uses.get(record.name))
        rows.append(
            PolicyRow(
                **record.model_dump(exclude={"org", "agent"}),
                org_id=record.org,
                agent_id=record.agent,
                agents=uses[record.name].agents,
                inert=inert,
                last_could_fire=words,
                would_tell=len(told[record.name]),
                would_hold=held[record.name],
                newest=next(iter(told[record.name]), None),
            )
        )
    return rows
