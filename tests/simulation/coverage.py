"""Which writes of the protocol a run has reached: each row of "who writes what", and what databases answered."""

from collections import Counter
from typing import Final

SERVICES: Final = ("crm", "cards", "loans", "ledger")
EXPECTED: Final = frozenset(
    {
        *(f"state: {what}" for what in ("registers", "hold", "hold lifted", "withdrawn", "HALT")),
        *(f"state: POSITION {what}" for what in ("on", "back", "kept")),
        *(f"ticker: {what}" for what in ("claim ASKED", "claim ISSUED", "anew ASKED", "anew ISSUED")),
        *(f"ticker: {what}" for what in ("lease extended", "withdrawn", "sent again", "replay")),
        *(f"ticker: plan {what}" for what in ("new -> GOING", "new -> HALTED", "new -> DRY_RUN", "GOING -> GOING")),
        *(f"ticker: plan {what}" for what in ("HALTED -> APPROVED", "APPROVED -> GOING", "GOING -> ENDED")),
        *(f"{voter}: {what}" for voter in ("cards", "loans") for what in ("vote", "last vote", "withdrawn", "retry")),
        *(f"{service}: {what}" for service in SERVICES for what in ("commit", "replay", "complete")),
        *(f"{service}: replay confirmed" for service in SERVICES),
        *(f"{service}: outcome" for service in SERVICES[:3]),
        *(f"{service}: database {what}" for service in SERVICES for what in ("DONE", "NOTHING_FOUND", "FAILED")),
        *(f"{service}: database DEFERRED" for service in SERVICES),
        *(f"person: {what}" for what in ("hold", "hold lifted", "discarded", "MODE", "HALT", "POLICY", "POSITION")),
        "customer came back",
        "database restored",
        "table restored",
        "table put back",
        "group reset",
    }
)


def missing(seen: Counter[str]) -> list[str]:
    """What was expected and never reached."""
    return sorted(EXPECTED - seen.keys())
