"""`burnline notify preview`: what each kind of sink would be told, without a secret and without sending anything."""

from pathlib import Path

import pytest

from burnline.notify.messages import made_up
from tests.cli.reach import run

SINKS = """
link = "https://burn.example"
[[sinks]]
name = "am"
kind = "alertmanager"
url = "http://alertmanager:9093"
[[sinks]]
name = "hook"
kind = "webhook"
url = "https://hooks.example/burn"
secret = { env = "NOT_THERE" }
[[sinks]]
name = "pager"
kind = "pagerduty"
routing_key = { env = "NOT_THERE" }
[[sinks]]
name = "slack"
kind = "slack"
channel = "C1"
token = { env = "NOT_THERE" }
title = "{{ notice.state }}!"
[[sinks]]
name = "mail"
kind = "email"
host = "mail.example"
from = "burn@x.example"
to = ["ada@x.example"]
"""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("am", '"alertname": "BurnlineAnomaly"'),
        ("hook", "ce-type: burnline.anomaly.escalated.v1"),
        ("pager", '"routing_key": "(secret)"'),
        ("slack", "escalated!\n\nburnline-test / made-up"),
        ("mail", "In-Reply-To: <made-up.1@burnline.invalid>"),
    ],
)
def test_what_a_sink_would_be_told(tmp_path: Path, name: str, shown: str) -> None:
    path = tmp_path / "sinks.toml"
    path.write_text(SINKS, encoding="utf-8")
    assert shown in run("notify", "preview", name, "--sinks", str(path), "--state", "escalated").stdout


def test_of_a_notice_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "sinks.toml").write_text(SINKS, encoding="utf-8")
    notice = tmp_path / "notice.jsonl"
    own = made_up("opened", "warning", 1, 0, "made-up").model_copy(update={"agent_id": "my-agent"})  # type: ignore[arg-type]  # as text
    notice.write_text(own.model_dump_json() + "\n", encoding="utf-8")
    options = ["--sinks", str(tmp_path / "sinks.toml"), "--notice", str(notice)]
    assert "my-agent" in run("notify", "preview", "slack", *options).stdout
    notice.write_text("{}", encoding="utf-8")
    assert "no anomaly notice" in run("notify", "preview", "slack", *options, code=2).stderr
