"""Signing in at an OpenID Connect issuer, and out, in a real browser, for which the issuer is another site."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.api import burnline
from burnline.embedded.ports import free_ports
from tests.api.access.issuer import AUDIENCE, Issuer, issuing
from tests.pages.conftest import wait_until_it_listens

WITHIN_MS = 60_000

pytestmark = [pytest.mark.timeout(300), pytest.mark.needs_tool("chromium")]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing("localhost") as found:
        yield found


@pytest.fixture
def address(issuer: Issuer, redis_url: str) -> Iterator[str]:
    """A dashboard whose people are the issuer's."""
    (port,) = free_ports(1)
    own = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_client_id": "dashboard"}
    with burnline("api", redis_url=redis_url, api_port=port, log_level="warning", **own):
        found = f"http://127.0.0.1:{port}"
        wait_until_it_listens(found)
        yield found


def test_one_click_signs_in_and_leads_to_the_page_that_was_wanted(
    browser: Browser, address: str, issuer: Issuer
) -> None:
    """Redis holds nothing: what the pages show of themselves and of who looks is all there is to see."""
    issuer.id_claims = {"burnline_role": "editor", "burnline_orgs": ["acme"]}
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(WITHIN_MS)
    page.goto(f"{address}/trends?days=7")
    page.wait_for_url("**/sign-in?*")  # nobody is known yet

    page.get_by_role("link", name="Sign in at localhost").click()
    page.wait_for_url("**/trends?days=7")
    expect(page.locator("#who")).to_contain_text("oidc:ada, editor, acme", timeout=WITHIN_MS)
    (kept,) = [cookie for cookie in context.cookies(address) if cookie["name"].startswith("burnline")]
    assert (kept["name"], kept["httpOnly"], kept["sameSite"]) == ("burnline_token", True, "Strict")

    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible(timeout=WITHIN_MS)
    assert context.cookies(address) == []
    context.close()
