"""Names of models as runtimes write them, and what they are read as."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.pricing.book import RateBook
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.names import base_name, is_opaque, is_version_of, readings

NOW_MS = 1_795_845_077_002
KNOWN = Catalogue.bundled().provider_id
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("host", "name", "model", "read_host", "region"),
    [
        pytest.param("", "GPT-4o ", "gpt-4o", "", "", id="as it stands, but for its case"),
        pytest.param("", "models/gemini-2.5-pro", "gemini-2.5-pro", "google", "", id="Gemini API"),
        pytest.param("", "publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro", "google", "", id="Vertex"),
        pytest.param(
            "",
            "projects/p/locations/europe-west1/publishers/anthropic/models/claude-sonnet-4-5@20250929",
            "claude-sonnet-4-5@20250929",
            "google",
            "europe-west1",
            id="Vertex, with its location",
        ),
        pytest.param(
            "", f"arn:aws:bedrock:us-east-1::foundation-model/{SONNET}", SONNET, "aws", "us-east-1", id="ARN of a model"
        ),
        pytest.param(
            "",
            f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:inference-profile/eu.{SONNET}",
            f"eu.{SONNET}",
            "aws",
            "eu-west-1",
            id="ARN of a profile",
        ),
        pytest.param("", f"us.{SONNET}", f"us.{SONNET}", "aws", "us", id="Bedrock's form"),
        pytest.param(
            "", "amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0", "aws", "", id="Bedrock's form, without region"
        ),
        pytest.param("", f"bedrock/us-east-1/{SONNET}", SONNET, "aws", "us-east-1", id="provider and region"),
        pytest.param("aws", f"eu-west-1/{SONNET}", SONNET, "aws", "eu-west-1", id="region"),
        pytest.param("aws", f"bedrock/converse/{SONNET}", SONNET, "aws", "", id="the way it is called"),
        pytest.param("", f"litellm/bedrock/{SONNET}", SONNET, "aws", "", id="behind a gateway"),
        pytest.param("azure", "azure/eu/gpt-4o", "gpt-4o", "azure", "eu", id="Azure's data zone"),
        pytest.param("", "openai/gpt-4o", "gpt-4o", "openai", "", id="provider/model"),
        pytest.param("", "openai:gpt-4o", "gpt-4o", "openai", "", id="provider:model"),
        pytest.param("", "x-ai/grok-4", "grok-4", "x-ai", "", id="provider with a dash"),
        pytest.param(
            "together", "openai/gpt-oss-120b", "openai/gpt-oss-120b", "together", "", id="a maker's path stays"
        ),
        pytest.param("openrouter", "openai/gpt-4o:nitro", "openai/gpt-4o", "openrouter", "", id="variant nitro"),
        pytest.param("openrouter", "openai/gpt-4o:floor", "openai/gpt-4o", "openrouter", "", id="variant floor"),
        pytest.param("openrouter", "openai/gpt-4o:online", "openai/gpt-4o", "openrouter", "", id="variant online"),
        pytest.param("openrouter", "m/x:free", "m/x:free", "openrouter", "", id="free is another product"),
        pytest.param("openai", "ft:gpt-4o-2024-08-06:acme::abc", "ft:gpt-4o-2024-08-06", "openai", "", id="fine-tune"),
        pytest.param(
            "", "ft:gpt-4o-2024-08-06:acme:x:abc", "ft:gpt-4o-2024-08-06", "", "", id="fine-tune, no provider"
        ),
        pytest.param("", "deepseek-r1:70b", "deepseek-r1:70b", "", "", id="a colon that is no provider's"),
    ],
)
def test_readings(host: str, name: str, model: str, read_host: str, region: str) -> None:
    found = [(each.model, each.host, each.region) for each in readings(name, KNOWN, host)]
    assert (model, read_host, region) in found


@pytest.mark.parametrize(
    ("provider", "name", "found", "usd_per_million"),
    [
        pytest.param(None, "models/gemini-2.5-pro", "google/gemini-2.5-pro", 1.25, id="Gemini API"),
        pytest.param("gcp.gemini", "models/gemini-2.5-pro", "google/gemini-2.5-pro", 1.25, id="Gemini API, provider"),
        pytest.param("vertex_ai", "publishers/anthropic/models/claude-sonnet-4-5@20250929", "google/claude-sonnet-4-5",
                     3.0, id="Claude on Vertex"),
        pytest.param(None, f"us.{SONNET}", f"aws/regional.{SONNET}", 3.3, id="Bedrock profile without provider"),
        pytest.param(None, f"global.{SONNET}", f"aws/global.{SONNET}", 3.0, id="global profile"),
        pytest.param(None, f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.{SONNET}",
                     f"aws/regional.{SONNET}", 3.3, id="ARN without provider"),
        pytest.param("aws.bedrock", "arn:aws:bedrock:us-east-1::foundation-model/" + HAIKU,
                     f"aws/regional.{HAIKU}", 0.25, id="ARN with provider"),
        pytest.param(None, "ft:gpt-4o-mini-2024-07-18:acme::abc", "openai/ft:gpt-4o-mini", 0.3, id="fine-tune"),
        pytest.param("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc", "openai/ft:gpt-4o-mini", 0.3,
                     id="fine-tune, provider"),
        pytest.param("", "gpt-4o", "openai/gpt-4o", 2.5, id="an empty provider is none"),
        pytest.param(None, "openrouter/anthropic/claude-opus-4.5:nitro", "openrouter/anthropic/claude-opus-4.5", 5.0,
                     id="OpenRouter's variant"),
        pytest.param(None, "glm-4.6", "zai/GLM-4.6", 0.6, id="its maker's own"),
        pytest.param("azure.chat", "gpt-4o", "azure/gpt-4o", 2.5, id="Azure, by the Vercel AI SDK"),
        pytest.param("grok", "grok-4", "x-ai/grok-4-0709", 3.0, id="grok is xAI"),
    ],
)  # fmt: skip
def test_names_are_priced(provider: str | None, name: str, found: str, usd_per_million: float) -> None:
    card = RateBook.bundled().resolve(provider, name, NOW_MS)
    assert f"{card.provider}/{card.model}" == found
    assert card.tiers[0].input == round(usd_per_million * 10**6)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        pytest.param("ollama", "deepseek-r1:70b", id="a host that the catalogue does not know"),
        pytest.param("ollama", "gpt-oss:20b", id="another model there"),
        pytest.param(None, "deepseek-v4.1-flash", id="its maker does not list it, a reseller does"),
        pytest.param(None, "qwen3-32b", id="resellers that differ"),
        pytest.param("anthropic", "claude-opus-4-5-cyber", id="another product: -cyber"),
        pytest.param("openrouter", "anthropic/claude-opus-4.5-mini", id="another product: -mini"),
        pytest.param("deepseek", "deepseek-r1-distill-llama-70b", id="another product: -distill-…"),
        pytest.param("google", "gemini-3.8-flash-cyber", id="another product behind a clause"),
        pytest.param("aws.bedrock", f"arn:aws:bedrock:us-east-1:{ACCOUNT}:application-inference-profile/abc",
                     id="an application profile names no model"),
        pytest.param("vertex_ai", "projects/p/locations/us-central1/endpoints/123", id="nor does an endpoint"),
    ],
)  # fmt: skip
def test_no_guess_is_a_price(provider: str | None, name: str) -> None:
    card = RateBook.bundled().resolve(provider, name, NOW_MS)
    assert not card.priced
    assert card.rule


@pytest.mark.parametrize(
    ("name", "base"),
    [
        pytest.param("gpt-4o-2024-08-06", "gpt-4o", id="date"),
        pytest.param("claude-sonnet-4-20250514", "claude-sonnet-4", id="compact date"),
        pytest.param("claude-sonnet-4@20250514", "claude-sonnet-4", id="Vertex' version"),
        pytest.param("gemini-1.5-flash-001", "gemini-1.5-flash", id="number of three digits"),
        pytest.param("gpt-4-0613", "gpt-4", id="month and day"),
        pytest.param("amazon.nova-pro-v1:0:24k", "amazon.nova-pro", id="Bedrock's version and context"),
        pytest.param("mistral-large-latest", "mistral-large", id="latest"),
        pytest.param("claude-opus-5@default", "claude-opus-5", id="default"),
        pytest.param("gpt-4o-mini", "gpt-4o-mini", id="mini is another product"),
        pytest.param("claude-opus-4-5", "claude-opus-4-5", id="a number in a name is no version"),
        pytest.param("gpt-4-1106-preview", "gpt-4-1106-preview", id="nor is a preview"),
        pytest.param("20250514", "20250514", id="nothing but a version"),
    ],
)
def test_base_names(name: str, base: str) -> None:
    assert base_name(name) == base


@pytest.mark.parametrize(
    ("name", "stem", "is_version"),
    [
        pytest.param("deepseek-r1-0528", "deepseek-r1", True, id="date"),
        pytest.param("deepseek-r1-distill-qwen-32b", "deepseek-r1", False, id="distilled"),
        pytest.param("gpt-4o-2024-08-06", "gpt-4o-2024-", True, id="the stem ends in a date"),
        pytest.param("gemini-2.5-pro-preview-05-06", "gemini-2.5-pro", True, id="dated preview"),
        pytest.param("claude-opus-4-5-fast", "claude-opus-4-5", False, id="fast"),
        pytest.param("claude-opus-4-5", "claude-opus-4-5", True, id="nothing behind it"),
    ],
)
def test_versions(name: str, stem: str, is_version: bool) -> None:  # noqa: FBT001  # a column of the table
    assert is_version_of(name, stem) is is_version


@given(st.text(max_size=60), st.sampled_from(["", "aws", "azure", "google", "openrouter"]))
def test_any_text_is_read(name: str, host: str) -> None:
    found = readings(name, KNOWN, host)
    assert found[0].model.removeprefix("global.anthropic.") in (name.strip().lower(), *(each.model for each in found))
    assert len({(each.model, each.host) for each in found}) == len(found)
    assert isinstance(is_opaque(name), bool)
