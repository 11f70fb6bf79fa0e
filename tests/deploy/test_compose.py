"""The compose file is valid, pinned, able to scale, and runs commands that exist."""

import importlib.metadata
import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

import app.cli  # noqa: F401  # registers every command
from app import __version__
from app.cli.root import cli
from app.settings import ENV_PREFIX, Settings, load_settings
from tests.deploy.files import DEPLOY, ROOT, compose, documented_commands, instructions, loaded, services
from tests.kafka.apache import check_properties
from tests.kafka.base import KAFKA_VERSION

BURNLINE_SERVICES = [name for name, service in services().items() if "build" in service]
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
    # tests/cli/test_topics.py runs the one, tests/stream the other.
    assert {tuple(services()[name]["command"]) for name in BURNLINE_SERVICES} == {("topics", "ensure"), ("worker",)}


@pytest.mark.parametrize("name", BURNLINE_SERVICES)
def test_the_environment_holds_settings(name: str) -> None:
    given = services()[name]["environment"]
    load_settings(**{variable.removeprefix(ENV_PREFIX).lower(): value for variable, value in given.items()})


@pytest.mark.parametrize("name", services())
def test_images_are_pinned(name: str) -> None:
    _, _, tag = services()[name]["image"].partition(":")
    assert tag[:1].isdigit() or tag[:1] == "v", tag
    assert "latest" not in tag


def test_versions_agree_with_the_rest() -> None:
    assert services()["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert {services()[name]["image"] for name in BURNLINE_SERVICES} == {f"burnline:{__version__}"}


def test_the_worker_can_be_scaled() -> None:
    worker = services()["worker"]
    assert not worker.keys() & {"container_name", "ports", "hostname"}


@pytest.mark.parametrize("name", [name for name in services() if name != "topics"])
def test_what_keeps_running_is_watched(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert "test" in service.get("healthcheck", {}) or (name in BURNLINE_SERVICES and instructions("HEALTHCHECK"))


def test_the_start_is_in_order() -> None:
    assert services()["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert services()["worker"]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}


def test_data_outlive_the_containers() -> None:
    kafka = services()["kafka"]
    assert f"kafka-data:{kafka['environment']['KAFKA_LOG_DIRS']}" in kafka["volumes"]
    named = {mount.partition(":")[0] for service in services().values() for mount in service.get("volumes", [])}
    assert {name for name in named if not name.startswith(".")} == compose()["volumes"].keys()


def test_mounted_and_built_files_exist() -> None:
    mounts = [mount.partition(":")[0] for service in services().values() for mount in service.get("volumes", [])]
    builds = [service["build"] for service in services().values() if "build" in service]
    wanted = [ROOT / mount for mount in mounts if mount.startswith(".")]
    wanted += [ROOT / build["context"] / build["dockerfile"] for build in builds]
    assert [path for path in wanted if not path.exists()] == []


def test_prometheus_finds_every_worker() -> None:
    jobs = {job["job_name"]: job for job in loaded(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]}
    (found,) = jobs["burnline"]["dns_sd_configs"]
    port = Settings.model_fields["metrics_port"].default
    assert found["names"] == ["worker"]
    assert found["port"] == port
    assert services()["worker"]["expose"] == [str(port)]


@pytest.mark.needs_tool("java", "mvn")
def test_apache_kafka_accepts_its_settings() -> None:
    given = {key: value for key, value in services()["kafka"]["environment"].items() if key.startswith("KAFKA_")}
    del given["KAFKA_HEAP_OPTS"]  # for the image's start script
    check_properties({key.removeprefix("KAFKA_").lower().replace("_", "."): value for key, value in given.items()})
