"""`burnline acl`: the table, in the words of Kafka's own tool and of Strimzi."""

import json

import pytest
import yaml
from typer.testing import CliRunner

import burnline.cli  # noqa: F401  # registers every command
from burnline.cli.root import cli
from burnline.settings import load_settings
from burnline.topics.grants import Component, grants_of


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are nobody's default."""
    monkeypatch.setenv("BURNLINE_TOPIC_PREFIX", "p.")
    monkeypatch.setenv("BURNLINE_APP_ID", "app")


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["acl", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_lines_for_kafkas_own_tool() -> None:
    lines = printed("otel", "--principal", "CN={component}").splitlines()
    begin = "kafka-acls.sh --bootstrap-server 127.0.0.1:9092 --add --allow-principal User:CN=otel"
    assert lines[0] == "# otel: burnline otel"
    assert f"{begin} --operation Describe --operation Write --topic 'p.usage'" in lines
    assert f"{begin} --operation Describe --operation Read --group 'app-otel'" in lines
    prefixed = "--transactional-id 'app-otel-' --resource-pattern-type prefixed"
    assert f"{begin} --operation Describe --operation Write {prefixed}" in lines


def test_a_user_of_strimzi_for_each_component() -> None:
    users = list(yaml.safe_load_all(printed("--format", "strimzi", "--cluster", "main")))
    assert [user["metadata"]["name"] for user in users] == [f"burnline-{each.value}" for each in Component]
    api = next(user for user in users if user["metadata"]["name"] == "burnline-publisher")
    assert api["apiVersion"] == "kafka.strimzi.io/v1"
    assert api["metadata"]["labels"] == {"strimzi.io/cluster": "main"}
    assert api["spec"]["authorization"]["acls"] == [
        {
            "resource": {"type": "topic", "name": "p.usage", "patternType": "literal"},
            "operations": ["Describe", "Write"],
            "host": "*",
        }
    ]


def test_the_whole_table_as_json() -> None:
    found = [json.loads(line) for line in printed("--format", "json").splitlines()]
    settings = load_settings(topic_prefix="p.", app_id="app")
    assert len(found) == sum(len(grants_of(each, settings)) for each in Component)
    assert {one["pattern"] for one in found} == {"literal", "prefixed"}


def test_a_component_that_there_is_not() -> None:
    result = CliRunner().invoke(cli, ["acl", "nobody"])
    assert result.exit_code == 2
    assert "nobody" in result.output
