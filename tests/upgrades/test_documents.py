"""What differs between two versions' documents is named, and what breaks programs is told apart."""

import copy
from typing import Any

import pytest

from burnline import asyncapi
from burnline.settings import load_settings
from burnline.upgrades.documents import Change, NoDocument, changes, version_of


def document() -> dict[str, Any]:
    return copy.deepcopy(asyncapi.document(load_settings()))


def usage(one: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = one["components"]["schemas"]["usage"]
    return found


def test_a_version_does_not_differ_from_itself() -> None:
    assert changes(document(), document()) == []
    assert version_of(document()) == "0.1.0"


def test_a_topic_that_is_new_or_used_no_longer() -> None:
    running, installed = document(), document()
    del running["channels"]["controls"]
    assert changes(running, installed) == [Change("topic finops.controls", "is new", breaks=False)]
    assert changes(installed, running) == [Change("topic finops.controls", "is used no longer", breaks=True)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            lambda binding: binding.update(partitions=8),
            Change("topic finops.usage", "partitions: 4 → 8", breaks=True), id="partitions",
        ),
        pytest.param(
            lambda binding: binding["topicConfiguration"].update({"retention.ms": 1}),
            Change("topic finops.usage", "retention.ms: 604800000 → 1", breaks=False), id="retention",
        ),
        pytest.param(
            lambda binding: binding["topicConfiguration"].pop("retention.ms"),
            Change("topic finops.usage", "retention.ms: 604800000 → not set", breaks=False), id="retention not set",
        ),
    ],
)  # fmt: skip
def test_how_a_topic_is_kept(change: Any, expected: Change) -> None:
    installed = document()
    change(installed["channels"]["usage"]["bindings"]["kafka"])
    assert changes(document(), installed) == [expected]


def test_a_topic_of_another_name() -> None:
    installed = asyncapi.document(load_settings(topic_prefix="green."))
    assert Change("topic green.usage", "was called finops.usage", breaks=True) in changes(document(), installed)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            lambda one: one["properties"].update(colour={"type": "string"}),
            Change("contract usage: colour", "is new", breaks=False), id="a new field",
        ),
        pytest.param(
            lambda one: (one["properties"].update(colour={"type": "string"}), one["required"].append("colour")),
            Change("contract usage: colour", "is new, and must be there", breaks=True), id="a new one that must be",
        ),
        pytest.param(
            lambda one: one["required"].append("team_id"),
            Change("contract usage: team_id", "must be there", breaks=True), id="one that must be there",
        ),
        pytest.param(
            lambda one: one["properties"].pop("team_id"),
            Change("contract usage: team_id", "is gone", breaks=True), id="one that is gone",
        ),
        pytest.param(
            lambda one: one["properties"]["model"].update(type="integer"),
            Change("contract usage: model", "type: string → integer", breaks=True), id="another type",
        ),
        pytest.param(
            lambda one: one["properties"]["model"].update(description="Another."), None, id="other words",
        ),
    ],
)  # fmt: skip
def test_how_a_contract_changes(change: Any, expected: Change | None) -> None:
    installed = document()
    usage(installed)["properties"]["model"] = usage(installed)["properties"]["model"] | {"type": "string"}
    running = copy.deepcopy(installed)
    change(usage(installed))
    assert changes(running, installed) == ([] if expected is None else [expected])


def test_one_more_value_breaks_nothing_and_one_less_does() -> None:
    running, installed = document(), document()
    usage(running)["properties"]["kind"] = {"enum": ["a"]}
    usage(installed)["properties"]["kind"] = {"enum": ["a", "b"]}
    assert changes(running, installed) == [Change("contract usage: kind", "enum takes b, too", breaks=False)]
    assert changes(installed, running) == [Change("contract usage: kind", "enum: a,b → a", breaks=True)]


@pytest.mark.parametrize(
    ("other", "lacks"), [({}, "channels"), ({"channels": {}}, "components")], ids=["empty", "without components"]
)
def test_what_is_no_document_is_said(other: dict[str, Any], lacks: str) -> None:
    with pytest.raises(NoDocument, match=f"^{lacks} is not there"):
        changes(other, document())
    with pytest.raises(NoDocument, match=r"^info is not there"):
        version_of(other)
