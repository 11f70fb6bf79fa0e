"""Matching: which model a name means, and the rule that says why."""

import pytest
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    Provider,
)

from burnline.pricing.catalogue import MATCHES_HELD, Catalogue
from burnline.pricing.matching import ModelIndex, dashed_dates, predicate, rule_text
from burnline.pricing.providers import CATALOGUE_IDS


def model(name: str, clause: MatchLogic | None = None) -> ModelInfo:
    return ModelInfo(name, clause or ClauseEquals(name), prices=ModelPrice())


def provider(name: str, *models: ModelInfo, **more: object) -> Provider:
    return Provider(name, name, "", models=list(models), **more)  # type: ignore[arg-type]  # the test's own shorthand


SMALL = Catalogue(
    [
        provider("cloud", model("own"), fallback_model_providers=["gone", "maker", "writer"]),
        provider("host", model("maker/maker-1"), model("shared")),
        provider(
            "maker",
            model("maker-1", ClauseStartsWith("maker-1")),
            model("maker-1-mini", ClauseEquals("maker-1-mini")),
            model("dated", ClauseEquals("maker-2-2025-12-11")),
            model_match=ClauseStartsWith("maker-"),
            provider_match=ClauseContains("makers"),
        ),
        provider("writer", model("Writer-Pro"), model("shared"), model_match=ClauseContains("writer")),
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
        pytest.param("maker", "maker-1x", ("maker", "maker-1"), "catalogue: starts_with maker-1", id="rule"),
        pytest.param(
            "maker",
            "maker-2-20251211",
            ("maker", "dated"),
            "catalogue: equals maker-2-2025-12-11, read as 'maker-2-2025-12-11'",
            id="compact date",
        ),
        pytest.param("my-makers", "maker-1", ("maker", "maker-1"), "exact id", id="provider by the catalogue's rule"),
        pytest.param("cloud", "own", ("cloud", "own"), "exact id", id="own model"),
        pytest.param(
            "cloud",
            "maker-1",
            ("cloud", "maker-1"),
            "cloud serves maker's models: exact id",
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
            "vllm",
            "maker-1",
            ("maker", "maker-1"),
            "provider 'vllm' is not in the catalogue, maker claims the name: exact id",
            id="unknown provider",
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
            None, "own", ("cloud", "own"), "no provider given, cloud: exact id", id="exact id anywhere: only one has it"
        ),
        pytest.param(
            None,
            "shared",
            ("host", "shared"),
            "no provider given, host, first of 2 providers that list it: exact id",
            id="exact id anywhere: the first that has it",
        ),
        pytest.param(
            "litellm",
            "cloud/maker-1",
            ("cloud", "maker-1"),
            "the name begins with cloud/: cloud serves maker's models: exact id",
            id="gateway",
        ),
        pytest.param(
            "litellm",
            "maker-1",
            ("maker", "maker-1"),
            "litellm is a gateway, maker claims the name: exact id",
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
        pytest.param(None, "maker-9", "", "no provider given, and no provider in the catalogue has a model 'maker-9'",
                     id="claimed, but unknown"),
        pytest.param("vllm", "x", "",
                     "provider 'vllm' is not in the catalogue, and no provider in the catalogue has a model 'x'",
                     id="nothing is known"),
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
            model("a", ClauseOr([ClauseEquals("x-1"), ClauseEndsWith("-9")])),
            model("b", ClauseContains("x-")),
            model("c", ClauseEquals("x-2")),
            model("d", ClauseEquals("y")),
        ]
    )
    found = {name: index.by_rule(name) for name in ("x-1", "x-9", "x-2", "x-3", "y", "z")}
    assert {name: match and (match.entry.id, match.rule) for name, match in found.items()} == {
        "x-1": ("a", "catalogue: equals x-1"),
        "x-9": ("a", "catalogue: ends_with -9"),
        "x-2": ("b", "catalogue: contains x-"),
        "x-3": ("b", "catalogue: contains x-"),
        "y": ("d", "catalogue: equals y"),
        "z": None,
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


def test_memory_is_bounded_against_endless_misspelt_names() -> None:
    catalogue = Catalogue([provider("maker", model("m"))])
    for number in range(MATCHES_HELD + 10):
        catalogue.match("maker", f"typo-{number}")
    assert catalogue._remembered.cache_info().currsize == MATCHES_HELD


@pytest.mark.parametrize(
    ("name", "provider_id"),
    [
        *(pytest.param(name, known, id=name) for name, known in sorted(CATALOGUE_IDS.items())),
        pytest.param("ibm.watsonx.ai", None, id="ibm.watsonx.ai is not in the catalogue"),
        pytest.param("amazon", "aws", id="by the catalogue's own rule"),
        pytest.param("ollama", None, id="unknown"),
    ],
)
def test_provider_names_lead_into_the_bundled_catalogue(name: str, provider_id: str | None) -> None:
    assert Catalogue.bundled().provider_id(name) == provider_id


def test_the_bundled_catalogue_is_built_once() -> None:
    assert Catalogue.bundled() is Catalogue.bundled()
