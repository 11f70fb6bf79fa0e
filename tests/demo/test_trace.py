"""The packaged trace: unchanged, whole, and read exactly."""

import hashlib

from burnline.demo.trace import load_trace, parse_trace, published_file

PUBLISHED_SHA256 = "54e9a6d2a4bd06ba1e060304b900abbc74cbea53de96506e60fe5bb4f2277fb6"


def test_packaged_trace_is_the_published_file_unchanged() -> None:
    assert hashlib.sha256(published_file()).hexdigest() == PUBLISHED_SHA256


def test_trace_has_every_request_of_its_hour_in_order() -> None:
    trace = load_trace()
    offsets = [request.offset_ms for request in trace]
    assert len(trace) == 8_819
    assert (offsets[0], offsets[-1]) == (0, 3_435_949)
    assert offsets == sorted(offsets)
    assert sum(request.context_tokens for request in trace) == 18_059_974
    assert sum(request.generated_tokens for request in trace) == 245_896


def test_times_are_cut_to_milliseconds_after_the_first_request() -> None:
    lines = [
        "TIMESTAMP,ContextTokens,GeneratedTokens\r\n",
        "2023-11-16 18:17:04.9809999,7,8\r\n",
        "2023-11-16 18:17:03.9799600,4808,10\r\n",
        "2023-11-16 19:17:03.9799600,1,2",
    ]
    assert parse_trace(lines) == [(0, 4808, 10), (1_001, 7, 8), (3_600_000, 1, 2)]


def test_no_lines_no_requests() -> None:
    assert parse_trace(["TIMESTAMP,ContextTokens,GeneratedTokens\n"]) == []
