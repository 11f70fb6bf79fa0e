"""Which topics are in a backup: every compacted one, but those that say nothing elsewhere."""

from burnline.archive.contents import LEFT_OUT, STATE, roles
from burnline.settings import load_settings
from burnline.topics.catalogue import topics_for


def test_every_compacted_topic_is_in_or_left_out_on_purpose() -> None:
    topics = topics_for(load_settings())
    compacted = {role for role, spec in topics._asdict().items() if "compact" in spec.config["cleanup.policy"]}
    assert set(roles(topics, state=True)) == compacted - set(LEFT_OUT)
    assert set(roles(topics, state=False)) == compacted - set(LEFT_OUT) - set(STATE)


def test_progress_speaks_for_what_came_before_it() -> None:
    assert roles(topics_for(load_settings()), state=True)[-1] == "progress"
