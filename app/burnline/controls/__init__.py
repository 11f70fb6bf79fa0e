"""Controls: a runtime may be asked to warn, slow down, pause or stop; said by people and budgets."""
