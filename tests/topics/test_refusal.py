"""Which errors of the brokers are refusals, and what is said of them."""

import pytest
from confluent_kafka import KafkaError

from burnline.topics.ends import passing
from burnline.topics.refusal import Cause, Refusal, Refused, cause_of


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        pytest.param(KafkaError.SASL_AUTHENTICATION_FAILED, Cause.NOT_AUTHENTICATED, id="a wrong password"),
        pytest.param(KafkaError._AUTHENTICATION, Cause.NOT_AUTHENTICATED, id="a wrong password, by librdkafka's name"),
        pytest.param(KafkaError._SSL, Cause.NOT_AUTHENTICATED, id="a certificate that does not fit"),
        pytest.param(KafkaError.TOPIC_AUTHORIZATION_FAILED, Cause.NOT_AUTHORISED, id="a right on a topic"),
        pytest.param(KafkaError.GROUP_AUTHORIZATION_FAILED, Cause.NOT_AUTHORISED, id="a right on the group"),
        pytest.param(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Cause.NOT_AUTHORISED, id="... on transactions"),
        pytest.param(KafkaError.CLUSTER_AUTHORIZATION_FAILED, Cause.NOT_AUTHORISED, id="... on the cluster"),
        pytest.param(KafkaError.MSG_SIZE_TOO_LARGE, Cause.TOO_LARGE, id="a record too large"),
        pytest.param(KafkaError.RECORD_LIST_TOO_LARGE, Cause.TOO_LARGE, id="a batch too large"),
        pytest.param(KafkaError.UNKNOWN_TOPIC_OR_PART, Cause.UNKNOWN_TOPIC, id="no such topic"),
        pytest.param(KafkaError._UNKNOWN_PARTITION, Cause.UNKNOWN_TOPIC, id="no such partition"),
        pytest.param(KafkaError.INVALID_TRANSACTION_TIMEOUT, Cause.INVALID_CONFIG, id="a timeout above the brokers'"),
        pytest.param(KafkaError.POLICY_VIOLATION, Cause.INVALID_CONFIG, id="a policy of the brokers'"),
        pytest.param(KafkaError._TRANSPORT, None, id="a connection that broke"),
        pytest.param(KafkaError.NOT_ENOUGH_REPLICAS, None, id="replicas away"),
        pytest.param(KafkaError.KAFKA_STORAGE_ERROR, None, id="a full disk"),
        pytest.param(KafkaError.PRODUCER_FENCED, None, id="another owner"),
    ],
)
def test_only_what_waiting_does_not_cure_is_a_refusal(code: int, cause: Cause | None) -> None:
    assert cause_of(KafkaError(code)) == cause


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        pytest.param(KafkaError._DESTROY_BROKER, True, id="a broker left the cluster while it was asked"),
        pytest.param(KafkaError._TRANSPORT, True, id="a connection that broke"),
        pytest.param(KafkaError._DESTROY, False, id="this client ends"),
        pytest.param(KafkaError.TOPIC_AUTHORIZATION_FAILED, False, id="no right"),
    ],
)
def test_what_goes_away_by_itself(code: int, passes: bool) -> None:  # noqa: FBT001
    assert passing(KafkaError(code)) is passes


def test_no_error_of_a_topic_both_passes_and_is_refused() -> None:
    errors = [KafkaError(code) for name in dir(KafkaError) if isinstance(code := getattr(KafkaError, name), int)]
    both = {error.name() for error in errors if passing(error) and cause_of(error) is not None}
    assert both == {"GROUP_AUTHORIZATION_FAILED"}  # passes for readers, who are members of no group


def test_a_refusal_says_what_was_tried_and_what_to_change() -> None:
    error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "Topic authorization failed")
    refusal = Refusal.of(error, "topic finops.sessions", "writing to topic finops.sessions", "grant WRITE on it")
    assert refusal is not None
    assert (refusal.cause, refusal.resource, refusal.heals) == (Cause.NOT_AUTHORISED, "topic finops.sessions", True)
    assert str(Refused(refusal)) == (
        "writing to topic finops.sessions is refused: Topic authorization failed; grant WRITE on it"
    )


def test_what_passes_is_no_refusal() -> None:
    assert Refusal.of(KafkaError(KafkaError._TRANSPORT), "topic finops.sessions", "writing") is None
