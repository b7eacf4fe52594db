"""Explores every state of a model: the shortest way to break a promise, and states from which nothing gets done."""

from array import array
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)
LIVENESS = "liveness: though nothing fails any more, it cannot be done any more"


class Move(NamedTuple, Generic[S]):
    """One step of somebody. `certain`: it comes sooner or later, so that others may depend on it.

    `breaks`: the promise it breaks, if any.
    """

    label: str
    state: S
    certain: bool = True
    breaks: str | None = None


Moves = Callable[[S], Iterable[Move[S]]]


class Counterexample(NamedTuple):
    """A broken promise and the shortest history that ends in it."""

    breaks: str
    history: tuple[str, ...]


class Explored(NamedTuple):
    """What an exploration has seen. `complete`: every reachable state; not so once a promise is broken."""

    states: int
    transitions: int
    complete: bool
    found: Counterexample | None


class _Graph(Generic[S]):
    """The states in the order they were found (breadth first), and the certain steps between them."""

    def __init__(self, initial: S) -> None:
        self.states: list[S] = [initial]
        self._numbers: dict[S, int] = {initial: 0}
        self._parents = array("L", [0])
        self._sources, self._targets = array("L"), array("L")

    def add(self, source: int, move: Move[S]) -> None:
        """Take note of a step, and of the state it leads to if that is a new one."""
        target = self._numbers.setdefault(move.state, len(self.states))
        if target == len(self.states):
            self.states.append(move.state)
            self._parents.append(source)
        if move.certain:
            self._sources.append(source)
            self._targets.append(target)

    def history(self, number: int, moves: Moves[S]) -> list[str]:
        """The labels of a shortest way to a state. They are not kept, but found again."""
        labels: list[str] = []
        while number:
            parent = self._parents[number]
            taken = (move.label for move in moves(self.states[parent]) if move.state == self.states[number])
            labels.append(next(taken))
            number = parent
        return labels[::-1]

    def stuck(self, done: Callable[[S], bool]) -> int | None:
        """The first state from which certain steps alone lead to none that is done."""
        hopeful = bytearray(map(done, self.states))
        before = -1
        # most steps lead to states found later: read backwards, few rounds are needed
        while before != (before := sum(hopeful)):
            for source, target in zip(reversed(self._sources), reversed(self._targets), strict=True):
                if hopeful[target]:
                    hopeful[source] = 1
        stuck = hopeful.find(0)
        return None if stuck < 0 else stuck


def explore(initial: S, moves: Moves[S], done: Callable[[S], bool], *, limit: int = 5_000_000) -> Explored:
    """Visit every state that can be reached, breadth first, up to the first broken promise.

    Without one, and with all states seen, the second question is asked: can each state still reach one that is `done`
    by certain steps alone (AG EF done)? `limit` is a number of states; beyond it the answer is not complete.
    """
    graph, transitions, number = _Graph(initial), 0, 0
    while number < len(graph.states) <= limit:
        for move in moves(graph.states[number]):
            transitions += 1
            if move.breaks:
                history = (*graph.history(number, moves), move.label)
                return Explored(
                    len(graph.states), transitions, complete=False, found=Counterexample(move.breaks, history)
                )
            graph.add(number, move)
        number += 1
    if number < len(graph.states):
        return Explored(len(graph.states), transitions, complete=False, found=None)
    stuck = graph.stuck(done)
    found = None if stuck is None else Counterexample(LIVENESS, tuple(graph.history(stuck, moves)))
    return Explored(len(graph.states), transitions, complete=True, found=found)
