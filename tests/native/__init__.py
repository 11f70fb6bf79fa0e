"""The kernel, held against the Python that it stands in for."""
