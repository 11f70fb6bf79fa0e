"""Asking our own processes over HTTP: they are on this machine, and no proxy stands in between."""

import urllib.request

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, *, timeout_s: float) -> bytes:
    """What is answered.

    Raises:
        OSError: Nobody answers, or with an error (`urllib.error.HTTPError`, which is one).
        http.client.HTTPException: What answers breaks off, or does not speak HTTP.
    """
    with _direct.open(url, timeout=timeout_s) as answer:
        body: bytes = answer.read()
    return body
