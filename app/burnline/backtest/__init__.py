"""What the learned rules would have told over a log that is past."""
