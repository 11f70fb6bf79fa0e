"""One name per thing in queries, and no query parameter that a route does not know.

A parameter that is passed over makes an answer to another question: with `?org_di=acme`, everyone's spend. So each name
is held against those of the route before anything is read.
"""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import ParamTypes
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams

from burnline.api.parameters import invalid
from burnline.api.problems import Mistake

FORMER_NAMES = {"org": "org_id", "agent": "agent_id", "team": "team_id", "project": "project_code"}
"""Names that parameters had, and still may be called by."""
_SHOWN = 64

Pairs = list[tuple[str, str]]


async def known_names(request: Request) -> None:
    """Refuse unknown query parameters and call the others by their present names; a dependency of every router.

    It has to come before any other dependency that reads the query.

    Raises:
        Problem: 422, a parameter is not known, or is given under two names with different values.
    """
    given = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if not given:
        return
    route = request.scope["route"]
    known = _parameters(route) if isinstance(route, APIRoute) else frozenset()
    asked = renamed(given, known)
    mistakes = [_unknown(name, known) for name in dict.fromkeys(name for name, _ in asked) if name not in known]
    mistakes += [_contradiction(former) for former in _contradicting(given, known)]
    if mistakes:
        raise invalid(*mistakes)
    request.scope["query_string"] = urlencode(asked).encode("latin-1")
    request._query_params = QueryParams(asked)  # noqa: SLF001  # Starlette keeps what it has read of the query before


def renamed(given: Iterable[tuple[str, str]], known: Collection[str]) -> Pairs:
    """Query parameters by their present names, where the route knows those; each pair once."""
    return list(dict.fromkeys((_present(name, known), value) for name, value in given))


def _present(name: str, known: Collection[str]) -> str:
    present = FORMER_NAMES.get(name, name)
    return present if present in known and name not in known else name


def _contradicting(given: Pairs, known: Collection[str]) -> list[str]:
    def values(wanted: str) -> set[str]:
        return {value for name, value in given if name == wanted}

    return [
        former
        for former, present in FORMER_NAMES.items()
        if _present(former, known) == present and values(former) and values(present) not in (set(), values(former))
    ]


def _parameters(route: APIRoute) -> frozenset[str]:
    fields = get_flat_params(route.dependant)
    return frozenset(field.alias for field in fields if getattr(field.field_info, "in_", None) is ParamTypes.query)


def _unknown(name: str, known: Collection[str]) -> Mistake:
    near = get_close_matches(name.lower(), [*known, *(old for old in FORMER_NAMES if FORMER_NAMES[old] in known)], 1)
    hint = f"did you mean `{_present(near[0], known)}`?" if near else f"known are {', '.join(sorted(known)) or 'none'}"
    return Mistake(where=f"query.{name[:_SHOWN]}", detail=f"Unknown parameter; {hint}")


def _contradiction(former: str) -> Mistake:
    detail = f"`{former}` is the former name of `{FORMER_NAMES[former]}`; both are given, with different values"
    return Mistake(where=f"query.{former}", detail=detail)
