"""The chart renders what Kubernetes takes, the plain manifests are what it renders, and all of it runs what exists."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import burnline.cli  # noqa: F401  # registers every command
from burnline.cli.root import cli
from burnline.components import COMPONENTS
from burnline.settings import ENV_PREFIX, load_settings
from tests.deploy.files import DEPLOY, ROOT

CHART = DEPLOY / "helm" / "burnline"
MANIFESTS = DEPLOY / "kubernetes" / "burnline.yaml"
SCHEMAS = ROOT / ".cache" / "tools" / "kubernetes-schemas"
RENDER = ["helm", "template", "burnline", str(CHART), "--kube-version", "1.37.0"]
EVERYTHING = [
    "notify.enabled=true", "notify.sinksSecret=sinks", "otel.enabled=true", "detect.enabled=true",
    "budgets.enabled=true", "secretFiles.tls=kafka-tls",
]  # fmt: skip
RESOURCES: list[dict[str, Any]] = [one for one in yaml.safe_load_all(MANIFESTS.read_text()) if one]
WORKLOADS = [one for one in RESOURCES if one["kind"] in {"StatefulSet", "Deployment", "Job"}]


def _name(resource: dict[str, Any]) -> str:
    return f"{resource['kind']}/{resource['metadata']['name']}"


def _run(*command: str | Path, told: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), input=told, capture_output=True, text=True, check=False)


def _rendered(*values: str) -> str:
    done = _run(*RENDER, *(part for value in values for part in ("--set", value)))
    assert done.returncode == 0, done.stderr
    return done.stdout


def _conform(manifests: str, *options: str) -> None:
    assert SCHEMAS.is_dir(), f"{SCHEMAS} is not there: .ci/run unpacks it"
    location = f"{SCHEMAS}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    done = _run("kubeconform", "-strict", "-schema-location", location, *options, "-", told=manifests)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.needs_tool("helm")
def test_helm_has_no_complaint() -> None:
    done = _run("helm", "lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.needs_tool("helm")
def test_the_plain_manifests_are_what_the_chart_renders() -> None:
    assert MANIFESTS.read_text() == _rendered(), "run: make manifests"


@pytest.mark.needs_tool("helm", "kubeconform")
@pytest.mark.parametrize(
    ("values", "options"),
    [
        pytest.param([], [], id="its own values"),
        pytest.param(EVERYTHING, [], id="everything"),
        pytest.param(["worker.autoscaling=hpa"], [], id="scaled by processor"),
        pytest.param(["worker.autoscaling=keda"], ["-skip", "ScaledObject"], id="scaled by lag, whose kind is KEDA's"),
    ],
)
def test_kubernetes_takes_what_is_rendered(values: list[str], options: list[str]) -> None:
    _conform(_rendered(*values), *options)


@pytest.mark.needs_tool("kustomize", "kubeconform")
def test_kustomize_builds_the_plain_manifests() -> None:
    done = _run("kustomize", "build", DEPLOY / "kubernetes")
    assert done.returncode == 0, done.stderr
    _conform(done.stdout)
    assert all(one["metadata"]["namespace"] == "burnline" for one in yaml.safe_load_all(done.stdout))


@pytest.mark.needs_tool("helm", "kubeconform")
def test_a_misspelt_field_would_be_noticed() -> None:
    with pytest.raises(AssertionError, match="readOnlyRoot"):
        _conform(_rendered().replace("readOnlyRootFilesystem", "readOnlyRoot"))


@pytest.mark.needs_tool("helm")
@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param("worker.replica=3", "replica", id="an unknown value"),
        pytest.param("settings.BURNLINE_REDIS_PASSWORD=x", "BURNLINE_REDIS_PASSWORD", id="a password among settings"),
        pytest.param("detect.replicas=2", "replicas", id="two detectors"),
        pytest.param("budgets.replicas=2", "replicas", id="two that watch budgets"),
        pytest.param("notify.enabled=true", "notify.sinksSecret", id="notify without sinks"),
    ],
)
def test_a_wrong_value_is_refused_by_name(value: str, said: str) -> None:
    done = _run(*RENDER, "--set", value)
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.needs_tool("helm")
def test_secrets_are_named_and_not_held() -> None:
    rendered = _rendered(
        "secretSettings.BURNLINE_KAFKA_SASL_PASSWORD.name=kafka", "secretSettings.BURNLINE_KAFKA_SASL_PASSWORD.key=pw"
    )
    assert "secretKeyRef: {name: kafka, key: pw}" in rendered
    assert "kind: Secret" not in rendered


@pytest.mark.parametrize("workload", WORKLOADS, ids=_name)
def test_a_container_runs_a_command_of_ours_with_settings_that_exist(workload: dict[str, Any]) -> None:
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    assert CliRunner().invoke(cli, [*container["args"], "--help"]).exit_code == 0
    given = {one["name"].removeprefix(ENV_PREFIX).lower(): one.get("value", "by-name") for one in container["env"]}
    settings = load_settings(**given)
    if "ports" in container:
        (component,) = [one for one in COMPONENTS if one.name == container["name"]]
        (port,) = container["ports"]
        assert port["containerPort"] == getattr(settings, component.port)
        probes = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")]
        assert probes == ["/healthz", "/readyz"]


@pytest.mark.parametrize("workload", WORKLOADS, ids=_name)
def test_a_pod_may_do_little(workload: dict[str, Any]) -> None:
    pod = workload["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_a_worker_is_known_by_its_pods_name() -> None:
    (worker,) = [one for one in WORKLOADS if one["kind"] == "StatefulSet"]
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    (name,) = [one for one in container["env"] if one["name"] == "BURNLINE_GROUP_INSTANCE_ID"]
    assert name["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


@pytest.mark.parametrize("kind", ["PodDisruptionBudget", "NetworkPolicy", "Service"])
def test_what_keeps_running_has_one_of_each(kind: str) -> None:
    running = {one["metadata"]["name"] for one in WORKLOADS if one["kind"] != "Job"}
    assert {one["metadata"]["name"] for one in RESOURCES if one["kind"] == kind} == running
