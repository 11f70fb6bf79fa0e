"""`python -m app` is `burnline`."""

from app.cli import main

main()
