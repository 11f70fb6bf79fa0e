"""The REST API as the tools ask it: with the caller's token, and with errors in sentences that an agent can use."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx2

PREFIX = "/api/v1/finops"
TIMEOUT_S = 15.0


class ApiRefused(Exception):
    """The API does not answer, or not with what was asked for; the text says why."""


class Api:
    """A client of `burnline api`."""

    def __init__(self, client: httpx2.AsyncClient, token: str | None) -> None:
        """Ask by `client`, whose base is the API's address.

        Args:
            client: Open until the tools end.
            token: For callers who bring none of their own.
        """
        self._client = client
        self._token = token

    async def get(self, authorization: str | None, *path: str, **params: str | int | None) -> Any:
        """The JSON of an answer.

        Args:
            authorization: The caller's own `Authorization`, if it brought one.
            path: Segments below the API's prefix.
            params: Of the query; None is left out.

        Raises:
            ApiRefused: There is none.
        """
        headers = self._headers(authorization)
        wanted = {name: value for name, value in params.items() if value is not None}
        url = "/".join((PREFIX, *(quote(segment, safe="") for segment in path)))
        try:
            answer = await self._client.get(url, params=wanted, headers=headers, timeout=TIMEOUT_S)
        except httpx2.HTTPError as error:
            raise ApiRefused(f"burnline api does not answer: {str(error) or type(error).__name__}") from error
        if answer.status_code != httpx2.codes.OK:
            raise ApiRefused(_detail(answer))
        return answer.json()

    def _headers(self, authorization: str | None) -> Mapping[str, str]:
        if authorization is not None:
            return {"Authorization": authorization}
        return {} if self._token is None else {"Authorization": f"Bearer {self._token}"}


def _detail(answer: httpx2.Response) -> str:
    try:
        told = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        told = "no reason given"
    return f"{answer.status_code}: {told}"
