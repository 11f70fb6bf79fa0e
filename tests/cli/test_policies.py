"""`burnline policies` over files of its own."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from burnline.cli.root import cli

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
        "name": "nightly jobs", "org": "acme", "agent": "nightly", "sensitivity": 0.6, "minimum_spend_usd": "1.5",
        "agent_usd_per_hour": "12.5",
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
