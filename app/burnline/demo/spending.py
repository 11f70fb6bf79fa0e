"""What the API says was spent, asked as any client would ask it."""

import http.client
import json
import urllib.error
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlencode

from burnline.embedded.asking import ask
from burnline.pricing.money import pico_from_text

_TIMEOUT_S = 2.0


class Spent(NamedTuple):
    """How many events there were, and what they cost, in pico-USD."""

    events: int
    pico_usd: int


class OverHttp(NamedTuple):
    """What the API at `url` said last: None if it has said nothing yet, and what kept it from it, if that is known."""

    url: str
    spent: Spent | None = None
    trouble: str = ""


class Spending:
    """Asks for the allocations of the demo's organisations, by agent, and adds them up.

    Args:
        url: Where the API is.
        org_ids: The organisations; what others spend on the same topics is left out.
    """

    def __init__(self, url: str, org_ids: Iterable[str]) -> None:
        self.said = OverHttp(url)
        self._question = f"{url}/api/v1/finops/allocations?{urlencode([('org_id', org_id) for org_id in org_ids])}"

    def ask(self) -> None:
        """Ask once; an answer that does not come leaves the last one as it is, and says why."""
        try:
            self.said = OverHttp(self.said.url, spent_in(ask(self._question, timeout_s=_TIMEOUT_S)))
        except urllib.error.HTTPError as error:
            with error:
                self.said = self.said._replace(trouble=f"{error.code} {error.reason}")
        except (OSError, http.client.HTTPException) as error:
            self.said = self.said._replace(trouble=f"{type(error).__name__}: {error}")


def spent_in(allocations: bytes) -> Spent:
    """The sum over the rows of an answer."""
    rows = json.loads(allocations)["allocations"]
    return Spent(sum(row["events"] for row in rows), sum(pico_from_text(row["cost_usd"]) for row in rows))
