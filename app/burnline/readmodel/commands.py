"""The least commands of each component on a Redis with users (ACL), as `burnline acl --format redis` prints them.

Redis holds scripts to the rights of whoever calls them, so the projector's are those of its scripts, too.
"""

from collections.abc import Mapping

CONNECTING = ("client|setinfo", "client|setname", "ping", "select")

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "projector": (
        "del", "eval", "evalsha", "exists", "get", "hdel", "hget", "hgetall", "hincrby", "hkeys", "hlen",
        "hscan", "hset", "hsetnx", "hvals", "incr", "info", "lpush", "lrange", "llen", "ltrim", "mget",
        "pexpire", "sadd", "scan", "scard", "set", "smembers", "srem", "time", "type", "unlink", "xadd", "xlen",
        "xrevrange", "zadd", "zcard", "zpopmin", "zrange", "zrangebyscore", "zrem", "zremrangebyrank",
        "zremrangebyscore", "zscan", "zscore",
    ),
    "api": (
        "exec", "get", "hget", "hgetall", "hkeys", "hlen", "hmget", "hvals", "lrange", "llen", "mget", "multi", "scard",
        "type", "unwatch", "watch", "xlen", "xrange", "xrevrange", "zcard", "zrange", "zrangebyscore",
        "zrevrangebyscore", "zscan", "zscore",
    ),
    "reader": ("exec", "get", "hgetall", "hlen", "hmget", "multi", "type", "zcard", "zrange", "zscore"),
    "operator": ("hgetall", "hlen", "hset", "hsetnx"),
}  # fmt: skip
"""By component, as `burnline.topics.grants` calls them; others have no business with Redis."""


def user_line(component: str, user: str, prefix: str) -> str:
    """`ACL SETUSER …` without a password, which whoever grants it adds.

    Args:
        component: One of `COMMANDS`.
        user: Its name in Redis.
        prefix: What stands before every key.
    """
    commands = " ".join(f"+{name}" for name in sorted({*CONNECTING, *COMMANDS[component]}))
    reads = component in ("api", "reader")
    keys = f"{'%R~' if reads else '~'}{prefix}*"
    return f"ACL SETUSER {user} on resetkeys resetchannels -@all {keys} {commands}"
