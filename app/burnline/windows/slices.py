"""Tumbling 10-second slices by event time (half-open, aligned to the Unix epoch, so to UTC), and hopping sums of them.

A slice is named by its index, `epoch_ms // SLICE_MS`; a session's slices are a mapping from index to pico-USD. A
hopping window is a number of slices that ends with one of them. Its sum is kept by adding what enters and taking off
what leaves, so an event costs the same however much windows overlap (slicing as in Li et al., "No pane, no gain",
SIGMOD Record 2005).
"""

from collections.abc import Mapping

SLICE_MS = 10_000

Slices = dict[int, int]
"""Slice index to pico-USD."""


def slice_index(epoch_ms: int) -> int:
    """The slice that holds a moment: [index × 10 s, (index + 1) × 10 s)."""
    return epoch_ms // SLICE_MS


def window_sum(slices: Mapping[int, int], end: int, length: int) -> int:
    """Sum of the `length` slices that end with slice `end`, inclusive."""
    if length < len(slices):
        return sum(slices.get(index, 0) for index in range(end - length + 1, end + 1))
    return sum(value for index, value in slices.items() if end - length < index <= end)


def slide(slices: Mapping[int, int], total: int, length: int, old_end: int, new_end: int) -> int:
    """A window's sum after its end moved on from `old_end` to `new_end`, before anything is added to the new slices.

    Args:
        slices: What the session holds; nothing in it is newer than `old_end`.
        total: The window's sum at `old_end`.
        length: Slices in the window.
        old_end: Its last slice until now.
        new_end: Its last slice from now on, not before `old_end`.
    """
    if new_end - old_end >= length:
        return 0
    for index in range(old_end - length + 1, new_end - length + 1):
        total -= slices.get(index, 0)
    return total


def prune(slices: Slices, end: int, kept: int) -> None:
    """Drop the slices that are older than the `kept` slices ending with `end`."""
    oldest = end - kept + 1
    for index in [index for index in slices if index < oldest]:
        del slices[index]
