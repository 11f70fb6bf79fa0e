"""A real export before the official validator of FOCUS, in an environment of its own (`requirements-focus.lock`).

The newest one that is published, 1.0.0, has the rules of a draft of FOCUS 1.0. What it finds is held against the list
of what the draft and 1.2 differ in; anything else is a mistake of the export. Columns and values of 1.2 itself are held
in `tests.finance.test_focus`.
"""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from burnline.pricing.valuation import ValuationRate
from tests.api.stage import Api, Projection
from tests.api.usage import use
from tests.finance.rows import QUARTER, T0, row

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements-focus.lock"
ENVIRONMENT = ROOT / ".cache" / "focus-validator"
DIFFERENCES = {
    **{
        f"CommitmentDiscount{name}_Required": "conditional in 1.2: no commitment discounts, no columns"
        for name in ("Category", "Id", "Name", "Status", "Type")
    },
    **{f"{name}_Required": "conditional in 1.2: no regions, no columns" for name in ("RegionId", "RegionName")},
    **{
        f"{name}_Required": "the draft's name: 1.2 has InvoiceIssuerName, ProviderName, PublisherName, ResourceId"
        for name in ("InvoiceIssuer", "Provider", "Publisher", "ResourceID")
    },
    "BillingCurrency_IsCurrencyCode": "the validator fetches the codes from the net",
    "ConsumedQuantity_IsDecimal": "the validator takes a column of whole numbers for integers",
    "SkuPriceId_Nullable": "the draft asks by ChargeType, which 1.2 calls ChargeCategory",
}


@pytest.fixture(scope="module")
def validator() -> Path:
    """The validator's program; set up once, from the lock file."""
    installed = ENVIRONMENT / "requirements.lock"
    if not installed.exists() or installed.read_bytes() != LOCK.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        pip = [str(ENVIRONMENT / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
        installed.write_bytes(LOCK.read_bytes())
    return ENVIRONMENT / "bin" / "focus-validator"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_official_validator_finds_nothing_but_what_versions_differ_in(
    reader: Api, projected: Projection, validator: Path, tmp_path: Path
) -> None:
    rate = {"input_usd_per_million_tokens": "2", "output_usd_per_million_tokens": "8"}
    of = {"provider": "openai", "model": "gpt-4o", "effective_from": 0}
    projected.rate(ValuationRate.model_validate(of | rate))
    use(
        projected,
        row(input=100 * 2_000_000, output=10 * 8_000_000),
        row(quarter_start_ms=T0 - QUARTER, input=60 * 2_500_000, cached_input_tokens=40, cached_input=40 * 1_250_000),
        row(agent_id="=1+1", team_id=None, project_code="00123", provider="", model="new", unpriced_tokens=110),
    )
    exported = tmp_path / "focus.csv"
    exported.write_bytes(reader.raw("GET", "/exports/focus.csv").content)
    found = tmp_path / "found.xml"
    options = ["--validate-version", "1.0", "--output-type", "unittest", "--output-destination", str(found)]
    subprocess.run([validator, "--data-file", exported, *options], check=False, timeout=300)
    cases = list(ET.parse(found).getroot().iter("testcase"))  # noqa: S314  # the validator's own
    failed = {case.attrib["name"].split(" ")[0] for case in cases if len(case)}
    assert len(cases) > 100
    assert failed <= DIFFERENCES.keys()
