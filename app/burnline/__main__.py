"""`python -m burnline` is `burnline`."""

from burnline.cli import main

main()
