"""Tokens: what is kept of them, and which are good."""

import hmac
import re
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from burnline.api.access import tokens
from burnline.api.access.roles import Principal, Role
from burnline.api.access.tokens import Refusal, TokenRecord, judge, mint

NOW = 1_760_000_000_000


def made(**changes: object) -> tuple[str, TokenRecord]:
    text, record = mint("ci", Role.EDITOR, frozenset({"acme"}), now_ms=NOW, expires_at=NOW + 1_000)
    return text, record.model_copy(update=changes)


def test_a_token_is_an_id_and_256_random_bits() -> None:
    text, record = made()
    assert re.fullmatch(r"bl_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", text)
    assert text.split("_")[1] == record.id
    assert made()[0] != text


def test_the_record_does_not_hold_the_secret() -> None:
    text, record = made()
    secret = text.split("_", 2)[2]
    assert secret not in record.model_dump_json()
    assert secret not in repr(record)
    assert record.sha256 not in repr(record)


def test_a_record_reads_back_from_its_json() -> None:
    _, record = made()
    assert TokenRecord.model_validate_json(record.model_dump_json()) == record


def test_a_good_token_lets_its_principal_in() -> None:
    text, record = made()
    assert judge(text, {record.id: record}, NOW) == record
    assert record.principal() == Principal(f"token:{record.id}", Role.EDITOR, frozenset({"acme"}))


@pytest.mark.parametrize(
    ("at", "state"), [(NOW + 999, "active"), (NOW + 1_000, "expired"), (NOW + 1_001, "expired")], ids=str
)
def test_it_ends_when_it_expires(at: int, state: str) -> None:
    text, record = made()
    assert record.state(at) == state
    assert judge(text, {record.id: record}, at) == (record if state == "active" else Refusal.EXPIRED)


def test_a_revoked_one_is_refused_whatever_its_expiry() -> None:
    text, record = made(revoked_at=NOW)
    assert record.state(NOW + 5_000) == "revoked"
    assert judge(text, {record.id: record}, NOW + 5_000) is Refusal.REVOKED


def test_a_token_without_end_does_not_end() -> None:
    text, record = made(expires_at=None)
    assert judge(text, {record.id: record}, NOW * 2) == record


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text[:3] + ("0" if text[3] != "0" else "1") + text[4:],
        lambda text: text + "A",
        lambda text: text[:-1],
        lambda text: text.replace("bl_", "BL_", 1),
        lambda text: text.upper(),
        lambda text: text[:0],
        lambda text: text + "\n",
    ],
    ids=["secret", "id", "longer", "shorter", "prefix", "case", "empty", "line end"],
)
def test_whatever_is_wrong_the_answer_is_the_same(change: object) -> None:
    text, record = made()
    assert judge(change(text), {record.id: record}, NOW) is Refusal.UNKNOWN  # type: ignore[operator]  # a lambda


@given(st.text())
def test_no_text_lets_in_or_fails(text: str) -> None:
    _, record = made()
    assert judge(text, {record.id: record}, NOW) is Refusal.UNKNOWN


def test_nobody_s_record_lets_nobody_in() -> None:
    assert judge(f"bl_{'0' * 12}_{'A' * 43}", {}, NOW) is Refusal.UNKNOWN


@pytest.mark.parametrize("known", [True, False], ids=["wrong secret", "unknown id"])
def test_wrong_and_unknown_take_the_same_steps(*, known: bool) -> None:
    """Timing itself is no test: it is the path that is held to be one. Each hashes once and compares once."""
    _, record = made()
    wrong = f"bl_{record.id if known else 'f' * 12}_{'A' * 43}"
    with (
        patch.object(tokens, "_digest", wraps=tokens._digest) as hashed,
        patch("burnline.api.access.tokens.hmac.compare_digest", wraps=hmac.compare_digest) as compared,
    ):
        assert judge(wrong, {record.id: record}, NOW) is Refusal.UNKNOWN
    hashed.assert_called_once_with("A" * 43)
    ((left, right), _) = compared.call_args
    assert compared.call_count == 1
    assert len(left) == len(right) == 64


@pytest.mark.parametrize(
    "fields",
    [{"name": ""}, {"name": "a\nb"}, {"name": "x" * 257}, {"orgs": frozenset({""})}, {"orgs": frozenset({"a\x1b"})}],
    ids=["no name", "line end", "long name", "no org", "escape"],
)
def test_what_a_token_cannot_be(fields: dict[str, object]) -> None:
    own: dict[str, object] = {"name": "ci", "orgs": None, **fields}
    with pytest.raises(ValidationError):
        mint(own["name"], Role.VIEWER, own["orgs"], now_ms=NOW, expires_at=None)  # type: ignore[arg-type]  # wrong on purpose


def test_each_role_covers_those_before_it() -> None:
    roles = list(Role)
    assert [[one.covers(other) for other in roles] for one in roles] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


@pytest.mark.parametrize(
    ("orgs", "sees"), [(None, True), (frozenset({"acme"}), True), (frozenset({"b"}), False), (frozenset(), False)]
)
def test_who_sees_an_organisation(orgs: frozenset[str] | None, *, sees: bool) -> None:
    assert Principal("x", Role.ADMIN, orgs).sees("acme") == sees
