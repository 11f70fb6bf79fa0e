"""The usage rollup record: byte for byte what readers, and other writers, rely on."""

import json

import msgspec
import pytest

from burnline import schema_examples
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.record import UnreadableRecord
from burnline.ledger.usage_record import UsageRollup, UsageRollupRecord, encode, parse
from burnline.ledger.usage_rollups import UsageRow
from tests.events.examples import decode
from tests.ledger.examples import RETENTION, T0, policy

KEY = (T0 // 900_000 * 900_000, "acme", "agent-7", None, "Ü-1", "", "gpt-4o", "llm")


def row() -> UsageRow:
    """Two events; no two sums alike."""
    made = UsageRow(KEY, 7)
    made.last_offset, made.events = 9, 2
    made.input_tokens, made.output_tokens = 100, 50
    made.cached_input_tokens, made.cache_write_tokens, made.reasoning_tokens, made.unpriced_tokens = 30, 20, 10, 5
    made.input_pico_usd, made.cached_input_pico_usd, made.cache_write_pico_usd = 1, 2 * 10**12, 30
    made.output_pico_usd, made.reasoning_pico_usd, made.request_pico_usd = 400, 5_000, 60_000
    made.cache_savings_pico_usd = 8
    return made


def test_the_bytes_of_a_record() -> None:
    key, value = encode(row(), 2)
    assert key == '[2,7,1759999500000,"acme","agent-7",null,"Ü-1","","gpt-4o","llm"]'.encode()
    assert (
        value
        == (
            '{"version":1,"source_partition":2,"since_offset":7,"last_offset":9,"quarter_start_ms":1759999500000,'
            '"org_id":"acme","agent_id":"agent-7","team_id":null,"project_code":"Ü-1","provider":"","model":"gpt-4o",'
            '"kind":"llm","events":2,"input_tokens":100,"output_tokens":50,"cached_input_tokens":30,'
            '"cache_write_tokens":20,"reasoning_tokens":10,"unpriced_tokens":5,"input_cost_usd":"0.000000000001",'
            '"cached_input_cost_usd":"2","cache_write_cost_usd":"0.00000000003","output_cost_usd":"0.0000000004",'
            '"reasoning_cost_usd":"0.000000005","request_cost_usd":"0.00000006","cost_usd":"2.000000065431",'
            '"cache_savings_usd":"0.000000000008"}'
        ).encode()
    )


def test_it_is_read_back_whole() -> None:
    _, value = encode(row(), 2)
    assert msgspec.json.encode(parse(value)) == value
    assert list(UsageRollup.model_validate_json(value).model_dump()) == list(json.loads(value))
    assert list(UsageRollup.model_fields) == list(UsageRollupRecord.__struct_fields__)


def test_rare_sums_stand_behind_the_others() -> None:
    used = row()
    used.add_rare({"web_searches": 3, "input_audio_pico_usd": 5, "input_audio_tokens": 7})
    _, value = encode(used, 2)
    assert value.endswith(b',"input_audio_tokens":7,"web_searches":3,"input_audio_cost_usd":"0.000000000005"}')
    assert msgspec.json.encode(parse(value)) == value
    assert UsageRollup.model_validate_json(value).model_dump() == json.loads(value)


def test_the_example_is_what_the_worker_writes_of_the_usage_example() -> None:
    events, _ = decode(json.dumps(schema_examples.USAGE).encode())
    partition = PartitionLedger("finops.usage", 3, policy(), RETENTION)
    partition.apply([81204], events, now_ms=T0)
    (_, value) = partition.take_changes(T0).usage_rollups[0]
    assert json.loads(value) == schema_examples.USAGE_ROLLUP


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"\xff", id="no text"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b'{"version":1', id="cut off"),
        pytest.param(encode(row(), 2)[1].replace(b'"version":1', b'"version":2'), id="newer"),
        pytest.param(encode(row(), 2)[1].replace(b'"events":2', b'"events":"2"'), id="another type"),
    ],
)
def test_what_cannot_be_read_is_said(value: bytes) -> None:
    with pytest.raises(UnreadableRecord, match="usage rollup"):
        parse(value)
