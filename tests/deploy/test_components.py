"""Every process of the table has its place in each way of deployment: a new one cannot be forgotten."""

import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import burnline.cli  # noqa: F401  # registers every command
from burnline.cli.root import cli
from burnline.components import COMPONENTS, Component
from burnline.settings import Settings
from tests.deploy.files import DEPLOY, ROOT, loaded, services

CHART = DEPLOY / "helm" / "burnline"
UNITS = DEPLOY / "systemd"
NOT_IN_COMPOSE = {"notify": "its sinks are a file of the operator's", "otel": "there is no Collector to read from"}
each_component = pytest.mark.parametrize("component", COMPONENTS, ids=lambda each: each.name)


def default_port(component: Component) -> int:
    return int(Settings.model_fields[component.port].default)


@each_component
def test_its_command_and_its_port_are_there(component: Component) -> None:
    assert CliRunner().invoke(cli, [*component.arguments, "--help"]).exit_code == 0
    assert Settings.model_fields[component.host].default == "127.0.0.1"


def test_no_two_listen_on_one_port() -> None:
    assert len({default_port(each) for each in COMPONENTS}) == len(COMPONENTS)


@each_component
def test_compose_runs_it(component: Component) -> None:
    if component.name in NOT_IN_COMPOSE:
        assert component.name not in services()
        return
    service = services()[component.name]
    assert service["command"] == list(component.arguments)
    assert ("BURNLINE_REDIS_URL" in service["environment"]) == (component.redis == "needed")
    ports = runpy.run_path(str(DEPLOY / "healthcheck.py"))["PORTS"]
    assert ports[component.name] == (f"BURNLINE_{component.port.upper()}", str(default_port(component)))


@each_component
def test_prometheus_asks_it(component: Component) -> None:
    if component.name in NOT_IN_COMPOSE:
        return
    jobs = loaded(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]
    asked = {job["dns_sd_configs"][0]["names"][0]: job["dns_sd_configs"][0] for job in jobs if "dns_sd_configs" in job}
    assert asked[component.name]["port"] == default_port(component)


@each_component
def test_an_alert_watches_it(component: Component) -> None:
    expressions = str([rule["expr"] for group in loaded(DEPLOY / "prometheus" / "alerts.yml")["groups"]
                       for rule in group["rules"]])  # fmt: skip
    prefixes = {"worker": "burnline_lag", "budgets": "burnline_budget"}
    assert prefixes.get(component.name, f"burnline_{component.name}") in expressions


@each_component
def test_the_chart_has_it(component: Component) -> None:
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    assert component.name in values
    templates = (CHART / "templates" / "components.yaml").read_text()
    listed = " ".join(f'"{argument}"' for argument in component.arguments)
    assert component.name == "worker" or f'"{component.name}" (list {listed}' in templates
    assert f'"{component.name}" "{default_port(component)}"' in (CHART / "templates" / "_helpers.tpl").read_text()
    if component.name != "worker":
        assert ("replicas" in values[component.name]) <= (not component.alone or component.name == "projector")


@each_component
def test_the_runbook_says_where_it_answers(component: Component) -> None:
    beginning = (ROOT / "docs" / "runbooks.md").read_text().partition("## ")[0]
    assert re.search(rf"\({default_port(component)}\)", beginning)


@pytest.mark.needs_tool("systemd-analyze")
@each_component
def test_systemd_runs_it_and_has_no_complaint(component: Component, tmp_path: Path) -> None:
    shutil.copytree(UNITS, tmp_path, dirs_exist_ok=True)
    started = ""
    for file in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        text = file.read_text()
        found = re.findall(r"^ExecStart=(/opt/burnline/bin/burnline .+)$", text, re.MULTILINE)
        if found and file.parent.name in {"", tmp_path.name, f"burnline@{component.name}.service.d"}:
            (started,) = found
        # The program has to be there, and is not on this machine.
        file.write_text(text.replace("/opt/burnline/bin/burnline", "/bin/true"))
    told = started.replace("%i", component.name).split()[1:]
    assert tuple(told[: len(component.arguments)]) == component.arguments
    unit = tmp_path / f"burnline@{component.name}.service"
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
