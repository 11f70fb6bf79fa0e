"""The dashboards are what their generator writes, and no panel is empty over what real processes say."""

import json
import os
import re
import runpy
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from typer.testing import CliRunner

from burnline.cli.root import cli
from burnline.embedded.ports import LOOPBACK, free_ports
from burnline.settings import ENV_PREFIX
from burnline.topics.ensure import ensure_topics
from tests.brokers import MakeSettings
from tests.deploy.files import DEPLOY, loaded, services

GRAFANA = DEPLOY / "grafana"
GENERATOR = GRAFANA / "generate.py"
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.name: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").iterdir())
}
PANELS = [panel for board in DASHBOARDS.values() for panel in board["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
VARIABLES = re.compile(r"\$(\w+)")
WITHIN_S = 90.0


def test_the_files_are_what_the_generator_writes() -> None:
    written: dict[str, str] = runpy.run_path(str(GENERATOR))["dashboards"]()
    assert {name: (GRAFANA / "dashboards" / name).read_text() for name in DASHBOARDS} == written


def test_check_names_a_file_that_differs(tmp_path: Path) -> None:
    copy = tmp_path / GENERATOR.name
    copy.write_bytes(GENERATOR.read_bytes())
    stale = subprocess.run([sys.executable, str(copy), "--check"], capture_output=True, text=True, check=False)
    assert stale.returncode == 1
    assert "spend.json" in stale.stdout
    subprocess.run([sys.executable, str(copy)], check=True)
    subprocess.run([sys.executable, str(copy), "--check"], check=True)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    refs = [target["refId"] for target in panel["targets"]]
    assert refs == sorted(set(refs))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_asks_the_source_that_is_provisioned_and_defines_its_variables(name: str) -> None:
    (source,) = loaded(GRAFANA / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    text = json.dumps(DASHBOARDS[name])
    assert set(re.findall(r'"uid": "(burnline-prometheus)"', text)) == {source["uid"]}
    defined = {one["name"] for one in DASHBOARDS[name].get("templating", {}).get("list", [])}
    asked = {
        variable
        for panel in DASHBOARDS[name]["panels"]
        for target in panel.get("targets", [])
        for variable in VARIABLES.findall(target["expr"])
    }
    assert asked == defined


def test_compose_mounts_what_grafana_reads() -> None:
    (provider,) = loaded(GRAFANA / "provisioning" / "dashboards" / "burnline.yml")["providers"]
    mounts = dict(volume.split(":")[:2] for volume in services()["grafana"]["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    (source,) = loaded(GRAFANA / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    assert urllib.parse.urlsplit(source["url"]).hostname in services()


def _event(number: int, **fields: object) -> bytes:
    event = {
        "event_id": f"e-{number}", "occurred_at": time.time_ns() // 1_000_000, "org_id": "acme", "agent_id": "coder",
        "session_id": "s-1", "model": "gpt-4o", "input_tokens": 100_000, "output_tokens": 50_000,
        "cached_input_tokens": 10_000,
    }  # fmt: skip
    return json.dumps(event | fields).encode()


def _some_of_each() -> list[bytes]:
    """Events after which every counter of a dashboard has grown, and one session is above its line."""
    long_ago = time.time_ns() // 1_000_000 - 3_600_000
    none = {"input_tokens": 0, "output_tokens": 0, "cached_input_tokens": 0}
    return [
        *(_event(number) for number in range(20)),
        _event(20, kind="run", run_id="r-1", **none),
        _event(21, kind="tool_call", tool_name="grep", **none),
        _event(22, kind="embedding", model="text-embedding-3-small", output_tokens=0, cached_input_tokens=0),
        _event(23, model="no-such-model"),
        _event(24, occurred_at=long_ago, session_id="s-2"),
        b'{"event_id": broken',
    ]


@pytest.fixture
def prometheus(make_settings: MakeSettings, redis_url: str, tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus that scrapes a worker, a projector, a detector and an API, with our rules."""
    worker, projector, detector, api, own = free_ports(5)
    settings = make_settings(redis_url=redis_url)
    ensure_topics(settings)
    given = {
        "kafka_bootstrap_servers": settings.kafka_bootstrap_servers, "topic_prefix": settings.topic_prefix,
        "app_id": settings.app_id, "redis_url": redis_url, "flush_interval_ms": 100, "metrics_port": worker,
        "projector_metrics_port": projector, "detect_metrics_port": detector, "api_port": api,
    }  # fmt: skip
    environment = os.environ | {ENV_PREFIX + name.upper(): str(value) for name, value in given.items()}
    jobs = {"burnline": worker, "burnline-projector": projector, "burnline-detect": detector, "burnline-api": api}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "prometheus" / name) for name in ("alerts.yml", "records.yml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"{LOOPBACK}:{port}"]}]} for job, port in jobs.items()
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    server = [
        "prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={LOOPBACK}:{own}",
    ]  # fmt: skip
    commands = [[sys.executable, "-m", "burnline", name] for name in ("worker", "projector", "detect", "api")]
    with ExitStack() as stack, (tmp_path / "log").open("wb") as log:
        for command in (*commands, server):
            process = stack.enter_context(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            stack.callback(process.kill)
        (tmp_path / "events.jsonl").write_bytes(b"\n".join(_some_of_each()) + b"\n")
        names = {name: value for name, value in environment.items() if name.startswith(ENV_PREFIX)}
        published = CliRunner(env=names).invoke(cli, ["publish", str(tmp_path / "events.jsonl"), "--as-is"])
        assert published.exit_code == 0, published.output
        yield f"http://{LOOPBACK}:{own}"


@pytest.mark.needs_tool("prometheus")
@pytest.mark.timeout(240)
def test_no_panel_is_empty(prometheus: str) -> None:
    empty = EXPRESSIONS
    deadline_s = time.monotonic() + WITHIN_S
    while empty:
        assert time.monotonic() < deadline_s, f"nothing in {empty}"
        time.sleep(1.0)
        empty = [expression for expression in empty if not _answers(prometheus, expression)]
    (burn,) = httpx2.get(f"{prometheus}/api/v1/query", params={"query": "sum(burnline_cost_usd_total)"}).json()["data"][
        "result"
    ]
    assert float(burn["value"][1]) > 1.0


def _answers(prometheus: str, expression: str) -> bool:
    query = VARIABLES.sub(".*", expression)  # as with "All" chosen
    try:
        answer = httpx2.get(f"{prometheus}/api/v1/query", params={"query": query})
    except httpx2.TransportError:  # it starts
        return False
    if answer.status_code == 503:
        return False
    assert answer.status_code == 200, f"{query}: {answer.text}"
    return bool(answer.json()["data"]["result"])
