"""`burnline adopt`: accept topics that were made anew, with the sums kept."""

import time
from enum import StrEnum
from typing import Annotated

import typer

from burnline.cli.renewal import AcceptLoss, DryRun, Partitions, renew
from burnline.cli.root import cli
from burnline.ledger.renewal import Renewal, Standing, adopted


class At(StrEnum):
    """Where to go on in another source topic."""

    START = "start"
    END = "end"


@cli.command()
def adopt(
    partition: Partitions = None,
    at: Annotated[At, typer.Option(help="Where to go on in a usage topic that was made anew.")] = At.START,
    dry_run: DryRun = False,
    accept_loss: AcceptLoss = False,
) -> None:
    """Go on with the topics as they are now, sums kept.

    For a usage topic that was made anew, migrated or has lost its end: counting
    goes on at its start (or --at end). For other topics made anew: what they
    held beside the ledgers stays lost, and is not asked for any more. Events
    that were lost before they were read are acknowledged, too.

    Where ledgers do not hold as many events as were counted, nothing is done
    without --accept-loss: recount may bring them back. Workers may run.
    """
    now_ms = time.time_ns() // 1_000_000

    def decide(standing: Standing) -> Renewal:
        return adopted(standing, at_end=at is At.END, now_ms=now_ms)

    renew(decide, partition, dry_run=dry_run, accept_loss=accept_loss)
