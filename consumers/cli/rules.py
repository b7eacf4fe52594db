"""`lapse rules`: rules files against live databases."""

import os
from contextlib import closing
from pathlib import Path
from textwrap import indent
from typing import Annotated

import typer

from consumers.cli.context import app_of
from consumers.cli.output import AsJson, show_json
from consumers.stores import SqlStore, load_rules, rules_schema

commands = typer.Typer(help="Rules files.", no_args_is_help=True)
Files = Annotated[list[Path] | None, typer.Argument(help="Rules files; all of the services folder if left out.")]


@commands.callback()
def _rules() -> None:
    """Rules files."""


@commands.command()
def check(context: typer.Context, files: Files = None, as_json: AsJson = False) -> None:
    """Compare rules with the live schema. Touches nothing; exits 1 if anything would fail or leak."""
    app = app_of(context)
    paths = files or [app.rules_file(service) for service in app.services()]
    rows = [row for path in paths for row in _findings(path)]
    if as_json:
        show_json(rows)
    else:
        _print(rows, len(paths))
    if rows or not paths:
        raise typer.Exit(1)


@commands.command()
def schema() -> None:
    """Print the JSON Schema of a rules file, for editors."""
    show_json(rules_schema())


def _print(rows: list[dict[str, str]], files: int) -> None:
    """One paragraph a finding: a repair is to be copied, which no table survives."""
    for row in rows:
        typer.echo(
            f"{row['service']}: {row['place']}: {row['code']}: {row['message']}\n{indent(row['repair'], '    ')}"
        )
    typer.echo(f"{len(rows)} findings in {files} files")


def _findings(path: Path) -> list[dict[str, str]]:
    rules = load_rules(path, os.environ)
    with closing(SqlStore(rules)) as store:
        return [{"service": rules.service, **finding._asdict()} for finding in store.preflight()]
