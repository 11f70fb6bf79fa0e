"""The demo's events as JSONL, so that others can sum or publish them."""

import json
from collections.abc import Iterable
from typing import IO

from burnline.demo.replay import Timetable
from burnline.demo.scenario import Planned


def dump_events(events: Iterable[Planned], timetable: Timetable, file: IO[str]) -> int:
    """Write each event as it is published, one JSON object a line; says how many."""
    count = 0
    for event in events:
        file.write(json.dumps(event.at(timetable.origin_ms), separators=(",", ":")) + "\n")
        count += 1
    file.flush()
    return count
