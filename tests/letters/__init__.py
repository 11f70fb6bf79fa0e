"""Dead letters, mended and sent back."""
