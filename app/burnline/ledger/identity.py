"""Whose ledger it is: a session is one of its organisation, and another organisation may have one of the same id.

Publishers choose session ids, and "1" or "sess-1" are chosen by many. So ledgers, event ids, anomalies and rows are
kept by both. In memory a key is the organisation and the session with a line break between them, which no id holds; as
the name of a record it is a JSON array of the two. Records that were written before stand under the session id alone.
"""

import msgspec

_SEPARATOR = "\n"
_names = msgspec.json.Decoder(tuple[str, str])


def ledger_key(org_id: str, session_id: str) -> str:
    """The key of a session's ledger."""
    return f"{org_id}{_SEPARATOR}{session_id}"


def org_and_session(key: str) -> tuple[str, str]:
    """What `ledger_key` made the key of."""
    org_id, _, session_id = key.partition(_SEPARATOR)
    return org_id, session_id


def record_name(key: str) -> bytes:
    """The key of a session's records in Kafka: `["<org_id>","<session_id>"]`."""
    return msgspec.json.encode(key.split(_SEPARATOR, 1))


def key_of(name: str | bytes) -> str | None:
    """The ledger's key that a record's name stands for; None if it is a session id alone, as of before."""
    if name[:2] not in ('["', b'["'):
        return None
    try:
        return ledger_key(*_names.decode(name))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


class OldNames:
    """Ledgers whose newest record stands under the session id alone: by key, until they are written again."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._keys: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, key: str) -> bool:
        return key in self._names

    def add(self, key: str, name: str) -> None:
        """A ledger's record was found under this name."""
        self.forget(name)
        self._names[key] = name
        self._keys[name] = key

    def forget(self, name: str) -> str | None:
        """The record under this name is deleted; the key of the ledger that it held, if it is still that one's."""
        key = self._keys.pop(name, None)
        if key is not None:
            del self._names[key]
        return key

    def moved(self, key: str) -> bytes | None:
        """A ledger stands, or will with this flush, under its new name; the old one, which then has to be deleted."""
        name = self._names.pop(key, None)
        if name is None:
            return None
        del self._keys[name]
        return name.encode()
