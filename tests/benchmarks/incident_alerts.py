"""Incident notices as alerts, as scorers of detectors read them: session (null for the agent), agent, at_ms, kind.

python -m tests.benchmarks.incident_alerts NOTICES.jsonl > ALERTS.jsonl
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ALERTING = {"opened", "escalated"}


def alerts(notices: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The alert of each notice that opens or escalates an incident."""
    for notice in notices:
        if notice["state"] in ALERTING:
            yield {
                "session": notice["session_id"],
                "agent": notice["agent_id"],
                "at_ms": notice["updated_at"],
                "kind": notice["cause"],
            }


def main() -> None:
    """Read a file of notices, print the alerts."""
    with Path(sys.argv[1]).open(encoding="utf-8") as lines:
        for alert in alerts(map(json.loads, lines)):
            sys.stdout.write(json.dumps(alert) + "\n")


if __name__ == "__main__":
    main()
