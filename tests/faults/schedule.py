"""Which fault comes when: a list made from a seed, and nothing else."""

import random
from collections.abc import Mapping
from typing import NamedTuple


class Fault(NamedTuple):
    """One fault.

    Attributes:
        at: How many good events have been published when it begins; later if the one before it takes that long.
        name: Name of a method of `Injector`.
        place: Which worker, broker or partition, counted from 0; for `scale`, how many workers.
        seconds: How long it lasts, or what it waits for in between.
    """

    at: int
    name: str
    place: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.name}({self.place}, {self.seconds:.2f} s) at {self.at:,} events"


class Kind(NamedTuple):
    """How a fault of some name is drawn.

    Attributes:
        weight: How often, relative to the others.
        places: `place` is below this.
        seconds: Bounds of `seconds`.
    """

    weight: float
    places: int
    seconds: tuple[float, float] = (0.0, 0.0)


def draw(seed: int, kinds: Mapping[str, Kind], count: int, events: int) -> list[Fault]:
    """A schedule of `count` faults over `events`; each kind comes at least once if there is room for all.

    The same arguments give the same schedule, on every machine.
    """
    random_ = random.Random(seed)  # noqa: S311  # reproducible is what it has to be
    names = list(kinds)
    chosen = random_.sample(names, min(count, len(names)))
    chosen += random_.choices(names, [kind.weight for kind in kinds.values()], k=count - len(chosen))
    random_.shuffle(chosen)
    times = sorted(random_.randrange(events) for _ in chosen)
    return [
        Fault(at, name, random_.randrange(kinds[name].places), random_.uniform(*kinds[name].seconds))
        for at, name in zip(times, chosen, strict=True)
    ]
