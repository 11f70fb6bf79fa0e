"""What organisations, teams, projects and agents may spend in a period, and how much of it is used. Pure."""
