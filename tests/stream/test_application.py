"""What the Faust application is told."""

import pytest

from burnline.settings import load_settings
from burnline.stream.application import member_id


@pytest.mark.parametrize(
    ("name", "partitions", "member"),
    [
        pytest.param(None, 4, None, id="no static member"),
        pytest.param("worker-0", 4, "worker-0-of-4", id="as many partitions as ever"),
        pytest.param("worker-0", 8, "worker-0-of-8", id="more: another member, so that all are shared out anew"),
    ],
)
def test_a_static_member_is_one_of_so_many_partitions(name: str | None, partitions: int, member: str | None) -> None:
    assert member_id(load_settings(group_instance_id=name, partitions=partitions)) == member
