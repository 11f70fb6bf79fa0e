"""What is shipped for running Burnline elsewhere, checked without a container engine."""
