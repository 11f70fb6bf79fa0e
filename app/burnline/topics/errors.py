"""What can be wrong with topics and the broker that holds them, as sentences for an operator."""


class TopicError(Exception):
    """A topic or its broker does not allow the work to go on."""


class TopicMissing(TopicError):
    """A topic, or a partition of it, does not exist."""


class TopicMismatch(TopicError):
    """Topics exist with other partitions than wanted; `mistakes` holds a sentence for each."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class TopicCreationFailed(TopicError):
    """The broker refused to create topics; `mistakes` holds a sentence for each."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class BrokerSilent(TopicError):
    """The broker did not answer in the time allowed."""
