"""How large one record can get: what a key may hold, so that no publisher can make a record that the topics refuse.

A ledger grows with the models of its session, its slices and its event ids; a closed rollup with the models of an
agent's sessions. Models are the publishers' to name, so they are bounded here: what comes after the first `MAX_MODELS`
is counted under `OTHER`, tokens and USD whole. So are teams, projects and providers, of which each distinct one is a
rollup row, and the agents of retired sessions, each of which is a closed rollup that workers keep in memory. Slices
and ids are bounded by settings. All of it together stays below `RECORD_MAX_BYTES` in the worst case, which a test
builds: every text of the greatest length, six bytes a character.
"""

RECORD_MAX_BYTES = 1_048_588
"""`max.message.bytes` of the topics that workers restore from: Kafka's own default, so that any topic will do."""

MAX_MODELS = 100
"""Models that a session's ledger tells apart. Few sessions use ten."""

MAX_CLOSED_MODELS = 256
"""Models that the closed rollup of an agent tells apart."""

MAX_AGENT_ROWS = 1_000
"""Rollup rows that one agent can have in one quarter of an hour by naming teams, projects and providers. A worker
counts them from its start, and the kernel and Python each for themselves."""

MAX_CLOSED_AGENTS = 20_000
"""Agents of which a partition keeps a closed rollup each; further ones are added up by organisation."""

OTHER = "other"
"""Under this name stands what was used of any further model. It was priced as the models that the events name.

A publisher whose own model is called so finds both under it.
"""

MAX_DUPLICATE_IDS = 16_384
"""Event ids that a session's ledger can be asked to know; it holds up to twice as many, of 11 bytes each."""


def counted_as(model: str, held: int, most: int) -> str:
    """The name under which a model is counted that is not held yet, beside `held` others."""
    return model if held < most else OTHER
