"""Which topics a backup holds: what people have set, and with `state` what was counted."""

from typing import Final

from burnline.topics.catalogue import Topics, TopicSpec

STATE: Final = ("sessions", "rollups", "usage_rollups", "event_ids", "adjustments", "progress")
"""What was counted, and what was made of it, all of one moment; progress comes last, as it speaks for the others."""
LEFT_OUT: Final = ("detection", "budget_progress")
"""Where `detect` and `budgets run` are in other topics, by their offsets: it says nothing about restored ones, and is
found anew."""


def roles(topics: Topics, *, state: bool) -> list[str]:
    """The topics of a backup by their roles, in the order in which they are written and restored.

    Every compacted topic that is neither state nor left out holds what people have set: a new one is in by itself.
    """
    told = [
        role
        for role, spec in topics._asdict().items()
        if "compact" in spec.config["cleanup.policy"] and role not in STATE + LEFT_OUT
    ]
    return [*told, *(STATE if state else ())]


def spec_of(topics: Topics, role: str) -> TopicSpec:
    """The topic of a role."""
    found: TopicSpec = getattr(topics, role)
    return found
