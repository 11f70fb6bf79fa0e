"""Usage events: what one must look like, how batches of them are decoded, and what is said about those that fail."""
