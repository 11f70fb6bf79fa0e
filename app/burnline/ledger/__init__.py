"""The ledger: what each session has spent, exactly once per event."""
