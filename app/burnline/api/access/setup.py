"""What the command line asks of access: where tokens are, and whether the API may listen where it is told to."""

import redis

from burnline.addresses import is_loopback
from burnline.api.access.token_store import PATIENCE_S, TokenFile
from burnline.readmodel.connection import login
from burnline.readmodel.keys import Control
from burnline.settings import Settings


def token_client(settings: Settings) -> redis.Redis:
    """A client of the Redis with the tokens, for the command line; not connected yet."""
    return redis.Redis.from_url(
        settings.redis_url,
        **login(settings),
        socket_timeout=PATIENCE_S,
        socket_connect_timeout=PATIENCE_S,
    )


def token_file(client: redis.Redis, settings: Settings) -> TokenFile:
    """The tokens behind these settings."""
    return TokenFile(client, Control(settings.redis_prefix).tokens)


def why_not_listen(settings: Settings) -> str | None:
    """A sentence if the API must not listen on its address, None if it may.

    Where others can reach it, there must be a way for them to be known. With Redis away nobody can say whether there
    are tokens: it may start then, as it lets nobody in without one there.
    """
    if is_loopback(settings.api_host) or settings.oidc_issuer is not None:
        return None
    with token_client(settings) as client:
        try:
            known = client.hlen(Control(settings.redis_prefix).tokens)
        except (redis.RedisError, OSError):
            return None
    if known:
        return None
    return (
        f"The API does not listen on {settings.api_host} as long as anyone there could call it: create a token first "
        "(burnline tokens create --name NAME --role admin), or set BURNLINE_OIDC_ISSUER and BURNLINE_OIDC_AUDIENCE, "
        "or listen on 127.0.0.1 (BURNLINE_API_HOST)."
    )
