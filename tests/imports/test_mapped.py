"""CSV and JSON lines by a mapping: what it may say, and how rows are read by it."""

from pathlib import Path
from typing import Any

import pytest

from burnline.imports.found import Found, Unread
from burnline.imports.mapped import FieldMapping, MappingError, read_csv, read_jsonl

MAPPING = """
[fields]
event_id = "id"
occurred_at = "at"
session_id = "conversation.id"
model = "model"
input_tokens = ["prompt", "cached"]
cached_input_tokens = "cached"
output_tokens = "answer"
[constants]
provider = "openai"
"""
EXPECTED = {
    "event_id": "7", "occurred_at": 1_772_438_400_000, "session_id": "s1", "model": "gpt-4o", "provider": "openai",
    "input_tokens": 120, "cached_input_tokens": 100, "output_tokens": 5,
}  # fmt: skip


def mapping(folder: Path, text: str = MAPPING) -> FieldMapping:
    file = folder / "mapping.toml"
    file.write_text(text)
    return FieldMapping.from_file(file)


def only(rows: list[Found | Unread]) -> Any:
    [row] = rows
    return row.event if isinstance(row, Found) else row.why


def nothing(_bytes: int) -> None:
    """Progress that nobody looks at."""


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte-order-mark"])
def test_a_row_of_csv(tmp_path: Path, separator: str, mark: str) -> None:
    head = separator.join(("id", "at", "conversation.id", "model", "prompt", "cached", "answer"))
    row = separator.join(("7", "2026-03-02T08:00:00Z", "s1", "gpt-4o", "20", "100", "5"))
    (tmp_path / "rows.csv").write_text(f"{mark}{head}\n{row}\n", encoding="utf-8")
    assert only(list(read_csv(tmp_path / "rows.csv", mapping(tmp_path), nothing))) == EXPECTED


@pytest.mark.parametrize(
    "at", ['"2026-03-02T08:00:00Z"', '"2026-03-02T09:00:00+01:00"', "1772438400", "1772438400000", '"1772438400"'],
    ids=["utc", "offset", "seconds", "milliseconds", "text"],
)  # fmt: skip
def test_a_json_line(tmp_path: Path, at: str) -> None:
    line = f'{{"id": 7, "at": {at}, "conversation": {{"id": "s1"}}, "model": "gpt-4o", "prompt": 20, "cached": "100"'
    (tmp_path / "rows.jsonl").write_text(f'{line}, "answer": 5.0}}\n\n')
    assert only(list(read_jsonl(tmp_path / "rows.jsonl", mapping(tmp_path), nothing))) == EXPECTED


def test_without_an_id_equal_rows_have_equal_ids(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"at": 1772438400, "a": 1}\n{"at": 1772438400, "a": 2}\n' * 2)
    rows = list(read_jsonl(tmp_path / "rows.jsonl", mapping(tmp_path, '[fields]\noccurred_at = "at"'), nothing))
    ids = [row.event["event_id"] for row in rows if isinstance(row, Found)]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"at": 1, "prompt": "many"}', "input_tokens must be a whole number, not 'many'"),
        ('{"at": 1, "prompt": 1.5}', "input_tokens must be a whole number, not 1.5"),
        ('{"at": 1, "prompt": Infinity}', "malformed"),
        ('{"at": "soon"}', "could not convert"),
        ('{"prompt": 1}', "occurred_at is missing"),
        ("[1]", "Expected `object`"),
    ],
    ids=["no-number", "fraction", "infinity", "no-time", "without-time", "no-object"],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "rows.jsonl").write_text(f"{line}\n")
    assert why in only(list(read_jsonl(tmp_path / "rows.jsonl", mapping(tmp_path), nothing)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[fields]\nmodell = "m"', "'modell' is no field"),
        ('[constants]\nmodell = "m"', "'modell' is no field"),
        ('[feilds]\nmodel = "m"', r"a table \[fields\]"),
        ("[fields]\nmodel = 3", "model must be a column's name"),
        ('[fields]\nmodel = ["a", "b"]', "model is no count"),
        ("[fields", "mapping.toml"),
    ],
    ids=["field", "constant", "table", "number", "several", "no-toml"],
)
def test_a_mapping_that_makes_no_sense_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(MappingError, match=why):
        mapping(tmp_path, text)
