"""Signing in at an issuer: the code flow with PKCE, from the first redirect to the cookie, and out again."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from burnline.api.access.attempt import Attempt, own_path, with_query
from burnline.api.application import build_api
from burnline.settings import load_settings
from tests.api.access.issuer import AUDIENCE, Issuer, issuing, query_of

BASE = "http://testserver"
ME = "/api/v1/finops/me"
CALLBACK = f"{BASE}/sign-in/callback"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


@pytest.fixture
def browser(issuer: Issuer, redis_url: str) -> Iterator[TestClient]:
    """Keeps cookies, and shows each redirect."""
    with dashboard(issuer, redis_url) as found:
        yield found


def dashboard(issuer: Issuer, redis_url: str, **settings: Any) -> TestClient:
    own = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_client_id": "dashboard"}
    return TestClient(build_api(load_settings(redis_url=redis_url, **own | settings)), follow_redirects=False)


def sent_back(browser: TestClient, issuer: Issuer, then: str = "/trends?days=7") -> str:
    """Where the issuer sends a browser that went there to sign in."""
    there = browser.get("/sign-in/start", params={"next": then})
    assert there.status_code == 303, there.text
    assert there.headers["location"].startswith(f"{issuer.url}/authorize?")
    return issuer.authorize(query_of(there.headers["location"]))


def failed(answer: Response) -> str:
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?")
    return query_of(answer.headers["location"])["failed"]


class TestIn:
    """From the dashboard to the issuer and back."""

    def test_who_signs_in_has_the_roles_of_the_id_token(self, browser: TestClient, issuer: Issuer) -> None:
        issuer.id_claims = {"burnline_role": "editor", "burnline_orgs": ["acme"]}
        assert browser.get(ME).status_code == 401
        back = browser.get(sent_back(browser, issuer))
        assert (back.status_code, back.headers["location"]) == (303, "/trends?days=7")
        assert browser.get(ME).json() == {"subject": "oidc:ada", "role": "editor", "orgs": ["acme"], "may_edit": True}

    def test_no_script_reads_the_cookie_and_no_other_site_sends_it(self, browser: TestClient, issuer: Issuer) -> None:
        back = browser.get(sent_back(browser, issuer))
        kept, forgotten = back.headers.get_list("set-cookie")
        assert kept.startswith("burnline_token=ey")
        assert kept.endswith("; HttpOnly; Path=/; SameSite=strict")
        assert forgotten.startswith('burnline_sign_in=""')
        assert "burnline_sign_in" not in browser.cookies

    def test_over_https_cookies_are_sent_over_https_only(self, issuer: Issuer, redis_url: str) -> None:
        with dashboard(issuer, redis_url, oidc_redirect_url="https://burnline.example.com/sign-in/callback") as browser:
            browser.base_url = "https://burnline.example.com"
            back = browser.get(sent_back(browser, issuer))
            assert all("; Secure" in each for each in back.headers.get_list("set-cookie")[:1])
            assert query_of(browser.get("/sign-in/start").headers["location"])["redirect_uri"] == (
                "https://burnline.example.com/sign-in/callback"
            )

    def test_a_client_with_a_secret_shows_it(self, issuer: Issuer, redis_url: str) -> None:
        issuer.clients["dash board"] = secret = "s%cret: + é"  # noqa: S105
        with dashboard(issuer, redis_url, oidc_client_id="dash board", oidc_client_secret=secret) as browser:
            assert browser.get(sent_back(browser, issuer)).headers["location"] == "/trends?days=7"

    def test_every_attempt_has_secrets_of_its_own(self, browser: TestClient) -> None:
        asked = [query_of(browser.get("/sign-in/start").headers["location"]) for _ in range(2)]
        for name in ("state", "nonce", "code_challenge"):
            assert asked[0][name] != asked[1][name]
            assert len(asked[0][name]) >= 43  # 256 bits
        assert asked[0]["scope"] == "openid profile email"

    def test_the_page_is_told_where(self, browser: TestClient, issuer: Issuer, redis_url: str) -> None:
        assert browser.get("/sign-in/ways").json() == {"issuer": issuer.url}
        with dashboard(issuer, redis_url, oidc_client_id=None) as other:
            assert other.get("/sign-in/ways").json() == {"issuer": None}
            assert other.get("/sign-in/start").status_code == 404

    def test_an_id_token_is_no_bearer_token(self, browser: TestClient, issuer: Issuer) -> None:
        """It is made for the dashboard, whoever else got hold of it must not call the API with it."""
        token = issuer.token(aud="dashboard")
        assert browser.get(ME, headers={"Authorization": f"Bearer {token}"}).status_code == 401
        assert browser.get(ME, headers={"Cookie": f"burnline_token={token}"}).status_code == 200

    def test_it_ends_with_the_id_token(self, browser: TestClient, issuer: Issuer) -> None:
        token = issuer.token(aud="dashboard", exp=1_700_000_000)
        assert browser.get(ME, headers={"Cookie": f"burnline_token={token}"}).status_code == 401

    def test_a_page_of_another_origin_changes_nothing(self, browser: TestClient, issuer: Issuer) -> None:
        issuer.id_claims = {"burnline_role": "admin", "burnline_orgs": ["acme"]}
        browser.get(sent_back(browser, issuer))
        path = "/api/v1/finops/baselines/acme/coder"
        answer = browser.put(path, json={"usd_per_hour": "2"}, headers={"Origin": "https://evil.example.com"})
        assert answer.status_code == 403


class TestRefused:
    """Who is not signed in, and why."""

    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            (lambda url: url.replace("state=", "state=x"), "again"),
            (lambda url: url.partition("&state")[0], "again"),
            (lambda url: url.replace("code=", "code=x"), "away"),
            (lambda url: url.replace("code=", "error=access_denied&was="), "refused"),
            (lambda url: url.replace("iss=", "iss=https%3A%2F%2Fevil.example.com%2F"), "refused"),
        ],
        ids=["another state", "no state", "another code", "denied", "another issuer"],
    )
    def test_an_answer_that_is_not_its_own(
        self, browser: TestClient, issuer: Issuer, change: Callable[[str], str], kind: str
    ) -> None:
        assert failed(browser.get(change(sent_back(browser, issuer)))) == kind
        assert browser.get(ME).status_code == 401

    @pytest.mark.parametrize(
        ("claims", "kind"),
        [
            ({"nonce": "of another"}, "refused"),
            ({"nonce": None}, "refused"),
            ({"aud": AUDIENCE}, "refused"),
            ({"aud": ["dashboard", "other"], "azp": "other"}, "refused"),
            ({"iss": "https://evil.example.com"}, "refused"),
            ({"exp": 1_700_000_000}, "refused"),
            ({"burnline_role": None}, "role"),
            ({"groups": ["a-group-of-many"] * 300}, "size"),
        ],
        ids=[
            "another nonce",
            "no nonce",
            "for the API",
            "another party",
            "another issuer",
            "old",
            "no role",
            "too long",
        ],
    )
    def test_an_id_token_that_is_not_for_it(
        self, browser: TestClient, issuer: Issuer, claims: dict[str, Any], kind: str
    ) -> None:
        issuer.id_claims = claims
        assert failed(browser.get(sent_back(browser, issuer))) == kind
        assert browser.get(ME).status_code == 401

    def test_a_code_is_good_once(self, browser: TestClient, issuer: Issuer) -> None:
        back = sent_back(browser, issuer)
        attempt = browser.cookies["burnline_sign_in"]
        browser.get(back)
        browser.cookies.set("burnline_sign_in", attempt)
        assert failed(browser.get(back)) == "away"

    def test_what_another_browser_began(self, browser: TestClient, issuer: Issuer, redis_url: str) -> None:
        """A link with the attacker's code signs nobody in as the attacker."""
        back = sent_back(browser, issuer)
        with dashboard(issuer, redis_url) as victim:
            assert failed(victim.get(back)) == "again"

    @pytest.mark.parametrize("cookie", ["", "x", "W10=", "WzEsMiwzLDRd", "bnVsbA==", "é"])
    def test_a_cookie_that_is_none_of_ours(self, browser: TestClient, issuer: Issuer, cookie: str) -> None:
        back = sent_back(browser, issuer)
        browser.cookies.clear()
        answer = browser.get(back, headers={b"Cookie": f"burnline_sign_in={cookie}".encode()})
        assert failed(answer) == "again"

    @pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token"])
    def test_an_issuer_that_is_away(self, browser: TestClient, issuer: Issuer, path: str) -> None:
        if path == "/token":
            back = sent_back(browser, issuer)
            issuer.answers[path] = (503, b"")
            assert failed(browser.get(back)) == "away"
        else:
            issuer.answers[path] = (503, b"")
            assert failed(browser.get("/sign-in/start")) == "away"

    def test_an_issuer_that_sends_people_over_an_open_line(self, browser: TestClient, issuer: Issuer) -> None:
        document = f'{{"issuer": "{issuer.url}", "authorization_endpoint": "http://id.example.com/authorize"}}'
        issuer.answers["/.well-known/openid-configuration"] = (200, document.encode())
        assert failed(browser.get("/sign-in/start")) == "away"

    def test_it_is_logged_without_a_secret(
        self, browser: TestClient, issuer: Issuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        back = sent_back(browser, issuer)
        browser.get(back.replace("state=", "state=x"))
        assert "a sign-in failed: it was not begun in this browser" in caplog.text
        assert query_of(back)["code"] not in caplog.text


class TestOut:
    """Signing out, here and at the issuer."""

    def test_the_cookie_goes_and_the_issuer_hears_of_it(self, browser: TestClient, issuer: Issuer) -> None:
        browser.get(sent_back(browser, issuer))
        token = browser.cookies["burnline_token"]
        out = browser.get("/sign-in/out")
        assert out.headers["location"].startswith(f"{issuer.url}/end?")
        assert query_of(out.headers["location"]) == {
            "client_id": "dashboard", "post_logout_redirect_uri": f"{BASE}/sign-in", "id_token_hint": token,
        }  # fmt: skip
        assert browser.get(ME).status_code == 401

    def test_an_issuer_that_is_away_keeps_nobody_in(self, issuer: Issuer, redis_url: str) -> None:
        with dashboard(issuer, redis_url) as browser:
            browser.cookies.set("burnline_token", issuer.token(aud="dashboard"))
            issuer.answers["/.well-known/openid-configuration"] = (503, b"")
            out = browser.get("/sign-in/out")
            assert out.headers["location"] == "/sign-in"
            assert out.headers["set-cookie"].startswith('burnline_token=""; expires=')

    def test_a_page_of_others_signs_nobody_out(self, browser: TestClient, issuer: Issuer) -> None:
        browser.get(sent_back(browser, issuer))
        out = browser.get("/sign-in/out", headers={"Sec-Fetch-Site": "cross-site"})
        assert out.headers["location"] == "/sign-in"
        assert browser.get(ME).status_code == 200


class TestAttempt:
    """What a browser keeps meanwhile."""

    @pytest.mark.parametrize(
        ("path", "taken"),
        [
            ("/trends?days=7", "/trends?days=7"),
            ("/", "/"),
            ("", "/"),
            ("trends", "/"),
            ("//evil.example.com", "/"),
            ("/\\evil.example.com", "/"),
            ("/\t/evil.example.com", "/"),
            ("https://evil.example.com", "/"),
        ],
    )
    def test_it_leads_to_this_origin_only(self, path: str, taken: str) -> None:
        assert own_path(path) == taken

    @given(st.text())
    def test_it_comes_back_as_it_was(self, then: str) -> None:
        attempt = Attempt.new(then)
        assert Attempt.read(attempt.text()) == attempt

    def test_an_endpoint_with_a_query_keeps_it(self) -> None:
        assert with_query("https://id.example.com/a?tenant=1", b="2 3") == "https://id.example.com/a?tenant=1&b=2+3"
