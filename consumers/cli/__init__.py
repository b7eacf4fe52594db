"""The command line. `lapse --help` lists it; every command says what it needs."""

from consumers.cli.main import main

__all__ = ["main"]
