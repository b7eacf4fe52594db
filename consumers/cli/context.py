"""What every command shares: the settings file named once, the app made when a command needs it."""

import getpass
import os
from pathlib import Path
from typing import Annotated

import typer

from consumers.app import App
from consumers.settings import load_settings

By = Annotated[
    str, typer.Option("--by", help="Name of the person; kept with the decision.", default_factory=getpass.getuser)
]


class CliContext:
    """The options before the command."""

    def __init__(self, config: Path | None) -> None:
        self.config = config

    def app(self) -> App:
        """Read the settings and make the app. SettingsError says what is wrong with them."""
        return App(load_settings(self.config, os.environ))


def app_of(context: typer.Context) -> App:
    """The app of a command's context."""
    shared = context.obj
    assert isinstance(shared, CliContext), "set by the callback before any command"
    return shared.app()
