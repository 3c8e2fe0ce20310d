"""``python -m kinetrace``: the command line."""

from kinetrace.cli import main

main()
