"""JWTs of an issuer, against its keys over HTTP: what lets in, as whom, and what does not."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from burnline.api.access.keys import FRESH_S, LEAST_PAUSE_S, STALE_S, IssuerKeys, KeysUnknown
from burnline.api.access.oidc import LEEWAY_S, Claims, JwtRefused, Oidc, oidc_of, principal_of
from burnline.api.access.roles import Principal, Role
from burnline.settings import load_settings
from tests.api.access.issuer import AUDIENCE, KEYS, RSA, Issuer, by_hand, issuing

DEEP = "[" * 5_000


def encoded(text: str | bytes) -> str:
    """A part of a JWT."""
    return urlsafe_b64encode(text.encode() if isinstance(text, str) else text).decode().rstrip("=")


def from_now(seconds: int) -> int:
    """A time in a token: counted from the test, not from when the module was loaded, which may be long ago."""
    return int(time.time()) + seconds


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


class Seconds:
    """A clock in seconds."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def oidc(issuer: Issuer, **settings: Any) -> Oidc:
    found = oidc_of(load_settings(oidc_issuer=issuer.url, oidc_audience=AUDIENCE, **settings))
    assert found is not None
    return found


def let_in(issuer: Issuer, token: str, **settings: Any) -> Principal:
    return asyncio.run(oidc(issuer, **settings).principal(token))


def test_without_an_issuer_there_is_none() -> None:
    assert oidc_of(load_settings()) is None


@pytest.mark.parametrize("alg", KEYS)
def test_signatures_by_a_private_key_are_good(issuer: Issuer, alg: str) -> None:
    assert let_in(issuer, issuer.token(alg)) == Principal("oidc:ada", Role.VIEWER, frozenset())


def test_the_keys_are_where_settings_say(issuer: Issuer) -> None:
    issuer.answers["/keys"] = (200, json.dumps({"keys": issuer.keys}).encode())
    let_in(issuer, issuer.token(), oidc_jwks_url=f"{issuer.url}/keys")
    assert issuer.asked == ["/keys"]


def test_a_token_without_a_key_s_name_is_good_where_one_key_fits(issuer: Issuer) -> None:
    assert let_in(issuer, issuer.token(header={"alg": "RS256"})).subject == "oidc:ada"


def test_a_token_without_a_key_s_name_is_refused_where_several_fit(issuer: Issuer) -> None:
    issuer.keys.append(RSAKey.generate_key(2048, {"kid": "second"}).as_dict(private=False))
    with pytest.raises(JwtRefused, match="does not publish"):
        let_in(issuer, issuer.token(header={"alg": "RS256"}))


def test_headers_that_are_not_known_are_passed_over(issuer: Issuer) -> None:
    header = {"alg": "RS256", "kid": "rsa", "jku": "https://evil.example.com/jwks", "novel": 1}
    assert let_in(issuer, issuer.token(header=header)).subject == "oidc:ada"
    assert issuer.asked == ["/.well-known/openid-configuration", "/jwks"]


REFUSED: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "no signature": (lambda issuer: by_hand({"alg": "none"}, issuer.claims()), "not accepted"),
    "the public key as a secret": (
        lambda issuer: by_hand({"alg": "HS256", "kid": "rsa"}, issuer.claims(), RSA.as_pem(private=False)),
        "not accepted",
    ),
    "another key of the same name": (
        lambda issuer: issuer.token(key=RSAKey.generate_key(2048, {"kid": "rsa"})),
        "not valid here",
    ),
    "unknown key": (lambda issuer: issuer.token(key=RSAKey.generate_key(2048, {"kid": "new"})), "does not publish"),
    "key of another kind": (lambda issuer: issuer.token("RS256", header={"alg": "RS256", "kid": "ec"}), "does not pub"),
    "curve of another size": (
        lambda issuer: issuer.token("ES384", ECKey.generate_key("P-384"), {"alg": "ES384", "kid": "ec"}),
        "not valid here",
    ),
    "expired": (lambda issuer: issuer.token(exp=from_now(-LEEWAY_S - 5)), "has expired"),
    "no end": (lambda issuer: issuer.token(exp=None), "not valid here"),
    "not yet": (lambda issuer: issuer.token(nbf=from_now(600)), "not valid here"),
    "another issuer": (lambda issuer: issuer.token(iss="https://evil.example.com"), "not valid here"),
    "no issuer": (lambda issuer: issuer.token(iss=None), "not valid here"),
    "for others": (lambda issuer: issuer.token(aud="others"), "not valid here"),
    "for nobody": (lambda issuer: issuer.token(aud=None), "not valid here"),
    "no subject": (lambda issuer: issuer.token(sub=None), "not valid here"),
    "a subject that is no text": (lambda issuer: issuer.token(sub=7), "not valid here"),
    "no role": (lambda issuer: issuer.token(burnline_role=None), "names none of the roles"),
    "unknown role": (lambda issuer: issuer.token(burnline_role="owner"), "names none of the roles"),
    "changed": (lambda issuer: "{0}.{2}.{2}".format(*issuer.token().split(".")), "not valid here"),
    "no JWT": (lambda _: "garbage", "no JWT"),
    "no object": (lambda _: "WzFd.e30.x", "no JWT"),
    "key name is no text": (
        lambda _: urlsafe_b64encode(b'{"alg":"RS256","kid":7}').decode().rstrip("=") + ".e30.x",
        "no JWT",
    ),
    "a header nested deeply": (lambda _: encoded(DEEP) + ".e30.x", "no JWT"),
    "a known header with a field nested deeply": (
        lambda _: encoded('{"alg":"RS256","kid":"rsa","x":' + DEEP) + ".e30.x",
        "no JWT",
    ),
    "claims nested deeply": (lambda issuer: issuer.signed(DEEP), "not valid here"),
    "claims that are no object": (lambda issuer: issuer.signed("[1]"), "not valid here"),
    "critical headers that are no list": (
        lambda _: encoded('{"alg":"RS256","kid":"rsa","crit":7}') + ".e30.x",
        "not valid here",
    ),
    "a payload that is not encoded": (
        lambda _: encoded('{"alg":"RS256","kid":"rsa","b64":false,"crit":["b64"]}') + ".{}.x",
        "not valid here",
    ),
    "letters beyond ASCII": (lambda _: "ä.ö.ü", "no JWT"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(issuer: Issuer, case: str) -> None:
    make, why = REFUSED[case]
    with pytest.raises(JwtRefused, match=why) as refused:
        let_in(issuer, make(issuer))
    assert refused.value.known == ("role" in case)


@pytest.mark.parametrize(
    ("claim", "seconds"),
    [pytest.param("exp", -LEEWAY_S + 20, id="just expired"), pytest.param("nbf", LEEWAY_S - 5, id="soon valid")],
)
def test_clocks_may_differ_a_little(issuer: Issuer, claim: str, seconds: int) -> None:
    claims: dict[str, Any] = {claim: from_now(seconds)}
    assert let_in(issuer, issuer.token(**claims)).subject == "oidc:ada"


def test_one_of_several_audiences_is_enough(issuer: Issuer) -> None:
    assert let_in(issuer, issuer.token(aud=["others", AUDIENCE])).subject == "oidc:ada"


@pytest.mark.parametrize(
    ("claims", "all_orgs", "orgs"),
    [
        ({}, None, frozenset()),
        ({"burnline_orgs": []}, "*", frozenset()),
        ({"burnline_orgs": "acme"}, None, frozenset({"acme"})),
        ({"burnline_orgs": ["acme", "globex", 7]}, None, frozenset({"acme", "globex"})),
        ({"burnline_orgs": ["*"]}, None, frozenset({"*"})),
        ({"burnline_orgs": ["acme", "*"]}, "*", None),
        ({"burnline_orgs": {"acme": True}}, "*", frozenset()),
    ],
    ids=["no claim", "none", "one", "several", "no word for all", "all", "an object"],
)
def test_organisations_are_those_of_the_claim_and_none_without_it(
    claims: dict[str, Any], all_orgs: str | None, orgs: frozenset[str] | None
) -> None:
    wanted = Claims("i", ("a",), "burnline_role", "burnline_orgs", all_orgs)
    assert principal_of({"sub": "ada", "burnline_role": "viewer", **claims}, wanted).orgs == orgs


@pytest.mark.parametrize(
    ("name", "claims", "role"),
    [
        ("role", {"role": "editor"}, Role.EDITOR),
        ("role", {"role": ["viewer", "admin", "owner"]}, Role.ADMIN),
        ("realm_access.roles", {"realm_access": {"roles": ["editor"]}}, Role.EDITOR),
        ("https://example.com/role", {"https://example.com/role": "admin"}, Role.ADMIN),
    ],
    ids=["one", "the strongest of several", "within an object", "a name with dots"],
)
def test_roles_are_those_of_the_claim(name: str, claims: dict[str, Any], role: Role) -> None:
    assert principal_of({"sub": "ada", **claims}, Claims("i", ("a",), name, "orgs", None)).role == role


def test_a_path_through_what_is_no_object_finds_nothing() -> None:
    with pytest.raises(JwtRefused):
        principal_of({"sub": "ada", "realm": "admin"}, Claims("i", ("a",), "realm.roles", "orgs", None))


def keys_of(issuer: Issuer, clock: Seconds) -> IssuerKeys:
    return IssuerKeys(issuer.url, f"{issuer.url}/jwks", clock=clock)


def test_keys_are_fetched_once_however_many_ask(issuer: Issuer) -> None:
    async def story() -> None:
        clock = Seconds()
        keys = keys_of(issuer, clock)
        assert None not in await asyncio.gather(*(keys.find("RS256", "rsa") for _ in range(20)))
        clock.now += FRESH_S - 0.1
        await keys.find("RS256", "rsa")
        assert issuer.asked == ["/jwks"]
        clock.now += 0.1
        await keys.find("RS256", "rsa")
        assert issuer.asked == ["/jwks"] * 2

    asyncio.run(story())


def test_a_new_key_is_found_at_once_and_made_up_names_cost_little(issuer: Issuer) -> None:
    async def story() -> None:
        clock = Seconds()
        keys = keys_of(issuer, clock)
        await keys.find("RS256", "rsa")
        issuer.keys.append(RSAKey.generate_key(2048, {"kid": "new"}).as_dict(private=False))
        clock.now += LEAST_PAUSE_S - 0.1
        assert await keys.find("RS256", "new") is None
        assert len(issuer.asked) == 1
        clock.now += 0.1
        assert await keys.find("RS256", "new") is not None
        for number in range(20):
            assert await keys.find("RS256", f"made up {number}") is None
        assert len(issuer.asked) == 2

    asyncio.run(story())


def test_a_withdrawn_key_is_trusted_no_longer_than_it_is_fresh(issuer: Issuer) -> None:
    async def story() -> None:
        clock = Seconds()
        keys = keys_of(issuer, clock)
        await keys.find("RS256", "rsa")
        issuer.keys = issuer.keys[1:]
        clock.now += FRESH_S
        assert await keys.find("RS256", "rsa") is None

    asyncio.run(story())


def test_an_issuer_that_is_away_is_lived_with_for_a_while(issuer: Issuer) -> None:
    async def story() -> None:
        clock = Seconds()
        keys = keys_of(issuer, clock)
        await keys.find("RS256", "rsa")
        issuer.answers["/jwks"] = (503, b"")
        clock.now += STALE_S - 0.1
        assert await keys.find("RS256", "rsa") is not None
        with pytest.raises(KeysUnknown):  # it may be new, which cannot be said
            await keys.find("RS256", "new")
        clock.now += 0.1
        with pytest.raises(KeysUnknown):
            await keys.find("RS256", "rsa")
        del issuer.answers["/jwks"]
        with pytest.raises(KeysUnknown):  # not asked again yet
            await keys.find("RS256", "rsa")
        clock.now += LEAST_PAUSE_S
        assert await keys.find("RS256", "rsa") is not None

    asyncio.run(story())


AWAY = {
    "an error": (500, b""),
    "a redirect": (302, b"http://127.0.0.1:1/"),
    "no JSON": (200, b"<html>"),
    "no object": (200, b"[]"),
    "no list": (200, b'{"keys": 1}'),
    "nested deeply": (200, b"[" * 5_000),
    "too much": (200, b" " * (1 << 20) + b"{}"),
}


@pytest.mark.parametrize("case", AWAY)
def test_an_answer_that_holds_no_keys(issuer: Issuer, case: str) -> None:
    issuer.answers["/jwks"] = AWAY[case]
    with pytest.raises(KeysUnknown, match="cannot be fetched now"):
        asyncio.run(keys_of(issuer, Seconds()).find("RS256", "rsa"))


@pytest.mark.parametrize(
    "document",
    [{"issuer": "https://evil.example.com"}, {"jwks_uri": None}, {"jwks_uri": "http://evil.example.com/jwks"}],
    ids=["of another issuer", "without keys", "keys that anyone between could forge"],
)
def test_a_discovery_document_that_is_not_trusted(issuer: Issuer, document: dict[str, Any]) -> None:
    own = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/jwks", **document}
    issuer.answers["/.well-known/openid-configuration"] = (200, json.dumps(own).encode())
    with pytest.raises(KeysUnknown):
        let_in(issuer, issuer.token())
    assert "/jwks" not in issuer.asked


def test_nobody_there() -> None:
    with pytest.raises(KeysUnknown):
        asyncio.run(IssuerKeys("http://127.0.0.1:1", None).find("RS256", "rsa"))


@pytest.mark.parametrize(
    "key",
    [
        RSAKey.generate_key(2048, {"kid": "odd", "use": "enc"}).as_dict(private=False),
        RSAKey.generate_key(2048, {"kid": "odd", "alg": "RS512"}).as_dict(private=False),
        {"kty": "oct", "kid": "odd", "k": "A" * 43},
        {"kty": "RSA", "kid": "odd", "n": "AQAB", "e": "AQAB"},
        {"kty": "PQ", "kid": "odd"},
        {"kid": "odd"},
        "odd",
    ],
    ids=[
        "for encryption",
        "for another algorithm",
        "a shared secret",
        "too short",
        "unknown kind",
        "no kind",
        "no key",
    ],
)
def test_a_key_that_is_of_no_use_leaves_the_others(issuer: Issuer, key: Any) -> None:
    async def story() -> None:
        issuer.keys.append(key)
        keys = keys_of(issuer, Seconds())
        assert await keys.find("RS256", "odd") is None
        found = await keys.find("RS256", "rsa")
        assert found is not None
        assert found.as_dict(private=False) == RSA.as_dict(private=False)

    asyncio.run(story())


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
_headers = st.fixed_dictionaries(
    {"alg": st.sampled_from(["RS256", "ES256", "EdDSA"])},
    optional={
        "kid": st.sampled_from(["rsa", "ec", ""]) | _json,
        "crit": _json,
        "b64": _json,
        "zip": _json,
        "typ": _json,
    },
)
_part = st.one_of(
    st.text(max_size=40), st.binary(max_size=40).map(encoded), _json.map(json.dumps).map(encoded),
    _headers.map(json.dumps).map(encoded),
)  # fmt: skip


@given(st.lists(_part, max_size=6).map(".".join))
def test_no_text_is_anything_but_refused(text: str) -> None:
    async def known(alg: str, kid: str | None) -> Any:
        return KEYS[alg]

    keys = IssuerKeys("https://issuer.example.com", None)
    keys.find = known  # type: ignore[method-assign]
    with pytest.raises(JwtRefused):
        asyncio.run(Oidc(keys, Claims("i", ("a",), "role", "orgs", None)).principal(text))
