"""Who calls, what they may do, and which organisations they see."""
