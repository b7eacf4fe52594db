"""`lapse rules`: rules files against live databases."""

import os
from contextlib import closing
from pathlib import Path
from textwrap import indent
from typing import Annotated

import typer

from consumers.cli.context import app_of
from consumers.cli.output import AsJson, show, show_json
from consumers.domain.errors import PermanentError
from consumers.domain.work import Finding
from consumers.ports import Clock
from consumers.stores import (
    AnyRules,
    Asked,
    Outlook,
    Rules,
    SqlStore,
    draft,
    load_rules,
    markdown,
    migration,
    one_database,
    open_store,
    outlook,
    register,
    rules_schema,
    suits,
    variable,
)

commands = typer.Typer(help="Rules files.", no_args_is_help=True)
PLAN = ("table", "action", "rows", "masked", "own", "kept")
Files = Annotated[list[Path] | None, typer.Argument(help="Rules files; all of the services folder if left out.")]
File = Annotated[Path, typer.Argument(help="A rules file.", metavar="FILE")]
Customer = Annotated[str, typer.Option(help="The customer's id; it is not printed.", metavar="ID")]
Url = Annotated[str | None, typer.Option(help="The database; its variable NAME_URL if left out.", metavar="URL")]
Name = Annotated[str, typer.Option("--service", help="The service the rules are for.", metavar="NAME")]
Purpose = Annotated[str, typer.Option(help="The purpose of its data.", metavar="PURPOSE")]
Schema = Annotated[str | None, typer.Option(help="Where the tables are; public if left out, or the database of URL.")]
Root = Annotated[str | None, typer.Option("--customer-table", help="The customers' table; the likeliest if left out.")]
Column = Annotated[str | None, typer.Option("--customer-column", help="The customer id; the likeliest if left out.")]


@commands.callback()
def _rules() -> None:
    """Rules files."""


@commands.command()
def init(
    service: Name, purpose: Purpose, url: Url = None, schema: Schema = None, table: Root = None, column: Column = None
) -> None:
    """Print a draft of a rules file from the live schema: every column that leads to a customer has a place in it.

    Touches nothing and reads no row; what only a person can decide says so.
    """
    named = url or os.environ.get(variable(service))
    if not named:
        raise PermanentError(f"no database is named: give --url, or {variable(service)} in the environment")
    typer.echo(draft(Asked(named, service, purpose, schema, table, column)), nl=False)


@commands.command()
def check(context: typer.Context, files: Files = None, as_json: AsJson = False) -> None:
    """Compare rules with the live schema or bucket. Touches nothing; exits 1 if anything would fail or leak."""
    paths, clock = _paths(context, files), app_of(context).clock
    rows = [row for path in paths for row in _findings(path, clock)]
    if as_json:
        show_json(rows)
    else:
        _print(rows, len(paths))
    if rows or not paths:
        raise typer.Exit(1)


@commands.command()
def ddl(context: typer.Context, files: Files = None) -> None:
    """Print one migration that adds what the rules need and the live schema lacks. Nothing is run.

    What is no mere addition stands in it as comments. The files have to be of one database.
    """
    rules = [load_rules(path, os.environ) for path in _named(context, files)]
    databases = [each for each in rules if isinstance(each, Rules)]
    one_database(databases)
    clock = app_of(context).clock
    typer.echo(migration(databases, [(each.service, _preflight(each, clock)) for each in rules]), nl=False)


@commands.command()
def plan(context: typer.Context, file: File, customer: Customer, as_json: AsJson = False) -> None:
    """Show how many rows of one customer would be masked or deleted, and in which columns. Touches nothing."""
    rules = load_rules(file, os.environ)
    if not suits(rules, customer):
        raise PermanentError("no customer of this service can have the id given (customer.type, or a segment of a key)")
    tables = [each._asdict() for each in _outlook(rules, customer, file, app_of(context).clock)]
    if tables or as_json:
        show(tables, PLAN, title=rules.service, as_json=as_json)
    else:
        typer.echo(f"{rules.service}: nothing found that is not anonymized yet")


@commands.command()
def report(context: typer.Context, files: Files = None, as_json: AsJson = False) -> None:
    """Print the register of what is masked, deleted, kept and ignored, how and why; no database is needed."""
    registers = [register(load_rules(path, os.environ, offline=True)) for path in _named(context, files)]
    if as_json:
        show_json(registers)
    else:
        typer.echo(markdown(registers), nl=False)


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


def _findings(path: Path, clock: Clock) -> list[dict[str, str]]:
    rules = load_rules(path, os.environ)
    return [{"service": rules.service, **finding._asdict()} for finding in _preflight(rules, clock)]


def _outlook(rules: AnyRules, customer: str, file: Path, clock: Clock) -> list[Outlook]:
    with closing(open_store(rules, clock)) as store:
        if found := store.preflight():
            raise PermanentError(
                f"{len(found)} findings keep {rules.service} from changing anything: `lapse rules check {file}`"
            )
        rows = store.count([customer]).get(customer)
        written = store.resolved() if isinstance(store, SqlStore) else rules
        return outlook(written, rows) if rows else []


def _preflight(rules: AnyRules, clock: Clock) -> list[Finding]:
    with closing(open_store(rules, clock)) as store:
        return store.preflight()


def _paths(context: typer.Context, files: list[Path] | None) -> list[Path]:
    if files:
        return files
    app = app_of(context)
    return [app.rules_file(service) for service in app.services()]


def _named(context: typer.Context, files: list[Path] | None) -> list[Path]:
    paths = _paths(context, files)
    if not paths:
        raise PermanentError("there are no rules files here; name some, or the folder they are in as `services`")
    return paths
