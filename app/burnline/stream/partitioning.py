"""Which partitioner put a session where it is, as far as one can tell from the outside."""

from zlib import crc32

from aiokafka.partitioner import murmur2

AMBIGUOUS = "ambiguous"
OTHER = "other"


def likely_partitioner(session_id: str, partition: int, partitions: int) -> str:
    """The partitioner that sends this key to this partition.

    Publishers with different partitioners send one session to two partitions, where each half of it is judged on its
    own. A worker need not see both halves to tell: it sees sessions that another partitioner would have sent elsewhere.

    Returns:
        `murmur2` (Java clients, aiokafka), `crc32` (librdkafka's `consistent_random`, its default), `ambiguous` when
        both agree, or `other`: keyed by something else, or assigned by hand.
    """
    key = session_id.encode()
    java = (murmur2(key) & 0x7FFFFFFF) % partitions == partition
    librdkafka = crc32(key) % partitions == partition
    if java and librdkafka:
        return AMBIGUOUS
    if java:
        return "murmur2"
    return "crc32" if librdkafka else OTHER
