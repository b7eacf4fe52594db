"""Every metric by name, with its meaning and unit. No label ever holds a customer."""

from typing import Final

RECORDS: Final = "lapse_records_total"  # records handled, by role and topic
DEAD_LETTERS: Final = "lapse_dead_letters_total"  # records sent to the dead-letter topic, by role and code
PAUSES: Final = "lapse_pauses_total"  # times a dependency was away, by role and code
PAUSED: Final = "lapse_paused"  # 1 while a role waits for a dependency, by role
WRITES: Final = "lapse_item_writes_total"  # items written to the table, by role
RACES: Final = "lapse_lost_races_total"  # conditional writes another writer was first at, by role
OUTCOMES: Final = "lapse_outcomes_total"  # answers of an anonymizer, by service and outcome
CLAIMED: Final = "lapse_claimed_total"  # customers claimed by ticks
LAG: Final = "lapse_lag_seconds"  # age of the newest record handled or, paused, of the oldest in hand, by role
READY: Final = "lapse_ready"  # 0 while a role waits for a dependency or for partitions, as /readyz says, by role
UNCONVERTIBLE: Final = "lapse_unconvertible_customers_total"  # ids that are none of the service's type, by service

MEANING: Final = {
    RECORDS: "Records handled.",
    DEAD_LETTERS: "Records sent to the dead-letter topic.",
    PAUSES: "Times a dependency was away.",
    PAUSED: "1 while the role waits for a dependency.",
    WRITES: "Items written to the table.",
    RACES: "Conditional writes that another writer was first at.",
    OUTCOMES: "Answers of anonymizers.",
    CLAIMED: "Customers claimed by ticks.",
    LAG: "Age in seconds of the newest record handled or, while paused, of the oldest one in hand.",
    READY: "0 while the role waits for a dependency or for partitions.",
    UNCONVERTIBLE: "Customer ids that do not convert to the service's type.",
}
