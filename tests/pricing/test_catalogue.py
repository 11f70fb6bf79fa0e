"""Matching: which model a name means, and the rule that says why."""

import re
import subprocess
import sys
from datetime import time
from decimal import Decimal

import pytest
from genai_prices.data import providers
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    ConditionalPrice,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    Provider,
    TimeOfDateConstraint,
)

from burnline.pricing.catalogue import MATCHES_HELD, Catalogue, Match
from burnline.pricing.clauses import predicate, rule_text
from burnline.pricing.corrections import CORRECTIONS
from burnline.pricing.matching import ModelIndex, dashed_dates
from burnline.pricing.providers import provider_words


def model(name: str, clause: MatchLogic | None = None) -> ModelInfo:
    return ModelInfo(name, clause or ClauseEquals(name), prices=ModelPrice())


def provider(name: str, *models: ModelInfo, **more: object) -> Provider:
    return Provider(name, name, "", models=list(models), **more)  # type: ignore[arg-type]  # the test's own shorthand


RATES_SET = "`burnline rates set` gives it a rate"
BY_THE_HOUR = [
    ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(1))),
    ConditionalPrice(TimeOfDateConstraint(time(1), time(4)), prices=ModelPrice(input_mtok=Decimal(2))),
]
SMALL = Catalogue(
    [
        provider("cloud", model("own"), fallback_model_providers=["gone", "maker", "writer"]),
        provider("host", model("maker/maker-1"), model("shared"), model("path/differs")),
        provider(
            "maker",
            model("maker-1", ClauseStartsWith("maker-1")),
            model("maker-1-mini", ClauseEquals("maker-1-mini")),
            model("dated", ClauseEquals("maker-2-2025-12-11")),
            ModelInfo("by-the-hour", ClauseEquals("by-the-hour"), prices=BY_THE_HOUR),
            model_match=ClauseStartsWith("maker-"),
        ),
        provider("writer", model("Writer-Pro"), model("shared"), model_match=ClauseContains("writer")),
        provider("zeta", ModelInfo("differs", ClauseEquals("differs"), prices=ModelPrice(input_mtok=Decimal(1)))),
    ]
)


@pytest.mark.parametrize(
    ("given", "name", "found", "rule"),
    [
        pytest.param("maker", "maker-1", ("maker", "maker-1"), "exact id", id="exact id"),
        pytest.param("MAKER ", " Maker-1", ("maker", "maker-1"), "exact id", id="case and blanks do not matter"),
        pytest.param(
            "maker", "maker-1-mini", ("maker", "maker-1-mini"), "exact id", id="exact id before an earlier model's rule"
        ),
        pytest.param(
            "maker",
            "maker-1-20260101",
            ("maker", "maker-1"),
            "catalogue: starts_with maker-1",
            id="rule, and a version",
        ),
        pytest.param(
            "maker",
            "maker-2-20251211",
            ("maker", "dated"),
            "catalogue: equals maker-2-2025-12-11, read as 'maker-2-2025-12-11'",
            id="compact date",
        ),
        pytest.param("Maker.chat", "maker-1", ("maker", "maker-1"), "exact id", id="provider by its words"),
        pytest.param("cloud", "own", ("cloud", "own"), "exact id", id="own model"),
        pytest.param(
            "cloud",
            "maker-1",
            ("cloud", "maker-1"),
            "it serves maker's models: exact id",
            id="fallback, past one that is gone",
        ),
        pytest.param(
            None,
            "writer-pro",
            ("writer", "Writer-Pro"),
            "no provider given, writer claims the name: exact id",
            id="no provider",
        ),
        pytest.param(
            "", "maker-1", ("maker", "maker-1"), "no provider given, maker claims the name: exact id", id="empty"
        ),
        pytest.param(
            "cloud",
            "maker/maker-1",
            ("cloud", "maker-1"),
            "it serves maker's models: exact id",
            id="fallback, with path",
        ),
        pytest.param(
            None,
            "maker/maker-1-mini",
            ("maker", "maker-1-mini"),
            "the name begins with maker/: exact id",
            id="name with its provider before it",
        ),
        pytest.param(
            None, "cloud:own", ("cloud", "own"), "the name begins with cloud:: exact id", id="and with a colon"
        ),
        pytest.param(
            None,
            "own",
            ("cloud", "own"),
            "no provider given, only cloud lists it",
            id="exact id anywhere: only one has it",
        ),
        pytest.param(
            None,
            "shared",
            ("", "shared"),
            "no provider given, all 2 providers that list it agree",
            id="exact id anywhere: all that have it agree",
        ),
        pytest.param(
            "litellm",
            "cloud/maker-1",
            ("cloud", "maker-1"),
            "the name begins with cloud/: it serves maker's models: exact id",
            id="gateway",
        ),
        pytest.param(
            "litellm",
            "maker-1",
            ("maker", "maker-1"),
            "'litellm' is a gateway, maker claims the name: exact id",
            id="gateway, plain name",
        ),
    ],
)
def test_names_are_matched_in_order(given: str | None, name: str, found: tuple[str, str], rule: str) -> None:
    match = SMALL.match(given, name)
    assert match.entry is not None
    assert (match.provider, match.entry.id) == found
    assert match.rule == rule


@pytest.mark.parametrize(
    ("given", "name", "provider_id", "rule"),
    [
        pytest.param("maker", "own", "maker", "maker lists no model 'own'; without a provider it would be cloud/own",
                     id="a known provider without the model is not guessed at"),
        pytest.param("maker", "x", "maker", "maker lists no model 'x'", id="nobody has it"),
        pytest.param(None, "maker-9", "",
                     "no provider given, and maker claims the name but lists no such model: " + RATES_SET,
                     id="claimed, but unknown"),
        pytest.param(None, "x", "", "no provider given, and no provider in the catalogue has a model 'x'",
                     id="nobody knows it"),
        pytest.param("vllm", "maker-1", "", "provider 'vllm' is not in the catalogue: " + RATES_SET,
                     id="who hosts it sets its price"),
        pytest.param("my-makers", "maker-1", "", "provider 'my-makers' is not in the catalogue: " + RATES_SET,
                     id="a provider whose name merely holds another's"),
        pytest.param("maker", "maker-1-fast", "maker", "maker lists no model 'maker-1-fast'", id="another product"),
        pytest.param(None, "differs", "",
                     "no provider given, and the 2 providers that list it differ in price: name the provider, or "
                     + RATES_SET, id="providers that differ"),
        pytest.param("cloud", "by-the-hour", "cloud",
                     "maker prices it by the hour, and cloud does not: " + RATES_SET, id="another host's hours"),
        pytest.param("maker", "x" * 300, "maker", f"maker lists no model '{'x' * 79}…'", id="long names are shortened"),
    ],
)  # fmt: skip
def test_what_does_not_match_says_why(given: str | None, name: str, provider_id: str, rule: str) -> None:
    match = SMALL.match(given, name)
    assert match.entry is None
    assert match.provider == provider_id
    assert match.rule == rule


@pytest.mark.parametrize(
    ("clause", "text", "yes", "no"),
    [
        pytest.param(ClauseEquals("GPT-4"), "equals GPT-4", "gpt-4", "gpt-4o", id="equals"),
        pytest.param(ClauseStartsWith("GPT-"), "starts_with GPT-", "gpt-4", "my-gpt-4", id="starts_with"),
        pytest.param(ClauseEndsWith(":Free"), "ends_with :Free", "m:free", "m:free2", id="ends_with"),
        pytest.param(ClauseContains("Sonnet"), "contains Sonnet", "a-sonnet-4", "opus", id="contains"),
        pytest.param(ClauseRegex("^o[134]"), "regex ^o[134]", "o3-mini", "o2", id="regex"),
        pytest.param(
            ClauseAnd([ClauseContains("a"), ClauseContains("b")]), "contains a and contains b", "ab", "a", id="and"
        ),
        pytest.param(
            ClauseAnd([ClauseOr([ClauseEquals("ab"), ClauseEquals("b")]), ClauseContains("a")]),
            "equals ab or equals b and contains a",
            "ab",
            "b",
            id="or within and",
        ),
    ],
)
def test_clauses(clause: MatchLogic, text: str, yes: str, no: str) -> None:
    holds = predicate(clause)
    assert (holds(yes), holds(no)) == (True, False)
    assert (clause.is_match(yes), clause.is_match(no)) == (True, False)
    assert rule_text(clause) == text


def test_the_first_model_whose_clause_holds_wins_whatever_its_kind() -> None:
    index = ModelIndex(
        [
            model("a", ClauseOr([ClauseEquals("x-1"), ClauseEndsWith("x-9")])),
            model("b", ClauseContains("x-2")),
            model("c", ClauseEquals("x-2")),
            model("d", ClauseEquals("y")),
        ]
    )
    found = {name: index.by_rule(name) for name in ("x-1", "a/x-9", "x-2", "x-2-2025", "y", "z", "x-9", "x-2-mini")}
    assert {name: match and (match.entry.id, match.rule) for name, match in found.items()} == {
        "x-1": ("a", "catalogue: equals x-1"),
        "a/x-9": ("a", "catalogue: ends_with x-9"),
        "x-2": ("b", "catalogue: contains x-2"),
        "x-2-2025": ("b", "catalogue: contains x-2"),
        "y": ("d", "catalogue: equals y"),
        "x-9": ("a", "catalogue: ends_with x-9"),
        "z": None,
        "x-2-mini": None,
    }


@pytest.mark.parametrize(
    ("name", "dashed"),
    [
        pytest.param("gpt-5.2-20251211", "gpt-5.2-2025-12-11", id="at the end"),
        pytest.param("m-20250101-v1:0", "m-2025-01-01-v1:0", id="before a dash"),
        pytest.param("m-20250101:free", "m-2025-01-01:free", id="before a colon"),
        pytest.param("m-20251301", "m-20251301", id="no such month"),
        pytest.param("m-20250229", "m-20250229", id="no such day"),
        pytest.param("m-20240229", "m-2024-02-29", id="leap day"),
        pytest.param("m-19991231", "m-19991231", id="another century"),
        pytest.param("m20250101", "m20250101", id="no dash before"),
        pytest.param("m-202501011", "m-202501011", id="longer number"),
    ],
)
def test_compact_dates(name: str, dashed: str) -> None:
    assert dashed_dates(name) == dashed


def test_endless_misspelt_names_are_matched_once_each_and_push_out_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue([provider("maker", model("m"))])
    matched: list[str] = []

    def counted(provider_name: str, name: str, region: str) -> Match:
        matched.append(name)
        return Catalogue._match(catalogue, provider_name, name, region)

    monkeypatch.setattr(catalogue, "_match", counted)
    names = ["m", *(f"typo-{number}" for number in range(3 * MATCHES_HELD))]
    first = [catalogue.match("maker", name) for name in names]
    assert [catalogue.match("maker", name) for name in names] == first  # the sentences with their names, too
    assert matched == names
    assert len(catalogue._known) == 1


def test_endless_spellings_of_a_model_take_bounded_memory() -> None:
    catalogue = Catalogue([provider("maker", model("m"))])
    for number in range(MATCHES_HELD + 10):
        assert catalogue.match("maker", f"m-v{number}").entry is not None
    assert len(catalogue._known) == 10


SPELLINGS = [
    # OpenTelemetry: gen_ai.provider.name, and gen_ai.system before it was renamed
    ("anthropic", "anthropic"), ("aws.bedrock", "aws"), ("azure.ai.inference", "azure"), ("azure.ai.openai", "azure"),
    ("cohere", "cohere"), ("deepseek", "deepseek"), ("gcp.gemini", "google"), ("gcp.gen_ai", "google"),
    ("gcp.vertex_ai", "google"), ("groq", "groq"), ("mistral_ai", "mistral"), ("openai", "openai"),
    ("perplexity", "perplexity"), ("x_ai", "x-ai"), ("az.ai.inference", "azure"), ("az.ai.openai", "azure"),
    ("vertex_ai", "google"), ("xai", "x-ai"), ("moonshot_ai", "moonshotai"),
    # LangChain: ls_provider
    ("azure_openai", "azure"), ("google_genai", "google"), ("google_vertexai", "google"), ("amazon_bedrock", "aws"),
    ("bedrock_converse", "aws"), ("mistralai", "mistral"), ("together", "together"), ("fireworks", "fireworks"),
    ("google_anthropic_vertex", "google"),
    # the Vercel AI SDK
    ("openai.chat", "openai"), ("openai.responses", "openai"), ("azure.chat", "azure"), ("azure-openai.chat", "azure"),
    ("anthropic.messages", "anthropic"), ("google.generative-ai", "google"), ("google.vertex.chat", "google"),
    ("vertex.anthropic.messages", "google"), ("xai.chat", "x-ai"), ("groq.chat", "groq"), ("mistral.chat", "mistral"),
    ("amazon-bedrock", "aws"), ("togetherai.chat", "together"), ("deepseek.chat", "deepseek"),
    ("fireworks.chat", "fireworks"), ("cohere.chat", "cohere"), ("cerebras.chat", "cerebras"),
    # LiteLLM
    ("azure_ai", "azure"), ("azure_text", "azure"), ("bedrock", "aws"), ("bedrock_mantle", "aws"),
    ("vertex_ai-anthropic_models", "google"), ("vertex_ai-language-models", "google"), ("gemini", "google"),
    ("vertex_ai-llama_models", "google"), ("together_ai", "together"), ("fireworks_ai", "fireworks"),
    ("text-completion-openai", "openai"), ("cohere_chat", "cohere"), ("moonshot", "moonshotai"), ("zai", "zai"),
    ("bigmodel", "zhipuai"), ("voyage", "voyageai"), ("github_copilot", "github-copilot"),
    # as people write them
    ("grok", "x-ai"), ("togetherai", "together"), ("amazon", "aws"), ("AWS Bedrock", "aws"), ("Azure OpenAI", "azure"),
    ("Google Vertex AI", "google"), ("z.ai", "zai"),
]  # fmt: skip
NOBODYS = ("ollama", "vllm", "lmstudio", "llamacpp", "my-openai-proxy", "openai_like", "custom_openai", "deepinfra",
           "oci", "chat", "ai")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "provider_id"),
    [
        *(pytest.param(name, known, id=name) for name, known in SPELLINGS),
        pytest.param("ibm.watsonx.ai", None, id="ibm.watsonx.ai is not in the catalogue"),
        *(pytest.param(name, None, id=f"{name} is nobody's") for name in NOBODYS),
    ],
)
def test_provider_names_lead_into_the_bundled_catalogue(name: str, provider_id: str | None) -> None:
    assert Catalogue.bundled().provider_id(name) == provider_id


def test_no_two_providers_of_the_bundled_catalogue_have_the_same_words() -> None:
    words = [provider_words(each.id) for each in providers]
    assert len(set(words)) == len(words)


def test_the_bundled_catalogue_is_built_once() -> None:
    assert Catalogue.bundled() is Catalogue.bundled()


def test_the_version_is_one_of_all_that_prices_follow_from() -> None:
    """The same in every process: workers compare it."""
    program = "from burnline.pricing.catalogue import Catalogue; print(Catalogue.bundled().version)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert told == Catalogue.bundled().version
    assert re.fullmatch("[0-9a-f]{12}", told)
    assert len({told, Catalogue(providers).version, Catalogue(providers[1:], CORRECTIONS).version}) == 3
