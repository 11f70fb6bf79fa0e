"""Windows: tumbling slices of event time, and hopping windows as sums over them."""
