"""Prometheus takes its configuration, and the alerts fire when they should, on metrics that exist."""

import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from burnline.api.metrics import ApiMetrics
from burnline.budgeting.metrics import BudgetMetrics
from burnline.detector.metrics import DetectorMetrics
from burnline.metrics import WorkerMetrics
from burnline.notify.attempts import NotifyMetrics
from burnline.readmodel.metrics import ProjectorMetrics
from burnline.relay.metrics import RelayMetrics
from tests.deploy.files import DEPLOY, loaded

PROMETHEUS = DEPLOY / "prometheus"


def _promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.needs_tool("promtool")
def test_the_configuration_is_valid() -> None:
    _promtool("check", "config", PROMETHEUS / "prometheus.yml")


@pytest.mark.needs_tool("promtool")
def test_the_rules_are_valid() -> None:
    _promtool("check", "rules", PROMETHEUS / "alerts.yml", PROMETHEUS / "records.yml")


@pytest.mark.needs_tool("promtool")
def test_the_alerts_fire_when_they_should() -> None:
    _promtool("test", "rules", Path(__file__).with_name("alerts_test.yml"))


def test_rules_are_about_metrics_that_exist() -> None:
    registry = CollectorRegistry()
    WorkerMetrics(registry, label_limit=10)
    ProjectorMetrics(registry)
    NotifyMetrics(registry)
    ApiMetrics(registry)
    DetectorMetrics(registry)
    BudgetMetrics(registry, label_limit=10)
    for source in ("otel", "registry"):
        RelayMetrics(source, registry)
    suffixes = ("", "_total", "_bucket", "_count", "_sum")
    exist = {family.name + suffix for family in registry.collect() for suffix in suffixes}
    groups = [*loaded(PROMETHEUS / "alerts.yml")["groups"], *loaded(PROMETHEUS / "records.yml")["groups"]]
    rules = [rule for group in groups for rule in group["rules"]]
    named = {name for rule in rules for name in re.findall(r"burnline_\w+", rule["expr"])}
    assert named
    assert named - exist == set()


def test_every_alert_says_what_to_do_and_is_tested() -> None:
    rules = [rule for group in loaded(PROMETHEUS / "alerts.yml")["groups"] for rule in group["rules"]]
    tests = loaded(Path(__file__).with_name("alerts_test.yml"))["tests"]
    fired = {case["alertname"] for test in tests for case in test.get("alert_rule_test", []) if case.get("exp_alerts")}
    assert {rule["alert"] for rule in rules} == fired
    assert all(rule["annotations"].keys() == {"summary", "description", "runbook_url"} for rule in rules)
    assert all(rule["labels"]["severity"] in {"warning", "critical"} for rule in rules)
