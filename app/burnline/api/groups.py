"""Groups as answers name them."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from burnline.finance.allocation import Group
from burnline.finance.frames import Dimension

GroupKey = Annotated[
    dict[str, str | None],
    Field(
        description="The value of each dimension grouped by: null for no team or project, empty for a provider that "
        "nobody knows. Empty as a whole where nothing was grouped by.",
        examples=[{"org_id": "acme", "agent_id": "researcher"}],
    ),
]


def group_key(by: Sequence[Dimension], group: Group) -> dict[str, str | None]:
    """A group's values by the names of their dimensions."""
    return {dimension.value: value for dimension, value in zip(by, group, strict=True)}
