"""Who serves a model, by the address that its client calls."""

import pytest

from burnline.metering.hosts import served_by

HOSTS = [
    ("https://api.openai.com/v1/", ("openai", None, True)),
    ("https://eu.api.openai.com/v1/", ("openai", "eu", True)),
    ("https://openrouter.ai/api/v1", ("openrouter", None, True)),
    ("https://mine.openai.azure.com/openai/", ("azure", None, True)),
    ("https://bedrock-runtime.us-east-1.amazonaws.com", ("aws", "us-east-1", True)),
    ("https://us-east5-aiplatform.googleapis.com/v1", ("google", "us-east5", True)),
    ("https://aiplatform.googleapis.com/v1", ("google", None, True)),
    ("http://localhost:8000/v1", ("localhost", None, False)),
    ("https://api.openai.com.evil.example/v1", ("api.openai.com.evil.example", None, False)),
]


@pytest.mark.parametrize(("base_url", "expected"), HOSTS, ids=[url for url, _ in HOSTS])
def test_a_host_says_who_serves(base_url: str, expected: tuple[str, str | None, bool]) -> None:
    assert served_by(base_url) == expected
