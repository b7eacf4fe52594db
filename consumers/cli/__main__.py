"""`python -m consumers.cli` is `lapse`."""

from consumers.cli.main import main

main()
