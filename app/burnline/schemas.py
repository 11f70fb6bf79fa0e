"""The wire contracts as JSON Schemas in `schemas/v1/`, from the models: `python -m burnline.schemas [--check]`.

Version 1 is frozen: a change that could break a reader or a publisher opens `schemas/v2/`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from burnline import schema_examples as examples
from burnline.budgets.budget import Budget
from burnline.budgets.notice import BudgetNotice
from burnline.controls.control import Control
from burnline.detection.anomaly import Anomaly
from burnline.detection.baseline import Baseline
from burnline.detection.notes import AnomalyNote
from burnline.detection.policy_record import PolicyRecord
from burnline.events.contract import UsageEvent
from burnline.events.dead_letters import DeadLetterHeaders
from burnline.ledger.progress import SourceProgress
from burnline.ledger.record import SessionLedger
from burnline.ledger.rollup import SessionRollup
from burnline.ledger.usage_record import UsageRollup
from burnline.pricing.valuation import ValuationRate
from burnline.repricing.adjustment import Adjustment

FOLDER = Path(__file__).parents[2] / "schemas" / "v1"


class Contract(NamedTuple):
    """What stands in one kind of record."""

    name: str
    """File name without `.json`, and end of the schema's `$id`."""
    title: str
    model: type[BaseModel]
    example: dict[str, Any]


CONTRACTS = (
    Contract("usage", "Usage event", UsageEvent, examples.USAGE),
    Contract("session-ledger", "Session ledger", SessionLedger, examples.SESSION_LEDGER),
    Contract("session-rollup", "Rollup of retired sessions", SessionRollup, examples.SESSION_ROLLUP),
    Contract("usage-rollup", "Usage of a quarter of an hour", UsageRollup, examples.USAGE_ROLLUP),
    Contract("anomaly", "Anomaly notice", Anomaly, examples.ANOMALY),
    Contract("anomaly-note", "Anomaly note", AnomalyNote, examples.ANOMALY_NOTE),
    Contract("baseline", "Baseline", Baseline, examples.BASELINE),
    Contract("budget", "Budget", Budget, examples.BUDGET),
    Contract("budget-notice", "Budget notice", BudgetNotice, examples.BUDGET_NOTICE),
    Contract("policy", "Policy", PolicyRecord, examples.POLICY),
    Contract("control", "Control", Control, examples.CONTROL),
    Contract("valuation-rate", "Valuation rate", ValuationRate, examples.VALUATION_RATE),
    Contract("adjustment", "Adjustment of what was charged", Adjustment, examples.ADJUSTMENT),
    Contract("progress", "Progress of a source partition", SourceProgress, examples.SOURCE_PROGRESS),
    Contract("dead-letter-headers", "Headers of a dead letter", DeadLetterHeaders, examples.DEAD_LETTER_HEADERS),
)


class _Untitled(GenerateJsonSchema):
    """Without a title for every field: each would only repeat the field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def json_schema(contract: Contract) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a contract, self-contained, with an example."""
    head = {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": f"urn:burnline:schema:v1:{contract.name}",
        "title": f"{contract.title}, version 1",
    }
    body = contract.model.model_json_schema(schema_generator=_Untitled)
    del body["title"]
    return {**head, **body, "examples": [contract.example]}


def texts() -> dict[str, str]:
    """File name and content of every schema; the same models always give the same bytes."""
    return {
        f"{contract.name}.json": json.dumps(json_schema(contract), indent=2, ensure_ascii=False) + "\n"
        for contract in CONTRACTS
    }


def write(folder: Path) -> None:
    """Write every schema into `folder`, and remove those that are of no contract."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = texts()
    for stray in sorted(set(present(folder)) - set(wanted)):
        (folder / stray).unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def differences(folder: Path) -> list[str]:
    """A sentence for each file of `folder` that is not as the models have it."""
    wanted, found = texts(), present(folder)
    return [
        *(f"{name}: missing" for name in wanted if name not in found),
        *(f"{name}: belongs to no contract" for name in found if name not in wanted),
        *(f"{name}: differs from its model" for name in wanted if found.get(name, wanted[name]) != wanted[name]),
    ]


def present(folder: Path) -> dict[str, str]:
    """File name and content of the schemas in `folder`."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))}


def main(arguments: list[str] | None = None) -> int:
    """Write the schemas, or with `--check` say what differs; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m burnline.schemas", description="JSON Schemas of the wire contracts."
    )
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where they stand (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a file differs from its model")
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.folder)
        return 0
    mistakes = differences(options.folder)
    for mistake in mistakes:
        sys.stderr.write(f"{options.folder / mistake}\n")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
