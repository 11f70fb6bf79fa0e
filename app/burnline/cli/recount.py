"""`burnline recount`: forget what was counted, and count the log anew."""

import time

from burnline.cli.renewal import AcceptLoss, DryRun, Partitions, renew
from burnline.cli.root import cli
from burnline.ledger.renewal import recounted


@cli.command()
def recount(partition: Partitions = None, dry_run: DryRun = False, accept_loss: AcceptLoss = False) -> None:
    """Count the usage topic anew from its start, into fresh state.

    Ledgers, rollups and known event ids of a partition are deleted and its
    progress set to the start of the log, in one transaction. Workers may run:
    the owner is shut out, notices with its next event and takes the partition
    over anew. To do it twice comes to the same. Notices and dead letters are written again.

    Where the log has lost its beginning to retention, what was counted of it
    would be lost: then nothing is done without --accept-loss.
    """
    now_ms = time.time_ns() // 1_000_000
    renew(lambda standing: recounted(standing, now_ms), partition, dry_run=dry_run, accept_loss=accept_loss)
