"""``python -m filehaul``."""

from .cli import main

main()
