"""The design with one rule taken away: which promise breaks, in which scenario, and by how short a history."""

from typing import Final, NamedTuple

from tests.model import properties as p
from tests.model.checker import LIVENESS
from tests.model.rules import Rules


class Mutant(NamedTuple):
    """Rules, the scenario that catches them, the promise that breaks and the steps of the shortest history.

    `budget`: of faults, where fewer than the scenario has are enough.
    """

    name: str
    rules: Rules
    scenario: str
    breaks: str
    steps: int
    budget: int | None = None


MUTANTS: Final = (
    Mutant("barrier skipped", Rules(barrier=False), "return", p.P2, 10),
    Mutant("row before the item", Rules(writing=("row", "item", "publish", "offset")), "writes", p.P1, 3),
    Mutant(
        "offset before the write",
        Rules(writing=("offset", "item", "publish", "row"), starts_at="offset"),
        "writes",
        p.P1,
        5,
    ),
    Mutant("commit not conditional", Rules(commit_is_conditional=False), "return", p.P1, 12),
    Mutant("due not checked at the commit", Rules(commit_checks_due=False), "unreadable", p.P2, 11),
    Mutant("hold lifted by the person who redrives", Rules(holds_lifted_by="person"), "unreadable", p.P1, 6),
    Mutant("votes survive their attempt", Rules(new_attempt_clears_votes=False), "old vote", LIVENESS, 8),
    Mutant("zombie voter", Rules(vote_names_attempt=False), "vote", p.P3_OBJECTION, 19),
    Mutant("votes never grow old", Rules(votes_grow_old=False), "old vote", p.P3_STALE, 14),
    Mutant("ledger ignored", Rules(ledger_is_read=False), "return", p.P4, 17),
    Mutant("replay without the commit write", Rules(replay_writes_commit=False), "databases", p.P4, 21),
    Mutant("replay not confirmed", Rules(replay_is_confirmed=False), "databases", p.P4, 19),
    Mutant("replay ignores newer facts", Rules(replay_checks_facts=False), "databases", p.P2, 20),
    Mutant("replay ignores holds", Rules(replay_checks_holds=False), "databases", p.P2, 18),
    Mutant(
        "replay does not join a committed command", Rules(replay_joins_committed=False), "both databases", LIVENESS, 16
    ),
    Mutant("one service completes", Rules(all_services_complete=False), "life", p.P3_PART, 12),
    Mutant("SUPERSEDED is an outcome", Rules(superseded_is_no_outcome=False), "unreadable", p.P3_PART, 18),
    Mutant("lease never expires", Rules(lease_expires=False), "life", LIVENESS, 7),
    Mutant("expired command always sent again", Rules(expired_is_judged_again=False), "old vote", LIVENESS, 8),
    Mutant("committed item not published by who goes on", Rules(committed_is_published=False), "table", LIVENESS, 18),
    Mutant("lost table not laid over", Rules(published_is_laid_over=False), "table", LIVENESS, 15, budget=1),
)

KEPT_TWICE: Final = (
    Rules(writing=("offset", "item", "publish", "row")),
    Rules(starts_at="offset"),
)
"""No faults by themselves: the row is lower where the offset was written first; the offset is written last."""
