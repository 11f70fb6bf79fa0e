"""Other stream processors at the same work: price each event, sum by session in 5-minute windows hopping by a minute.

Nothing here is imported by Burnline. `meter` and the `program` modules run in virtual environments of their own.
"""
