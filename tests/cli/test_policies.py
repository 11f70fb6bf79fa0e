"""`burnline policies` over files of its own."""

import json
import time
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from burnline.cli.root import cli
from burnline.detection.policy_record import PolicyRecord, PolicyUse
from burnline.detector.state import POLICIES_KEY
from burnline.kafka import client_config
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest, write_key
from burnline.topics.ensure import ensure_topics
from tests.brokers import MakeSettings
from tests.cli.reach import reach

FILE = """
sensitivity = 1.2

[[policy]]
name = "acme"
org = "acme"
minimum_spend_usd = 0.25

[[policy]]
name = "nightly jobs"
org = "acme"
agent = "nightly"
sensitivity = 0.6
minimum_spend_usd = 1.5
agent_usd_per_hour = 12.5
quiet = ["22:00-24:00", "00:00-06:00"]
time_zone = "Europe/Berlin"
"""


def run(tmp_path: Path, command: str, *more: str, text: str = FILE) -> Result:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(cli, ["policies", command, str(path), *more])


def test_show_prints_the_most_specific_ones_first(tmp_path: Path) -> None:
    result = run(tmp_path, "show", "--json")
    assert result.exit_code == 0, result.output
    nightly, acme, others = json.loads(result.output)
    assert nightly == {
        "name": "nightly jobs", "version": None, "org": "acme", "agent": "nightly", "sensitivity": 0.6,
        "minimum_spend_usd": "1.5", "agent_usd_per_hour": "12.5",
        "quiet": ["22:00-00:00 Europe/Berlin", "00:00-06:00 Europe/Berlin"],
    }  # fmt: skip
    assert (acme["name"], acme["sensitivity"], acme["minimum_spend_usd"]) == ("acme", 1.2, "0.25")
    assert (others["name"], others["org"], others["sensitivity"]) == ("", "*", 1.2)
    table = run(tmp_path, "show").output
    assert table.index("nightly jobs") < table.index("0.25") < table.index("(everybody else)")


@pytest.mark.parametrize(
    ("options", "exit_code", "said"),
    [
        (["acme", "nightly", "--at", "2026-03-02T12:00:00Z", "--spend", "1.5"], 0, "'nightly jobs'"),
        (["acme", "nightly", "--at", "2026-03-02T12:00:00Z", "--spend", "1.49"], 1, "told from 1.5 USD on"),
        (["acme", "nightly", "--at", "2026-03-02T21:30:00Z", "--spend", "9"], 1, "22:00-00:00 Europe/Berlin"),
        (["acme", "other", "--spend", "0.25"], 0, "'acme'"),
        (["initech", "other", "--spend", "0"], 0, "no policy of its own"),
        (["acme", "other", "--spend", "much"], 2, "much"),
    ],
    ids=["told", "below-its-minimum", "quiet", "of-the-org", "nobodys", "no-amount"],
)
def test_test_says_which_one_holds_and_whether_it_would_be_told(
    tmp_path: Path, options: list[str], exit_code: int, said: str
) -> None:
    result = run(tmp_path, "test", *options)
    assert result.exit_code == exit_code, result.output
    assert said in result.output


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sensitivity = true", "sensitivity=True: is no number"),
        ("[[policy]]\norg = 'a'", "policy.0.name"),
        ("[[policy]]\nname = 'a'\nagents = 'b'", "policy.0.agents=b"),
        ("[[policy]]\nname = ''", "policy.0.name=: has no text"),
        ("[[policy]]\nname = 'a'\nminimum_spend_usd = -1", "policy.0.minimum_spend_usd=-1"),
        ("[[policy]]\nname = 'a'\nagent_usd_per_hour = 0", "policy.0.agent_usd_per_hour=0"),
        ("[[policy]]\nname = 'a'\nquiet = ['22:00']", "'22:00' is no span of hours such as 22:00-06:00"),
        ("[[policy]]\nname = 'a'\nquiet = ['06:00-06:00']", "'06:00-06:00' is empty"),
        ("[[policy]]\nname = 'a'\ntime_zone = 'Mars/Base'", "time_zone=Mars/Base: is no time zone"),
        ("[[policy]]\nname = 'a'\n[[policy]]\nname = 'b'", "'a' and 'b' are both about any agent of any org"),
        ("[[policy]", "policy.toml"),
    ],
    ids=[
        "no-number", "no-name", "unknown", "empty-name", "negative", "no-line", "no-span", "empty-span", "zone",
        "twice", "no-toml",
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_field_and_value(tmp_path: Path, text: str, complaint: str) -> None:
    result = run(tmp_path, "show", text=text)
    assert result.exit_code == 2
    assert complaint in " ".join(result.output.split())


@pytest.mark.broker
def test_what_is_applied_is_published_with_versions_and_listed(
    tmp_path: Path, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(partitions=2)
    reach(settings, monkeypatch)
    ensure_topics(settings)

    def held() -> dict[str, int]:
        newest = read_newest(client_config(settings), topics_for(settings).policies, timeout_s=30)
        return {key.decode(): PolicyRecord.parse(key, value).version for key, value in newest.items()}

    def until_held(wanted: dict[str, int]) -> None:
        deadline = time.monotonic() + 30
        while held() != wanted:
            assert time.monotonic() < deadline, held()
            time.sleep(0.05)

    assert "3 to change. Nothing is written." in run(tmp_path, "apply", "--dry-run").output
    assert held() == {}
    assert "add nightly jobs, version 1" in run(tmp_path, "apply").output
    until_held({"acme": 1, "nightly jobs": 1, "everybody": 1})
    louder = FILE.replace("minimum_spend_usd = 1.5", "minimum_spend_usd = 2").replace("sensitivity = 1.2\n", "")
    changed = run(tmp_path, "apply", "--prune", "--json", text=louder).output.splitlines()
    assert [(each["name"], each["what"], each["version"]) for each in map(json.loads, changed)] == [
        ("acme", "change", 2),
        ("everybody", "remove", None),
        ("nightly jobs", "change", 2),
    ]
    until_held({"acme": 2, "nightly jobs": 2})
    used = msgspec.json.encode([PolicyUse("acme", 2, 3, "acme", "chat", 1_772_409_600_000), PolicyUse("gone", 1, 0)])
    write_key(client_config(settings), topics_for(settings).detection, POLICIES_KEY.decode(), used, timeout_s=30)
    listed = json.loads(CliRunner().invoke(cli, ["policies", "list", "--json"]).stdout)
    assert [(each["name"], each["version"], each["inert"], each["last_could_fire"]) for each in listed] == [
        ("nightly jobs", 2, False, "not known yet: burnline detect has not said since it was set"),
        ("acme", 2, False, "2026-03-02T00:00:00.000Z on acme / chat; it holds for 3 agents"),
    ]
    shown = json.loads(CliRunner().invoke(cli, ["policies", "show", "--json"]).stdout)
    assert [(each["name"], each["version"]) for each in shown] == [("nightly jobs", 2), ("acme", 2), ("", None)]
    told = CliRunner().invoke(cli, ["policies", "test", "acme", "nightly", "--spend", "1.99"])
    assert (told.exit_code, "told from 2 USD on" in told.output) == (1, True)


@pytest.mark.parametrize("given", [["acme"], ["a", "b", "c", "d"]], ids=["too-few", "too-many"])
def test_test_wants_an_organisation_and_an_agent(given: list[str]) -> None:
    result = CliRunner().invoke(cli, ["policies", "test", *given])
    assert result.exit_code == 2
    assert "ORG and AGENT are wanted" in " ".join(result.output.split())
