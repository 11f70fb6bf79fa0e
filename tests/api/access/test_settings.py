"""Settings of access that contradict each other, or that cannot be trusted."""

import pytest

from burnline.settings import SettingsError, load_settings

OIDC = {"oidc_issuer": "https://id.example.com", "oidc_audience": "burnline"}
CLIENT = OIDC | {"oidc_client_id": "dashboard"}


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"oidc_issuer": "https://id.example.com"}, "go together"),
        ({"oidc_audience": "burnline"}, "go together"),
        ({"oidc_jwks_url": "https://id.example.com/jwks"}, "needs oidc_issuer"),
        (OIDC | {"oidc_issuer": "http://id.example.com"}, "could forge keys"),
        (OIDC | {"oidc_jwks_url": "http://id.example.com/jwks"}, "could forge keys"),
        ({"oidc_client_id": "dashboard"}, "oidc_client_id needs oidc_issuer"),
        (OIDC | {"oidc_client_secret": "s3cret"}, "need oidc_client_id"),
        (CLIENT | {"oidc_scopes": "profile email"}, "does not hold openid"),
        (CLIENT | {"oidc_redirect_url": "https://burnline.example.com/"}, "does not end with /sign-in/callback"),
        (CLIENT | {"oidc_redirect_url": "http://burnline.example.com/sign-in/callback"}, "could sign in"),
        ({"api_cors_origins": "*"}, "is no origin"),
        ({"api_cors_origins": "https://a.example.com,https://b.example.com/"}, "is no origin"),
    ],
    ids=[
        "no audience",
        "no issuer",
        "keys of nobody",
        "open issuer",
        "open keys",
        "client of nobody",
        "secret of nobody",
        "no OpenID",
        "back elsewhere",
        "back in the open",
        "any origin",
        "a path",
    ],
)
def test_what_is_refused(settings: dict[str, str], mistake: str) -> None:
    with pytest.raises(SettingsError, match=mistake):
        load_settings(**settings)


def test_what_is_taken() -> None:
    settings = load_settings(**OIDC, api_cors_origins=" https://a.example.com, http://localhost:3000,")
    assert settings.cors_origins == ["https://a.example.com", "http://localhost:3000"]
    assert load_settings().cors_origins == []
