"""Names that a catalogue does not know, remembered in little room: publishers can make them up without end.

An answer about such a name is a sentence with the name in it. What is kept of a name is its hash and which sentence, so
that a hundred thousand names take some ten megabytes, and none of them pushes out what is known of real models.
"""

from typing import NamedTuple

NAMES_HELD = 200_000
SENTENCES_HELD = 1_000
"""Sentences also name providers and what stands before a name: endless ones are not remembered."""
_NAME = "\0"

Key = tuple[str, str, str]


class Unknown(NamedTuple):
    """Whose model it would be ("" if nobody's), and why it is none of theirs."""

    provider: str
    why: str


class UnknownNames:
    """Bounded: where it is full it begins anew."""

    def __init__(self, names_held: int = NAMES_HELD, sentences_held: int = SENTENCES_HELD) -> None:
        self._names_held, self._sentences_held = names_held, sentences_held
        self._names: dict[int, Unknown] = {}
        self._sentences: dict[Unknown, Unknown] = {}

    def __len__(self) -> int:
        """Names that are remembered."""
        return len(self._names)

    def get(self, key: Key, shown: str) -> Unknown | None:
        """What was said about a key; None if it is not remembered.

        Args:
            key: What was asked.
            shown: The name as it stands in the sentence.
        """
        held = self._names.get(hash(key))
        return held and Unknown(held.provider, held.why.replace(_NAME, shown))

    def note(self, key: Key, shown: str, unknown: Unknown) -> None:
        """Remember what was said about a key, if there is room for the sentence."""
        sentence = Unknown(unknown.provider, unknown.why.replace(shown, _NAME))
        held = self._sentences.get(sentence)
        if held is None:
            if len(self._sentences) >= self._sentences_held:
                return
            held = self._sentences.setdefault(sentence, sentence)
        if len(self._names) >= self._names_held:
            self._names.clear()
        self._names[hash(key)] = held
