"""One line in the table of meters is a meter everywhere: in a process of its own, whose table has a further line."""

import json
import subprocess
import sys

LINE = '    Meter("input_smell_tokens", "input", "input_smell_mtok", "Of the input tokens, those of smells."),\n'
PROGRAM = """
import json, sys, types
from pathlib import Path
import burnline.events

path = Path(burnline.events.__file__).with_name("meters.py")
end = ')  # fmt: skip\\n\"\"\"In the order'
text = path.read_text(encoding="utf-8")
assert text.count(end) == 1
table = types.ModuleType("burnline.events.meters")
sys.modules["burnline.events.meters"] = burnline.events.meters = table
exec(compile(text.replace(end, sys.argv[1] + end), str(path), "exec"), table.__dict__)

from burnline.events.contract import UsageEvent
from burnline.events.decode import decode_batch
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.record import SessionLedger
from burnline.ledger.usage_record import UsageRollup
from burnline.native.ledger import NativePartitionLedger
from burnline.pricing.card import RateCard, Tier, charge, meter_rates
from burnline.pricing.explain import describe, explain_charge
from burnline.publisher.encoding import encode
from burnline.readmodel.rows import rollup_row, session_row
from tests.ledger.examples import PARTITION, RETENTION, T0, TOPIC, policy

event = {"event_id": "e-1", "occurred_at": T0, "org_id": "acme", "agent_id": "a", "session_id": "s", "model": "gpt-4o",
         "provider": "openai", "input_tokens": 1_000, "output_tokens": 0, "input_smell_tokens": 400}
value = encode(event).value
found = {"schema": UsageEvent.model_json_schema()["properties"]["input_smell_tokens"]["description"],
         "sent": json.loads(value)["input_smell_tokens"]}
too_many = json.dumps(event | {"input_smell_tokens": 1_001}).encode()
_, (refused,) = decode_batch([too_many], now_ms=T0, max_clock_skew_ms=0)
found["refused"] = refused.detail
tier = Tier(0, 1, 1, 1, 1, 1, meters=meter_rates({"input_smell_tokens": 5}))
card = RateCard("x", "y", "none", "", 0, 2**63 - 1, (tier,))
counts = 1_000, 0, 0, 0, 0, meter_rates({"input_smell_tokens": 400})
counts = (*counts[:5], tuple(count or 0 for count in counts[5]))
found["charged"] = charge(card, *counts).cost_pico_usd
found["explained"] = [(step.part, step.quantity) for step in explain_charge(card, *counts)]
found["card"] = describe(card)["tiers"][0]["input_smell_usd_per_million_tokens"]
for kind in (PartitionLedger, NativePartitionLedger):
    ledger = kind(TOPIC, PARTITION, policy(), RETENTION)
    ledger.apply_records([0], [value], logged_ms=[T0], now_ms=T0, max_clock_skew_ms=0)
    changes = ledger.take_changes(T0)
    ((_, session),) = changes.ledgers
    ((key, row),) = changes.usage_rollups
    found[kind.__name__] = [
        SessionLedger.model_validate_json(session).by_model["gpt-4o"].input_smell_tokens,
        session_row(session)[0].input_smell_tokens,
        UsageRollup.model_validate_json(row).input_smell_tokens,
        rollup_row(key, row).input_smell_cost_usd,
    ]
print(json.dumps(found))
"""
HELD = [400, 400, 400, "0.001"]


def test_a_line_in_the_table_is_a_meter_everywhere() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, LINE], capture_output=True, text=True, check=False)  # our own
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "schema": "Of the input tokens, those of smells.",
        "sent": 400,
        "refused": "input_smell_tokens 1001 exceed input_tokens (neither cached nor written to a cache) 1000",
        "charged": 600 * 1 + 400 * 5,
        "explained": [["uncached input", 600], ["input smell", 400]],
        "card": "0.000005",
        "PartitionLedger": HELD,
        "NativePartitionLedger": HELD,
    }
