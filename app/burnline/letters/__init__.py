"""What lies on `dead-letters`: looked at, taken out, mended, and sent back once."""
