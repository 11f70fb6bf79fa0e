"""`burnline verify`: read the log and what was counted, and compare. Writes nothing, joins no group, commits none.

What is compared, and what an honest recomputation cannot know, stands in `burnline.ledger.audit`.
"""
