"""What a worker writes of its usage is what reports read."""

from hypothesis import given
from hypothesis import strategies as st

from burnline.finance.bounds import UnpricedBounds
from burnline.finance.frames import COLUMNS, read_rows, totals
from burnline.ledger.usage_record import encode
from burnline.ledger.usage_rollups import UsageRow
from burnline.readmodel.rows import rollup_row
from tests.finance.rows import T0

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
some = st.none() | names
keys = st.tuples(st.just(T0), names, names, some, some, st.text(max_size=3), names, st.sampled_from(["llm", "run"]))
AMOUNTS = ("input", "cached_input", "cache_write", "output", "reasoning", "request", "reported")
COUNTS = ("events", "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens",
          "unpriced_tokens")  # fmt: skip


@given(key=keys, amounts=st.lists(st.integers(0, 10**20), min_size=7, max_size=7), count=st.integers(1, 10**12))
def test_every_field_arrives(
    key: tuple[int, str, str, str | None, str | None, str, str, str], amounts: list[int], count: int
) -> None:
    written = UsageRow(key, 7)
    for name, amount in zip(AMOUNTS[:-1], amounts[:-1], strict=True):
        setattr(written, f"{name}_pico_usd", amount)
    written.add_rare({"reported_pico_usd": amounts[-1]})
    for number, name in enumerate(COUNTS):
        setattr(written, name, count + number)
    written.cache_savings_pico_usd = 3
    record_key, value = encode(written, 2)
    assert rollup_row(record_key, value).since_offset == 7
    frame = read_rows([value], UnpricedBounds.bundled())
    assert tuple(frame.select(*COLUMNS.values()).row(0)) == key[1:]
    found = totals(frame)
    assert [getattr(found, f"{each}_cost") for each in AMOUNTS] == amounts
    assert (found.cost, found.cache_savings) == (sum(amounts), 3)
    assert found.runs == (count if key[7] == "run" else 0)
    assert [getattr(found, each) for each in COUNTS] == [count + number for number in range(len(COUNTS))]
