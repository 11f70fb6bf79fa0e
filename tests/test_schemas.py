"""What is written from the models and the docstrings is current, and version 1 stays as it is."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from burnline import schema_examples
from burnline.events.dead_letters import DeadLetterHeaders
from burnline.ledger.progress import Progress
from burnline.ledger.record import decode as decode_ledger
from burnline.ledger.record import encode as encode_ledger
from burnline.schemas import CONTRACTS, FOLDER, Contract, differences, json_schema, main, texts
from tests.events.examples import decode
from tests.publisher import sdk_page

FROZEN = {
    "adjustment.json": "6d9184c6f77c9d9408bc6c8feb577c362219f516dc979ae08b65c71aa21bd232",
    "anomaly-note.json": "f3862bfd5ad9ff15ad4a91e1cc5ca6a5ccdbb3fd932405b1d51eb186afcf6f88",
    "anomaly.json": "616e5e284f93a460d17ad4c5a227130a32ef95ca3daa04a2ea194555532cf9cc",
    "baseline.json": "7210d9130b4020d13b62440968c75bfd50f15352eaa8694d73daeeba842217a5",
    "budget-notice.json": "730698bc6c2e869a23ac0284ee4233fb3b2941905faf584a800bdecb92d913cd",
    "budget.json": "9c8edf956e4ea46b00b7c21b3f18bbb42b59ae663498d3987ff000c30edf8b0f",
    "policy.json": "a8761bb42c4a523db3237cd7d8206031565ded41e342ec42728c1480281241db",
    "control.json": "23fc75e3002ecbbe264ec0deb1bca0fd609ea592cd05ba523d1bf4ba5e1d7b28",
    "dead-letter-headers.json": "8ca86088ee68ccd11236f05214efa6566e571b75753bc14a458122511a9ae24b",
    "progress.json": "7a10a3bc232e900911816c86954b4504e2b1e8b285564591951d32670582c4ef",
    "session-ledger.json": "0493c4a57ded0129afef7076e3cc3ee6e376e055239bb8dfb3b302e7d33b03d6",
    "session-rollup.json": "dc3f55a18141650495a2a31fc20198beb005ff40c5f96074d609403395c9180e",
    "usage-rollup.json": "52658f2ce026bb1e8bfcef44fee033f8830d73d90b8eb900e9bf7e0cd916168f",
    "usage.json": "28a6ca8769a3842426193f0f0ea219e05e7b5e36b3d77799175c5fc5e19f1044",
    "valuation-rate.json": "127ca9cf44a195f87ab92f9244ebea2d29bec6ea221de1b736039c9e0b0fb7c0",
}
"""SHA-256 of each schema of version 1. A change here is a change of a public contract: is it one that every reader and
publisher of version 1 survives? If not, it belongs into version 2."""

contracts = pytest.mark.parametrize("contract", CONTRACTS, ids=[contract.name for contract in CONTRACTS])


def test_the_page_of_the_sdk_is_what_its_docstrings_say() -> None:
    assert sdk_page.PAGE.read_text() == sdk_page.page(), "make sdk writes it"


def test_the_files_are_what_the_models_say() -> None:
    assert differences(FOLDER) == []


def test_version_1_is_frozen() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.iterdir()}
    assert found == FROZEN


@contracts
def test_a_schema_stands_alone(contract: Contract) -> None:
    schema = json_schema(contract)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:burnline:schema:v1:{contract.name}"
    assert schema["title"].endswith(", version 1")
    assert len(schema["description"]) > 40
    references = [line for line in json.dumps(schema, indent=0).splitlines() if '"$ref"' in line]
    assert all('"#/$defs/' in reference for reference in references)


@contracts
def test_the_example_is_good(contract: Contract) -> None:
    schema = json_schema(contract)
    assert schema["examples"] == [contract.example]
    Draft202012Validator(schema).validate(contract.example)
    contract.model.model_validate_json(json.dumps(contract.example))


@contracts
def test_the_example_shows_nothing_that_the_contract_does_not_know(contract: Contract) -> None:
    assert set(contract.example) <= set(contract.model.model_fields)
    required = {name for name, field in contract.model.model_fields.items() if field.is_required()}
    assert required <= set(contract.example)


def test_ids_are_distinct() -> None:
    assert len({contract.name for contract in CONTRACTS}) == len(CONTRACTS)


def test_the_worker_reads_the_examples() -> None:
    usages, rejections = decode(json.dumps(schema_examples.USAGE).encode())
    assert rejections == []
    assert usages[0] is not None
    ledger = json.dumps(schema_examples.SESSION_LEDGER).encode()
    assert json.loads(encode_ledger(decode_ledger(ledger))) == schema_examples.SESSION_LEDGER
    progress = json.dumps(schema_examples.SOURCE_PROGRESS).encode()
    assert json.loads(Progress.decode(progress).encode()) == schema_examples.SOURCE_PROGRESS


def test_the_dead_letter_example_is_what_decoding_says() -> None:
    seconds = {**schema_examples.USAGE, "occurred_at": schema_examples.USAGE["occurred_at"] // 1_000}
    rejection = decode(json.dumps(seconds).encode())[1][0]
    shown = DeadLetterHeaders.model_validate(schema_examples.DEAD_LETTER_HEADERS)
    assert (rejection.reason, rejection.field, rejection.detail) == (shown.reason, shown.field, shown.detail)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all schemas, not there before."""
    assert main([str(tmp_path / "new" / "v1")]) == 0
    return tmp_path / "new" / "v1"


def test_writing_is_deterministic(folder: Path) -> None:
    """Another process, with other hash seeds, writes the same bytes."""
    other = folder.parent / "other"
    subprocess.run([sys.executable, "-m", "burnline.schemas", str(other)], check=True)
    assert {path.name: path.read_bytes() for path in other.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
    assert sorted(path.name for path in other.iterdir()) == sorted(texts())


def test_check_names_every_difference(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "--check"]) == 0
    (folder / "usage.json").write_text("{}")
    (folder / "anomaly.json").unlink()
    (folder / "stray.json").write_text("{}")
    before = sorted(folder.iterdir())
    assert main([str(folder), "--check"]) == 1
    assert sorted(folder.iterdir()) == before
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"{folder}/anomaly.json: missing",
        f"{folder}/stray.json: belongs to no contract",
        f"{folder}/usage.json: differs from its model",
    ]


def test_writing_puts_everything_right(folder: Path) -> None:
    (folder / "usage.json").write_text("{}")
    (folder / "stray.json").write_text("{}")
    assert main([str(folder)]) == 0
    assert differences(folder) == []
