"""Whether a session may go on, over HTTP: by the narrowest control, and of nobody else's."""

from typing import Any

import pytest

from burnline.controls.control import Control
from tests.api.stage import NOW_MS, OF_ACME, OF_OTHERS, VIEWER, Api, Projection

AT = "/controls/s-1"


def control(**fields: Any) -> Control:
    whole = {
        "scope": "agent",
        "org_id": "acme",
        "name": "bot",
        "action": "stop",
        "mode": "enforce",
        "reason": "It loops.",
    }
    return Control.model_validate(whole | fields)


@pytest.mark.parametrize("caller", [VIEWER, OF_ACME])
def test_the_narrowest_one_counts_with_its_epoch(reader: Api, projected: Projection, caller: Any) -> None:
    reader.by(caller)
    asked: dict[str, Any] = {"org_id": "acme", "agent_id": "bot"}
    free = reader.get(AT, **asked)
    assert (free["allowed"], free["action"], free["control"], free["epoch"]) == (True, None, None, None)
    projected.control(control(expires_at=NOW_MS + 60_000), 7)
    stopped = reader.get(AT, **asked)
    assert (stopped["allowed"], stopped["action"], stopped["reason"]) == (False, "stop", "It loops.")
    assert (stopped["control"], stopped["epoch"]) == ("agent/acme/bot", 7)
    assert stopped["expires_at"] == "2025-10-09T08:54:20Z"
    assert reader.get(AT, org_id="acme")["allowed"], "the agent is not known"
    projected.control(control(scope="session", name="s-1", action="resume", mode="observe"), 9)
    observed = reader.get(AT, **asked)
    assert (observed["allowed"], observed["action"], observed["would"]) == (True, None, "resume")


def test_one_of_another_organisation_is_not_told(reader: Api, projected: Projection) -> None:
    projected.control(control(), 7)
    reader.by(OF_OTHERS).get(AT, status=403, org_id="acme", agent_id="bot")
    assert reader.get(AT, org_id="others", agent_id="bot")["allowed"]
    reader.get(AT, status=422)
