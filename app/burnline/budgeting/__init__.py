"""`burnline budgets run`: thresholds of budgets, told once as they are reached."""
