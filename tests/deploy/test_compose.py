"""The compose file is valid, pinned, able to scale, and runs commands that exist."""

import importlib.metadata
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import pytest
from typer.testing import CliRunner

import burnline.cli  # noqa: F401  # registers every command
from burnline import __version__
from burnline.cli.root import cli
from burnline.settings import ENV_PREFIX, Settings, load_settings
from tests.deploy.files import (
    DEPLOY,
    ROOT,
    RUN,
    compose,
    documented_commands,
    first_token,
    health_check,
    instructions,
    loaded,
    services,
)
from tests.kafka.apache import check_properties
from tests.kafka.base import KAFKA_VERSION
from tests.redis_servers import IMAGE as REDIS_IMAGE

BURNLINE_SERVICES = [name for name, service in services().items() if "build" in service]
READ_SIDE = ("projector", "api")
COMMANDS = [
    *(services()[name]["command"] for name in BURNLINE_SERVICES),
    *(json.loads(command) for command in instructions("CMD")),
    *documented_commands(),
]


def test_it_follows_the_compose_specification() -> None:
    # check-jsonschema carries the Compose project's own schema.
    carrier = importlib.metadata.distribution("check-jsonschema")
    path = carrier.locate_file("check_jsonschema/builtin_schemas/vendor/compose-spec.json")
    schema = json.loads(Path(str(path)).read_text())
    jsonschema.Draft202012Validator(schema).validate(compose())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_is_one_of_burnline(command: list[str]) -> None:
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0, result.output
    assert f"Usage: burnline {command[0]}" in result.output


def test_the_commands_that_services_run_are_those_that_tests_run() -> None:
    # tests/cli/test_topics.py the first, tests/test_end_to_end.py the second, tests/detector/test_detector.py the
    # detector's, tests/budgeting that of budgets, and test_read_side.py the others.
    run = {tuple(services()[name]["command"]) for name in BURNLINE_SERVICES}
    assert run == {("topics", "ensure"), ("worker",), ("projector",), ("api",), ("detect",), ("budgets", "run")}


@pytest.mark.parametrize("name", BURNLINE_SERVICES)
def test_the_environment_holds_settings(name: str) -> None:
    given = services()[name]["environment"]
    settings = load_settings(**{name.removeprefix(ENV_PREFIX).lower(): value for name, value in given.items()})
    assert settings.kafka_bootstrap_servers.partition(":")[0] in services()
    assert ("redis_url" in settings.model_fields_set) == (name in READ_SIDE)
    if name in READ_SIDE:
        assert urlsplit(settings.redis_url).hostname in services()


@pytest.mark.parametrize("name", services())
def test_images_are_pinned(name: str) -> None:
    _, _, tag = services()[name]["image"].partition(":")
    assert tag[:1].isdigit() or tag[:1] == "v", tag
    assert "latest" not in tag


def test_versions_agree_with_the_rest() -> None:
    assert services()["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert {services()[name]["image"] for name in BURNLINE_SERVICES} == {f"burnline:{__version__}"}
    series, _, variant = REDIS_IMAGE.rpartition("-")
    assert re.fullmatch(rf"{re.escape(series)}\.\d+-{variant}", services()["valkey"]["image"])


@pytest.mark.parametrize("name", ["worker", "projector"])
def test_there_can_be_more_than_one(name: str) -> None:
    assert not services()[name].keys() & {"container_name", "ports", "hostname"}


@pytest.mark.parametrize("name", [name for name in services() if name != "topics"])
def test_what_keeps_running_is_watched(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    if name not in BURNLINE_SERVICES:
        assert "test" in service["healthcheck"]
        return
    script, *told = health_check(name)
    assert f"deploy/healthcheck.py {script}" in instructions("COPY")
    assert (told or ["worker"]) == service["command"][:1]


def test_the_start_is_in_order() -> None:
    assert services()["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert services()["worker"]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
    assert services()["budgets"]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
    assert services()["detect"]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
    assert services()["projector"]["depends_on"] == {
        "topics": {"condition": "service_completed_successfully"},
        "valkey": {"condition": "service_healthy"},
    }
    assert services()["api"]["depends_on"] == {"valkey": {"condition": "service_healthy"}}
    assert "healthcheck" in services()["valkey"]


def test_nothing_is_published_beyond_this_machine() -> None:
    published = {name: port for name, service in services().items() for port in service.get("ports", [])}
    assert published.keys() == {"kafka", "api", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for port in published.values())
    port = Settings.model_fields["api_port"].default
    assert published["api"] == f"127.0.0.1:{port}:{port}"


def test_the_readme_gives_the_same_command_for_the_first_token() -> None:
    assert f"`{RUN} api {' '.join(first_token())}`" in " ".join((ROOT / "README.md").read_text().split())


def test_data_outlive_the_containers() -> None:
    kafka = services()["kafka"]
    assert f"kafka-data:{kafka['environment']['KAFKA_LOG_DIRS']}" in kafka["volumes"]
    valkey = services()["valkey"]
    assert "valkey-data:/data" in valkey["volumes"]  # where its image lets it work
    named = {mount.partition(":")[0] for service in services().values() for mount in service.get("volumes", [])}
    assert {name for name in named if not name.startswith(".")} == compose()["volumes"].keys()


def test_mounted_and_built_files_exist() -> None:
    mounts = [mount.partition(":")[0] for service in services().values() for mount in service.get("volumes", [])]
    builds = [service["build"] for service in services().values() if "build" in service]
    wanted = [ROOT / mount for mount in mounts if mount.startswith(".")]
    wanted += [ROOT / build["context"] / build["dockerfile"] for build in builds]
    assert [path for path in wanted if not path.exists()] == []


@pytest.mark.parametrize(
    ("job", "name", "setting"),
    [
        ("burnline", "worker", "metrics_port"),
        ("burnline-projector", "projector", "projector_metrics_port"),
        ("burnline-detect", "detect", "detect_metrics_port"),
        ("burnline-budgets", "budgets", "budgets_metrics_port"),
    ],
)
def test_prometheus_finds_every_one(job: str, name: str, setting: str) -> None:
    jobs = {job["job_name"]: job for job in loaded(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]}
    (found,) = jobs[job]["dns_sd_configs"]
    port = Settings.model_fields[setting].default
    assert found["names"] == [name]
    assert found["port"] == port
    assert services()[name]["expose"] == [str(port)]


@pytest.mark.needs_tool("java", "mvn")
def test_apache_kafka_accepts_its_settings() -> None:
    given = {key: value for key, value in services()["kafka"]["environment"].items() if key.startswith("KAFKA_")}
    del given["KAFKA_HEAP_OPTS"]  # for the image's start script
    check_properties({key.removeprefix("KAFKA_").lower().replace("_", "."): value for key, value in given.items()})
