"""The README says what is true now."""

import re
from pathlib import Path

import pytest

from burnline.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_listed_with_its_default_and_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    default = "" if field.default is None else f"`{field.default}`"
    row = f"| `{ENV_PREFIX}{name.upper()}` | {default} | {field.description} |"
    assert row in README, f"the row in the README should be: {row}"


def test_no_setting_is_listed_that_is_gone() -> None:
    listed = re.findall(rf"^\| `{ENV_PREFIX}(\w+)`", README, re.MULTILINE)
    assert sorted(listed) == sorted(name.upper() for name in Settings.model_fields)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
