"""Counts of what tests write by hand, as the projector's scripts keep them."""

from typing import Any

from burnline.readmodel.keys import Keys

_COUNT = """
redis.call('HSET', ARGV[1] .. 'counts', '@generation', string.match(ARGV[1], '([^:]*):$'))
local size_of = {hash = 'HLEN', zset = 'ZCARD', list = 'LLEN', stream = 'XLEN', string = 'GET'}
for i = 2, #ARGV do
  local command = size_of[redis.call('TYPE', ARGV[1] .. ARGV[i]).ok]
  redis.call('HSET', ARGV[1] .. 'counts', ARGV[i], command and redis.call(command, ARGV[1] .. ARGV[i]) or 0)
end
"""


def count(client: Any, keys: Keys, *names: str) -> None:
    """Set the counts of these keys to what is there.

    Args:
        client: A client, or a pipeline, so that readers see the keys and their counts at once.
        keys: The generation's.
        names: Whole names.
    """
    client.eval(_COUNT, 0, keys.prefix, *(name.removeprefix(keys.prefix) for name in names))
