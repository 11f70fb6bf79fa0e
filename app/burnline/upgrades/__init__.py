"""What the installed version would change in a deployment that runs: its topics, its records, its contracts."""
