"""The rules of the design that the model can do without: each is a switch, and off it is a mutant."""

from typing import Literal, NamedTuple

Writing = Literal["item", "publish", "row", "offset"]


class Rules(NamedTuple):
    """The design's rules by default; what goes wrong without each of them is in `mutants`."""

    # state consumer
    writing: tuple[Writing, ...] = ("item", "publish", "row", "offset")
    starts_at: Literal["lower", "offset"] = "lower"
    holds_lifted_by: Literal["fold", "person"] = "fold"
    # barrier and commit point
    barrier: bool = True
    commit_is_conditional: bool = True
    commit_checks_due: bool = True
    # votes
    new_attempt_clears_votes: bool = True
    vote_names_attempt: bool = True
    votes_grow_old: bool = True
    # replay
    ledger_is_read: bool = True
    replay_writes_commit: bool = True
    replay_checks_facts: bool = True
    replay_checks_holds: bool = True
    replay_joins_committed: bool = True
    replay_is_confirmed: bool = True
    # completion
    all_services_complete: bool = True
    superseded_is_no_outcome: bool = True
    # leases
    lease_expires: bool = True
    expired_is_judged_again: bool = True
    # a table that was lost
    committed_is_published: bool = True
    published_is_laid_over: bool = True


DESIGN = Rules()
