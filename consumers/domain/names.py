"""Names of topics and groups, under one prefix per installation."""

from typing import NamedTuple


class Names(NamedTuple):
    """Topic and group names. Two installations on one cluster differ in `prefix` and share nothing."""

    prefix: str = "lapse."

    @property
    def events(self) -> str:
        """Schedules and postpones, from product services."""
        return self.prefix + "events"

    @property
    def state(self) -> str:
        """Items as last written, compacted."""
        return self.prefix + "state"

    @property
    def ticks(self) -> str:
        """Requests to claim what is due."""
        return self.prefix + "ticks"

    @property
    def commands(self) -> str:
        """Commands to every service."""
        return self.prefix + "commands"

    @property
    def results(self) -> str:
        """The trail."""
        return self.prefix + "results"

    @property
    def dead_letters(self) -> str:
        """What a consumer could not handle."""
        return self.prefix + "dead-letters"

    @property
    def state_group(self) -> str:
        """The state consumer's group."""
        return self.prefix + "state"

    @property
    def ticker_group(self) -> str:
        """The ticker's group."""
        return self.prefix + "ticker"

    def anonymizer_group(self, service: str) -> str:
        """The group of one service."""
        return f"{self.prefix}anonymizer.{service}"
