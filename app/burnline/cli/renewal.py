"""What `recount` and `adopt` share: partition by partition, with what it loses said before it is done."""

from typing import Annotated

import typer
from confluent_kafka import KafkaException

from burnline.cli.reference import failure
from burnline.cli.root import console, settings_or_exit
from burnline.stream.renewing import Decide, Renewer
from burnline.stream.writer import Fenced
from burnline.topics.errors import TopicError

Partitions = Annotated[
    list[int] | None, typer.Option("--partition", min=0, help="Only this partition; may be given several times.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]
AcceptLoss = Annotated[bool, typer.Option("--accept-loss", help="Go on even where something that was counted is lost.")]


def renew(decide: Decide, partitions: list[int] | None, *, dry_run: bool, accept_loss: bool) -> None:
    """Renew partitions, all of them if none is named; exit code 1 where one could not be."""
    settings = settings_or_exit()
    renewer, refused = Renewer(settings), False
    for partition in partitions or range(settings.partitions):
        if partition >= settings.partitions:
            raise typer.BadParameter(f"{partition}: there are {settings.partitions}", param_hint="--partition")
        try:
            if dry_run:
                renewal = renewer.planned(partition, decide)
            else:
                renewal = renewer.renew(partition, decide, accept_loss=accept_loss)
        except (TopicError, ValueError, Fenced) as error:
            raise failure(f"partition {partition}: {error}") from error
        except KafkaException as error:
            raise failure(f"partition {partition}: the brokers refuse: {error.args[0].str()}") from error
        if renewal.loses and not accept_loss:
            refused = True
            console.print(
                f"partition {partition}: not done: {renewal.loses}; --accept-loss does it all the same",
                style="red", highlight=False, markup=False,
            )  # fmt: skip
        else:
            console.print(renewal.told, highlight=False, markup=False)
    if refused:
        raise typer.Exit(1)
