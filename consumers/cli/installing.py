"""`lapse topics`, `lapse table`, `lapse policy`: what must be there before a role starts."""

from typing import Annotated, Any

import typer

from consumers.adapters.dynamodb import apply_table, check_table
from consumers.app import App, new_stamp
from consumers.cli.context import app_of
from consumers.cli.output import AsJson, show, show_json
from consumers.domain.errors import PermanentError
from consumers.domain.policy import Policy
from consumers.operations.installing import write_first_positions
from consumers.operations.policies import apply_policy, policy_in_force
from schemas.topics import load_topics

topic_commands = typer.Typer(help="The topics.", no_args_is_help=True)
table_commands = typer.Typer(help="The DynamoDB table.", no_args_is_help=True)
policy_commands = typer.Typer(help="Purposes and retention in force.", no_args_is_help=True)
Dev = Annotated[bool, typer.Option("--dev", help="One broker, one developer: no replicas, no protection.")]
DIFFERENCE = ("topic", "setting", "wanted", "found")


@topic_commands.command("apply")
def apply_topics(context: typer.Context, dev: Dev = False, as_json: AsJson = False) -> None:
    """Make the topics as they are described; prints what was changed."""
    changed = app_of(context).topics(dev=dev).apply(list(load_topics().values()))
    show([each._asdict() for each in changed], DIFFERENCE, title="changed", as_json=as_json)


@topic_commands.command("diff")
def diff_topics(context: typer.Context, dev: Dev = False, as_json: AsJson = False) -> None:
    """Print what is not as described. Exits 1 if there is something."""
    found = app_of(context).topics(dev=dev).diff(list(load_topics().values()))
    show([each._asdict() for each in found], DIFFERENCE, title="differences", as_json=as_json)
    if found:
        raise typer.Exit(1)


@table_commands.command("apply")
def apply_the_table(context: typer.Context, dev: Dev = False) -> None:
    """Make the table and, on a first installation, the rows that say it contains no events yet."""
    app = app_of(context)
    for line in apply_table(app.dynamodb, app.settings.table.name, dev=dev):
        typer.echo(line)
    written = write_first_positions(app.table, app.offsets, app.names, new_stamp)
    typer.echo(f"POSITION rows written: {written}")


@table_commands.command("check")
def check_the_table(context: typer.Context, dev: Dev = False, as_json: AsJson = False) -> None:
    """Print what is not as it must be. Exits 1 if there is something."""
    app = app_of(context)
    found = check_table(app.dynamodb, app.settings.table.name, dev=dev)
    show([{"difference": each} for each in found], ("difference",), title="table", as_json=as_json)
    if found:
        raise typer.Exit(1)


@policy_commands.command("show")
def show_policy(context: typer.Context, as_json: AsJson = False) -> None:
    """Print the policy in force and whether lapse.yaml says the same."""
    app = app_of(context)
    policy = policy_in_force(app.table)
    if policy is None:
        raise PermanentError("no policy is in force; `lapse policy apply` puts the one of lapse.yaml in force")
    _print(app, policy, as_json=as_json)


@policy_commands.command("apply")
def apply_the_policy(context: typer.Context, as_json: AsJson = False) -> None:
    """Put the policy of lapse.yaml in force, with the next batch of every role."""
    app = app_of(context)
    apply_policy(app.table, app.settings.policy(), new_stamp, app.items(app.sink()))
    _print(app, app.settings.policy(), as_json=as_json)


def _print(app: App, policy: Policy, *, as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {
            "purpose": purpose.name,
            "retention": _retention(purpose.retention._asdict()),
            "products": "all" if purpose.products is None else sorted(purpose.products),
            "services": list(purpose.services),
        }
        for purpose in policy.purposes.values()
    ]
    same = policy == app.settings.policy()
    if as_json:
        show_json(
            {
                "purposes": rows,
                "claims_per_day": policy.cap,
                "lease_seconds": policy.lease // 1_000_000,
                "as_in_settings": same,
            }
        )
        return
    show(rows, ("purpose", "retention", "products", "services"), title="policy in force", as_json=False)
    typer.echo(f"claims per day {policy.cap}, lease {policy.lease // 1_000_000} s")
    if not same:
        typer.echo("lapse.yaml says otherwise; `lapse policy apply` puts it in force")


def _retention(fields: dict[str, Any]) -> str:
    lengths = [f"{fields[unit]} {unit}" for unit in ("years", "months", "days") if fields[unit]]
    return f"{' '.join(lengths) or '0 days'} from {fields['counted_from']}, {fields['timezone']}"
