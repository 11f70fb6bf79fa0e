"""What is remembered of names that nobody knows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.pricing.catalogue import Catalogue
from burnline.pricing.unknown import Unknown, UnknownNames

BUNDLED = Catalogue.bundled()


def noted(names: UnknownNames, name: str, host: str = "maker") -> None:
    names.note((host, name, ""), repr(name), Unknown(host, f"{host} lists no model {name!r}"))


def test_a_sentence_comes_back_with_its_name() -> None:
    names = UnknownNames()
    noted(names, "a")
    assert names.get(("maker", "a", ""), "'a'") == Unknown("maker", "maker lists no model 'a'")
    assert names.get(("maker", "b", ""), "'b'") is None
    assert names.get(("other", "a", ""), "'a'") is None


@pytest.mark.parametrize(("count", "held"), [(9, 9), (10, 10), (11, 1)])
def test_when_it_is_full_it_begins_anew(count: int, held: int) -> None:
    names = UnknownNames(names_held=10)
    for number in range(count):
        noted(names, f"n-{number}")
    assert len(names) == held


def test_endless_sentences_are_not_remembered() -> None:
    names = UnknownNames(sentences_held=2)
    for host in ("a", "b", "c", "a"):
        noted(names, f"of-{host}", host)
    assert [names.get((host, f"of-{host}", ""), "x") is not None for host in ("a", "b", "c")] == [True, True, False]


@given(st.sampled_from(["", "openai", "aws", "azure", "google", "nobody", "litellm"]), st.text(max_size=40))
def test_what_is_remembered_is_what_was_found(provider: str, model: str) -> None:
    fresh = BUNDLED._match(provider, model.strip().lower(), "")
    assert BUNDLED.match(provider, model) == fresh
    assert BUNDLED.match(provider, model) == fresh
