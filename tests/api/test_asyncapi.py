"""The AsyncAPI document: whole, true to the catalogue and the contracts, and valid by AsyncAPI's own JSON Schema."""

import hashlib
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from burnline.asyncapi import PATH, VERSION, document
from burnline.schemas import CONTRACTS
from burnline.settings import load_settings
from burnline.topics.catalogue import framed_topic_for, otel_topics_for, redriven_topic_for, topics_for
from tests.api.stage import Api

CACHE = Path(__file__).parents[2] / ".cache" / "asyncapi"
PACKAGE = "@asyncapi/specs@6.11.1"
ARCHIVE = "asyncapi-specs-6.11.1.tgz"
SHA256 = "01af8744dc33c0c7eb2e908f6a955319ee58b70ecadc9387d1aeb16c0cd28928"
"""Of the archive that the npm registry gives."""
SETTINGS = load_settings()


def official_schema() -> Any:
    """AsyncAPI's JSON Schema of this version, out of its npm package."""
    archive = CACHE / ARCHIVE
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", PACKAGE, "--pack-destination", str(CACHE), "--silent"]
        subprocess.run(command, check=True, capture_output=True, timeout=100)
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256
    with tarfile.open(archive) as package:
        member = package.extractfile(f"package/schemas/{VERSION}-without-$id.json")
        assert member is not None
        return json.load(member)


def mistakes(found: Any) -> list[str]:
    return [
        f"{error.json_path}: {error.message[:200]}" for error in Draft7Validator(official_schema()).iter_errors(found)
    ]


@pytest.mark.needs_tool("npm")
def test_it_is_valid() -> None:
    assert mistakes(document(SETTINGS)) == []


@pytest.mark.needs_tool("npm")
@pytest.mark.parametrize("part", ["asyncapi", "info", "channels.usage.address", "operations.send_usage.action"])
def test_the_validator_finds_what_is_wrong(part: str) -> None:
    broken = document(SETTINGS)
    *path, last = part.split(".")
    place: Any = broken
    for name in path:
        place = place[name]
    place[last] = 7
    assert mistakes(broken) != []


def test_every_topic_is_in_it_as_the_catalogue_has_it() -> None:
    specs = [
        *topics_for(SETTINGS),
        *otel_topics_for(SETTINGS),
        framed_topic_for(SETTINGS),
        redriven_topic_for(SETTINGS),
    ]
    channels = document(SETTINGS)["channels"].values()
    assert {one["address"]: one["bindings"]["kafka"]["partitions"] for one in channels} == {
        spec.name: spec.partitions for spec in specs
    }


def test_every_contract_is_in_it() -> None:
    assert {contract.name for contract in CONTRACTS} <= set(document(SETTINGS)["components"]["schemas"])


def test_every_reference_leads_somewhere() -> None:
    whole = document(SETTINGS)
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(whole)))
    assert references
    for reference in references:
        place: Any = whole
        for name in reference.split("/"):
            place = place[name]


@pytest.mark.parametrize("contract", CONTRACTS, ids=[contract.name for contract in CONTRACTS])
def test_examples_are_good_by_the_schemas_in_it(contract: Any) -> None:
    whole = document(SETTINGS)
    schema = {"components": whole["components"], "$ref": f"#/components/schemas/{contract.name}"}
    Draft7Validator(schema).validate(contract.example)


def test_it_is_served_to_anyone(reader: Api) -> None:
    answer = reader.fetch(PATH)
    assert answer.status_code == 200
    assert answer.json() == json.loads(json.dumps(document(SETTINGS)))
