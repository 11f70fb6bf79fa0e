"""The kernel: the ledgers' common path in C, beside the Python that decides all the rest."""
