"""Policies as records: versions, which one counts, where each has counted, and which ones never can."""

from typing import Any

import pytest

from burnline.detection.learned.policy import Policies
from burnline.detection.policy_record import (
    PolicyError,
    PolicyRecord,
    PolicyUse,
    could_fire,
    policies_of,
    succeeding,
    uses_of,
)

AT_MS = 1_772_409_600_000


def record(name: str, **fields: Any) -> PolicyRecord:
    return PolicyRecord.model_validate({"name": name, "org": "acme", **fields})


NIGHTLY = record("nightly", agent="nightly", minimum_spend_usd="1.5", version=3, source="a.toml", updated_at=AT_MS)


def test_a_record_is_what_the_rules_take() -> None:
    kept = PolicyRecord.parse(b"nightly", NIGHTLY.model_dump_json(exclude_none=True).encode())
    assert kept == NIGHTLY
    policy = kept.policy()
    assert (policy.name, policy.version, policy.minimum_pico_usd, policy.key) == (
        "nightly", 3, 1_500_000_000_000, ("acme", "nightly"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        (b"other", NIGHTLY.model_dump_json(exclude_none=True), "its name is 'nightly'"),
        (b"a", '{"name": "a", "sensitivity": 5}', "sensitivity"),
        (b"a", '{"name": "a", "quiet": ["22:00"]}', "no span of hours"),
        (b"a", '{"name": "a", "agents": "b"}', "agents"),
        (b"a", "{", "policy 'a'"),
    ],
    ids=["another-key", "too-sensitive", "no-span", "unknown", "no-json"],
)
def test_what_is_no_record_is_refused_by_key_and_field(key: bytes, value: str, complaint: str) -> None:
    with pytest.raises(PolicyError, match=complaint):
        PolicyRecord.parse(key, value)


def test_only_what_changes_gets_a_further_version() -> None:
    before = {"nightly": NIGHTLY, "gone": record("gone", agent="gone")}
    same = NIGHTLY.model_copy(update={"version": 1, "source": "b.toml", "updated_at": AT_MS + 5})
    louder = same.model_copy(update={"minimum_spend_usd": "2"})
    assert succeeding([same], before, prune=False) == {}
    assert succeeding([louder], before, prune=False) == {"nightly": louder.model_copy(update={"version": 4})}
    assert succeeding([same], before, prune=True) == {"gone": None}
    new = record("new", agent="new")
    assert succeeding([new], before, prune=False) == {"new": new}


def test_two_about_the_same_agents_are_refused() -> None:
    with pytest.raises(ValueError, match="'nightly' and 'again' are both about"):
        succeeding([record("again", agent="nightly")], {"nightly": NIGHTLY}, prune=False)
    renamed = succeeding([record("again", agent="nightly")], {"nightly": NIGHTLY}, prune=True)
    assert renamed.keys() == {"again", "nightly"}


def test_each_says_on_which_agents_it_could_fire_and_when() -> None:
    everybody = PolicyRecord(name="everybody", sensitivity=0.8)
    policies = policies_of([NIGHTLY, record("acme"), everybody])
    at_work = {("acme", "nightly"): AT_MS, ("acme", "b"): AT_MS + 60_000, ("acme", "a"): AT_MS}
    assert uses_of(policies, at_work) == [
        PolicyUse("nightly", 3, 1, "acme", "nightly", AT_MS),
        PolicyUse("acme", 1, 2, "acme", "b", AT_MS + 60_000),
        PolicyUse("everybody", 1, 0),
    ]
    assert uses_of(Policies(), at_work) == []


@pytest.mark.parametrize(
    ("changes", "use", "inert", "said"),
    [
        ({}, PolicyUse("nightly", 3, 1, "acme", "nightly", AT_MS), False, "2026-03-02T00:00:00.000Z on acme / nightly"),
        ({}, PolicyUse("nightly", 3, 0), True, "inert: it holds for no agent"),
        ({}, PolicyUse("nightly", 2, 1, "acme", "nightly", AT_MS), False, "not known yet"),
        ({}, None, False, "not known yet"),
        ({"quiet": ["22:00-06:00", "06:00-22:00"]}, None, True, "inert: its quiet hours cover the whole day"),
        ({"quiet": ["22:00-06:00", "06:01-22:00"]}, None, False, "not known yet"),
    ],
    ids=["at-work", "of-nobody", "newer-than-what-was-said", "nothing-said", "always-quiet", "a-minute-is-left"],
)
def test_one_that_never_can_fire_is_called_inert(
    changes: dict[str, Any],
    use: PolicyUse | None,
    inert: bool,  # noqa: FBT001
    said: str,
) -> None:
    found = could_fire(NIGHTLY.model_copy(update=changes), use)
    assert found[0] is inert
    assert said in found[1]
