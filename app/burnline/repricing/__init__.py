"""What was used in a time that is past, at the prices of now: differences to what was charged, on their own topic."""
