"""`lapse tick`: ask for a tick, look at one, approve one that was halted."""

from typing import Annotated, Any

import typer

from consumers.app import App, new_stamp
from consumers.cli.context import By, app_of
from consumers.cli.output import AsJson, moment_of, show, show_json
from consumers.domain.errors import PermanentError
from consumers.domain.ticks import Plan
from consumers.operations import ticking
from consumers.operations.customers import when

commands = typer.Typer(help="Claim what is due.", invoke_without_command=True)

AsOf = Annotated[str | None, typer.Option(help="What is due at this time (ISO 8601, with zone); now if left out.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count and report; claim nothing.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait for the ticker; 0: only ask.")]
TickId = Annotated[str, typer.Argument(help="The id `lapse tick` printed.", metavar="TICK")]


@commands.callback()
def tick(
    context: typer.Context,
    by: By,
    as_of: AsOf = None,
    dry_run: DryRun = False,
    wait: Wait = 60.0,
    as_json: AsJson = False,
) -> None:
    """Ask for a tick, wait for the ticker and print its report. Exits 1 if it was halted."""
    if context.invoked_subcommand:
        return
    app = app_of(context)
    sink = app.sink()
    at = moment_of(as_of) or app.clock.now()
    if at > app.clock.now() and not dry_run:
        raise PermanentError("--as-of lies in the future; that goes with --dry-run only")
    tick_id = ticking.request_tick(sink, app.names.ticks, at, by, dry_run=dry_run)
    if wait <= 0:
        show_json({"tick_id": tick_id}) if as_json else typer.echo(f"asked for tick {tick_id}")
        return
    plan = ticking.wait_for_tick(app.table, tick_id, app.clock, wait)
    _print(plan, as_json=as_json)
    if plan.state == "HALTED":
        raise PermanentError(f"halted before anyone was touched; `lapse tick approve {tick_id}` lets it go")


@commands.command("show")
def show_tick(context: typer.Context, tick_id: TickId, as_json: AsJson = False) -> None:
    """Print the plan of a tick."""
    plan = ticking.tick_plan(app_of(context).table, tick_id)
    if plan is None:
        raise ticking.NoTickError
    _print(plan, as_json=as_json)


@commands.command("approve")
def approve(context: typer.Context, tick_id: TickId, by: By, as_json: AsJson = False) -> None:
    """Let a halted tick go, under your name, for as many customers as its report says."""
    app: App = app_of(context)
    plan = ticking.approve_tick(app.table, app.sink(), app.names.ticks, tick_id, by, app.clock, new_stamp)
    _print(plan, as_json=as_json)


def _print(plan: Plan, *, as_json: bool) -> None:
    row: dict[str, Any] = {
        "tick": plan.tick_id,
        "state": plan.state,
        "as_of": when(plan.as_of),
        "due": plan.report.due,
        "allowance": plan.report.allowance,
        "claimed": plan.taken,
        "by_purpose": dict(plan.report.by_purpose) if as_json else _listed(plan),
        "blockers": list(plan.report.blockers),
        "approved_by": plan.approved_by,
    }
    if as_json:
        show_json([row])
        return
    show(
        [{"what": name, "value": value} for name, value in row.items()], ("what", "value"), title="tick", as_json=False
    )


def _listed(plan: Plan) -> list[str]:
    return [f"{name} {customers}" for name, customers in plan.report.by_purpose.items()]
