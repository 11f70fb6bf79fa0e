"""The Faust shell: fetches usage in batches, applies it to the ledgers, and writes ledgers with their progress."""
