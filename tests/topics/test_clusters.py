"""Brokers of one cluster, and of several."""

import pytest

from burnline.topics.clusters import cluster_obstacles, of_clusters


@pytest.mark.parametrize(
    "found",
    [
        pytest.param({}, id="nobody answers"),
        pytest.param({"a:1": "one"}, id="one of them does"),
        pytest.param({"a:1": "one", "b:1": "one"}, id="one cluster"),
    ],
)
def test_brokers_of_one_cluster_fit(found: dict[str, str]) -> None:
    assert of_clusters(found) is None


def test_brokers_of_several_clusters_are_named() -> None:
    refusal = of_clusters({"a:1": "one", "b:1": "two", "c:1": "one"})
    assert refusal is not None
    assert str(refusal) == (
        "BURNLINE_KAFKA_BOOTSTRAP_SERVERS names brokers of 2 clusters: a:1, c:1 of cluster one; b:1 of cluster two; "
        "name those of one cluster; each one's events need a deployment of their own"
    )


def test_a_single_broker_is_not_asked() -> None:
    assert cluster_obstacles({"bootstrap.servers": "127.0.0.1:1"}, timeout_s=60.0) == []
