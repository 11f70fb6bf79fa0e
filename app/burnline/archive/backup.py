"""Topics into a file."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from burnline.archive.contents import STATE, roles, spec_of
from burnline.archive.file import Item, Token, Writer
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.clients import reader
from burnline.topics.ends import Span, spans
from burnline.topics.errors import TopicError
from burnline.topics.reading import read_to_end


class StateMoves(TopicError):
    """Workers wrote while the state was read: its parts would be of different moments."""


def back_up(
    settings: Settings,
    file: Path,
    tokens: Iterable[str],
    *,
    state: bool,
    now_ms: int,
    told: Callable[[str], None],
    timeout_s: float,
) -> Counter[str]:
    """Write a backup.

    Args:
        settings: Brokers and topics.
        file: What it is written to; it appears once it is whole.
        tokens: Records of tokens, as they stand in Redis.
        state: Also what was counted; workers have to stand still then.
        now_ms: When this is, epoch milliseconds.
        told: Is told the role of each topic before it is read.
        timeout_s: How long brokers may stay silent.

    Returns:
        How many records of each role, and `tokens`, it holds.

    Raises:
        StateMoves: Workers do not stand still.
        TopicError: A topic is missing, or brokers are silent or refuse.
        OSError: The file cannot be written.
    """
    topics = topics_for(settings)
    wanted = roles(topics, state=state)
    before = _state_spans(settings, timeout_s) if state else None
    counts: Counter[str] = Counter()
    with Writer(file, {role: spec_of(topics, role).partitions for role in wanted}, now_ms) as writer:
        for role in wanted:
            told(role)
            spec = spec_of(topics, role)
            for batch in read_to_end(client_config(settings), spec.name, range(spec.partitions), timeout_s=timeout_s):
                for message in batch:
                    _, at_ms = message.timestamp()
                    key, partition = message.key() or b"", message.partition() or 0
                    writer.add(Item(role, partition, at_ms, key, message.value()))
                    counts[role] += 1
        for record in tokens:
            writer.add(Token(record))
            counts["tokens"] += 1
        if before is not None and _state_spans(settings, timeout_s) != before:
            raise StateMoves("workers wrote while it was read: stop them for a backup with --state")
    return counts


def _state_spans(settings: Settings, timeout_s: float) -> dict[str, dict[int, Span]]:
    consumer = reader(client_config(settings))
    try:
        specs = [spec_of(topics_for(settings), role) for role in STATE]
        return {spec.name: spans(consumer, spec.name, range(spec.partitions), timeout_s) for spec in specs}
    finally:
        consumer.close()
