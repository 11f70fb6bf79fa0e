"""README and the tables of the docs say what is true now."""

import re
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
from burnline.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs/settings.md").read_text()
METRICS = (ROOT / "docs/metrics.md").read_text()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_listed_with_its_default_and_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    default = "" if field.default is None else f"`{field.default}`"
    row = f"| `{ENV_PREFIX}{name.upper()}` | {default} | {field.description} |"
    assert row in SETTINGS, f"the row in docs/settings.md should be: {row}"


def test_no_setting_is_listed_that_is_gone() -> None:
    listed = re.findall(rf"^\| `{ENV_PREFIX}(\w+)`", SETTINGS, re.MULTILINE)
    assert sorted(listed) == sorted(name.upper() for name in Settings.model_fields)


def test_every_metric_is_listed_and_none_that_is_gone() -> None:
    registry = CollectorRegistry()
    WorkerMetrics(registry, label_limit=1)
    for kind in (ProjectorMetrics, ApiMetrics, NotifyMetrics, DetectorMetrics):
        kind(registry)
    for source in ("otel", "registry"):
        RelayMetrics(source, registry)
    BudgetMetrics(registry, label_limit=1)
    found = {f"{each.name}_total" if each.type == "counter" else each.name for each in registry.collect()}
    names: list[str] = re.findall(r"^\| (`[^|]+) \|", METRICS, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(names))) == sorted(found)


def test_settings_in_the_readme_are_as_they_are_listed() -> None:
    for name, default in re.findall(rf"^\| `({ENV_PREFIX}\w+)` \| (`[^|]*`) \|", README, re.MULTILINE):
        assert f"| `{name}` | {default} |" in SETTINGS


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
