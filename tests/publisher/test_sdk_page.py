"""The page of the SDK says something of everything; `tests/test_schemas.py` holds that it is current."""

import burnline
from burnline import usage
from tests.publisher.sdk_page import page


def test_every_public_name_is_on_it() -> None:
    text = page()
    names = [*burnline.__all__, *(f"usage.{name}" for name in usage.__all__)]
    missing = [name for name in names if name not in {"usage", "__version__", "usage.session"} and name not in text]
    assert missing == []
    assert "```\n\n\n" not in text, "something public has no docstring"
