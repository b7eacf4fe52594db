"""Rules taken out one at a time, in the code of the roles as it runs. Each must be caught by a promise.

A mutant is a patch over an installation; nothing of it is in the product.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from tests.simulation import taken_out_of_decisions as decisions
from tests.simulation import taken_out_of_roles as roles
from tests.simulation.chaos import REPLAYED, only
from tests.simulation.taken_out import Patch


class Mutant(NamedTuple):
    """A rule taken out. `weights`: what happens more often than usual, so that it matters."""

    name: str
    apply: Patch
    weights: Mapping[str, int] = {}


BUSY: Final = {"unreadable": 6, "redrive": 5, "kill": 10}
SLOW: Final = only(schedule=20, back_up=20, postpone=60, put_table_back=30, tick=60, start=60, time=20)
CONTESTED: Final = only(schedule=20, postpone=60, tick=40, time=20, start=60)
TAKEN_OUT: Final = only(schedule=20, postpone=4, take_out=60, tick=60, time=20, start=60)
FORGED: Final = only(schedule=20, postpone=4, forge=80, tick=60, time=40, start=60)
LENGTHENED: Final = only(schedule=20, policy=80, tick=60, time=30, start=60)
RESTORED: Final = {"come_back": 120, "restore_database": 30, "back_up": 24, "tick": 30, "time": 24, "start": 30}
REDELIVERED: Final = only(schedule=20, postpone=4, come_back=30, tick=40, time=10, start=60, kill=20, reset=20)
CALM: Final = dict.fromkeys(("come_back", "hold", "unreadable", "reset", "restore_table", "stop", "mode"), 0)
LATE: Final = {"arrive": 30, "schedule": 40, "tick": 40, "kill": 40, "start": 30, "weather": 30, **CALM}
RETURNING: Final = only(schedule=8, postpone=10, come_back=90, tick=40, time=60, start=40)
MUTANTS: Final = (
    Mutant("barrier: skipped", roles.barrier_skipped),
    Mutant(
        "barrier: by the position read", roles.barrier_by_position_read, {"postpone": 24, "schedule": 20, "time": 10}
    ),
    Mutant("barrier: by the group's offset", roles.barrier_by_group_offset, SLOW),
    Mutant("barrier: row before the items", roles.row_before_the_items, {"kill": 16}),
    Mutant("state: offset before the write", roles.offset_before_the_write, {"kill": 16}),
    Mutant("state: unconditional", roles.unconditional("state")),
    Mutant("state: published from its cache", roles.published_from_the_cache, {"duplicate": 10}),
    Mutant("state: late told once", roles.late_told_once, LATE),
    Mutant("commit: due date not checked", decisions.due_not_checked, LENGTHENED),
    Mutant("commit: unconditional", roles.unconditional("crm", "cards", "loans", "ledger"), CONTESTED),
    Mutant("commit: votes not checked", decisions.votes_not_checked, {"forge": 16, "tick": 24}),
    Mutant("commit: vote survives its attempt", decisions.vote_survives, {"weather": 10, "tick": 24, "activity": 10}),
    Mutant("commit: id not made anew", decisions.id_kept, RETURNING),
    Mutant("replay: ledger ignored", decisions.ledger_ignored, REDELIVERED),
    Mutant("replay: not written", decisions.replay_not_written, REPLAYED),
    Mutant("replay: not confirmed", decisions.replay_not_confirmed, REPLAYED),
    Mutant(
        "replay: newer activity ignored",
        decisions.newer_activity_ignored,
        {"come_back": 16, "tick": 24, "restore_database": 10, "back_up": 8},
    ),
    Mutant("completion: one service is enough", decisions.one_is_enough),
    Mutant("completion: dry run counts", decisions.dry_run_counts, TAKEN_OUT),
    Mutant("completion: SUPERSEDED counts", decisions.superseded_counts, {"hold": 10, "stop": 8, "tick": 24}),
    Mutant("completion: a result is believed", decisions.result_believed, FORGED),
    Mutant("life: lease never over", decisions.lease_never_over),
    Mutant("life: id from a counter", decisions.id_from_a_counter, RETURNING),
    Mutant("life: id from schedules only", decisions.id_from_schedules, RETURNING),
    Mutant("life: always sent again", decisions.always_sent_again, {"hold": 12, "policy": 10, "stop": 6}),
    Mutant("due: cutoff by time", decisions.cutoff_by_time),
    Mutant("due: newest register only", decisions.newest_only),
    Mutant("due: newest marked only", decisions.newest_marked_only),
    Mutant("due: a tie goes to the schedule", decisions.tie_to_the_schedule, {"tie": 16}),
    Mutant("holds: dead letter first", roles.dead_letter_first, {"unreadable": 8}),
    Mutant("holds: lifted at the command line", roles.lifted_at_the_command_line, BUSY),
    Mutant("holds: discard forgotten", roles.discard_forgotten, {"unreadable": 8, "discard": 10, "reset": 8}),
    Mutant("holds: named by the copy", roles.named_by_the_copy, BUSY),
    Mutant("ticks: no budget", roles.no_budget),
    Mutant("ticks: plan not read", roles.plan_not_read, {"kill": 16, "tick": 30}),
    Mutant("ticks: as_of believed", roles.as_of_believed, {"tick_of_tomorrow": 20}),
    Mutant("resets: to the end", roles.reset_to_the_end, RESTORED),
)
