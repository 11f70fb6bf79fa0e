"""The page that explains the API needs nobody but the API."""

import re

import pytest

from burnline.api.docs import DOCS_PATHS
from tests.api.stage import Api


def test_the_page_loads_everything_from_here(reader: Api) -> None:
    page = reader._client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    loaded = set(re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.text))
    assert loaded == DOCS_PATHS - {"/docs"}
    assert "http" not in page.headers["content-security-policy"]
    assert "//" not in page.text.replace("// ", "")


@pytest.mark.parametrize("path", sorted(DOCS_PATHS - {"/docs"}))
def test_what_it_loads_is_there(reader: Api, path: str) -> None:
    answer = reader._client.get(path)
    assert answer.status_code == 200
    assert answer.content


def test_every_operation_says_what_it_is_for(reader: Api) -> None:
    document = reader._client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation.get("summary"), path
            assert operation.get("description"), path
            assert all(parameter.get("description") for parameter in operation.get("parameters", ())), path
