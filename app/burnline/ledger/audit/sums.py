"""What was counted, in a form that can be added, subtracted and compared: by model, with runs and tool calls."""

from collections.abc import Iterator, Mapping
from operator import add, sub
from typing import NamedTuple

from burnline.ledger.bounds import OTHER
from burnline.ledger.record import LedgerRecord, model_sums
from burnline.ledger.rollup import ClosedRollup
from burnline.ledger.session import SUM_FIELDS, Ledger, ModelSums

COUNT_FIELDS = SUM_FIELDS[: SUM_FIELDS.index("unpriced_tokens")]
"""What an event says itself; the fields after these follow from its rate."""
_COUNTS = len(COUNT_FIELDS)
_NONE = (0,) * len(SUM_FIELDS)
_EVENTS, _INPUT, _OUTPUT, _COST = map(SUM_FIELDS.index, ("events", "input_tokens", "output_tokens", "cost_pico_usd"))

Fields = tuple[int, ...]
"""In the order of `SUM_FIELDS`."""


class Sums(NamedTuple):
    """Sums by model, and over all models; as a difference they may be negative."""

    models: Mapping[str, Fields]
    runs: int = 0
    tool_calls: int = 0

    def plus(self, other: "Sums") -> "Sums":
        """Both added up."""
        models = dict(self.models)
        for model, fields in other.models.items():
            models[model] = tuple(map(add, models.get(model, _NONE), fields))
        return Sums(models, self.runs + other.runs, self.tool_calls + other.tool_calls)

    def minus(self, other: "Sums") -> "Sums":
        """What these are more than the others; models that are equal are left out.

        Which models stand under `OTHER` depends on which came first, in a session or among retired ones of an agent.
        So where either side has it, models that differ are told as one.
        """
        models = {
            model: fields
            for model in self.models.keys() | other.models.keys()
            if any(fields := tuple(map(sub, self.models.get(model, _NONE), other.models.get(model, _NONE))))
        }
        if len(models) > 1 and (OTHER in self.models or OTHER in other.models):
            together = Sums(models).totals
            models = {OTHER: together} if any(together) else {}
        return Sums(models, self.runs - other.runs, self.tool_calls - other.tool_calls)

    @property
    def totals(self) -> Fields:
        """Over all models."""
        return tuple(map(sum, zip(_NONE, *self.models.values(), strict=True)))

    @property
    def events(self) -> int:
        """Events over all models."""
        return sum(fields[_EVENTS] for fields in self.models.values())

    @property
    def tokens(self) -> int:
        """Input and output tokens over all models."""
        return sum(fields[_INPUT] + fields[_OUTPUT] for fields in self.models.values())

    @property
    def pico_usd(self) -> int:
        """Cost over all models."""
        return sum(fields[_COST] for fields in self.models.values())

    def counts(self) -> Iterator[int]:
        """Every single count: each model's, runs, tool calls."""
        for fields in self.models.values():
            yield from fields[:_COUNTS]
        yield self.runs
        yield self.tool_calls

    def named(self) -> Iterator[tuple[str, int]]:
        """Every single sum that is not zero, by its name."""
        for model, fields in sorted(self.models.items()):
            yield from ((f"{name} of {model}", value) for name, value in zip(SUM_FIELDS, fields, strict=True) if value)
        yield from ((name, value) for name, value in (("runs", self.runs), ("tool_calls", self.tool_calls)) if value)


NOTHING = Sums({})


def sums_of(held: Ledger | ClosedRollup) -> Sums:
    """The sums of a ledger or a closed rollup."""
    return Sums(_fields(held.models), held.runs, held.tool_calls)


def sums_of_record(record: LedgerRecord) -> Sums:
    """The sums of a ledger's record.

    Raises:
        ValueError: An amount in it is none.
    """
    models = {model: model_sums(sums) for model, sums in record.by_model.items()}
    return Sums(_fields(models), record.runs, record.tool_calls)


def stated_totals(record: LedgerRecord) -> Fields:
    """What a record says that its models come to.

    Raises:
        ValueError: An amount in it is none.
    """
    return model_sums(record).values()


def _fields(models: Mapping[str, ModelSums]) -> dict[str, Fields]:
    return {model: sums.values() for model, sums in models.items()}
