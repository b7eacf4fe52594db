"""What is explored: small worlds, each around one question, so that all of them together are seen to their end."""

from typing import Final

from tests.model.customer import Event
from tests.model.world import Fault, Scenario

DUE: Final = Event("schedule", occurred=0, date=0)
OPEN_ENDED: Final = Event("postpone", occurred=1)
COMES_BACK: Final = Event("postpone", occurred=1, opens=True)
GOES_AGAIN: Final = Event("schedule", occurred=2, date=0, closes=True)
PAUSES: Final[tuple[Fault, ...]] = ("pause state consumer", "pause ticker", "pause service")
VOTES: Final = frozenset({1})


def _scenario(name: str, *events: Event, last_day: int = 0, budget: int = 1, faults: set[Fault]) -> Scenario:
    return Scenario(name, events, last_day, frozenset(faults), budget)


SCENARIOS: Final = (
    # one command, from the claim to its end
    _scenario(
        "life",
        DUE._replace(date=1),
        OPEN_ENDED,
        last_day=1,
        faults={"crash", *PAUSES, "redelivery", "early lease", "reset service"},
    ),
    # every write of the state consumer apart
    _scenario(
        "writes",
        DUE._replace(date=9),
        OPEN_ENDED,
        GOES_AGAIN._replace(date=9, closes=False),
        budget=2,
        faults={"crash", "pause state consumer", "reset state"},
    )._replace(interleaved=True),
    # a postpone that cannot be read
    _scenario("unreadable", DUE, OPEN_ENDED._replace(readable=False), faults={"crash", "reset state"}),
    # one service votes, and the customer is active without an event that says so
    _scenario("vote", DUE, last_day=1, faults={"pause service"})._replace(guards=VOTES, untold=True, stays=True),
    _scenario("old vote", DUE, faults={"crash", "early lease"})._replace(guards=VOTES, untold=True),
    # the customer comes back, and goes again
    _scenario("return", DUE, COMES_BACK, GOES_AGAIN, faults={"crash", "redelivery"}),
    # both databases restored from backups, one after the other
    _scenario("both databases", DUE, budget=2, faults={"restore database"}),
    # databases restored from backups, their groups set back; the customer comes back, by an event that cannot be read
    _scenario("databases", DUE, COMES_BACK._replace(readable=False), budget=2, faults={"restore database"}),
    # the table lost, and rebuilt from lapse.state
    _scenario("table", DUE, OPEN_ENDED, budget=2, faults={"lose table", "crash"}),
)


def with_faults(scenario: Scenario, faults: int) -> Scenario:
    """The scenario in a larger scope: at least so many faults."""
    return scenario._replace(budget=max(scenario.budget, faults))
