"""What ledgers remember, as the settings say; workers and `verify` read them in one place."""

import pytest

from burnline.ledger.partition import Retention
from burnline.settings import load_settings


@pytest.mark.parametrize(
    ("retire_after_s", "idle_ms"),
    [pytest.param(0, None, id="never"), pytest.param(1, 1_000, id="a second"), pytest.param(7, 7_000, id="longer")],
)
def test_retention_is_in_the_ledgers_own_units(retire_after_s: int, idle_ms: int | None) -> None:
    settings = load_settings(
        duplicate_ids_per_session=3,
        duplicate_ids_per_partition=5,
        window_retention_s=900,
        retire_after_s=retire_after_s,
    )
    assert Retention.from_settings(settings) == (90, 3, 5, idle_ms, False)
    assert Retention.from_settings(load_settings(event_id_scope="org")).ids_per_org
