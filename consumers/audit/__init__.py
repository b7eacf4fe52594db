"""The history checker: who should have been anonymized and when, from topics and ledgers alone.

It does not believe the table. `reading` collects what is on record about each customer of a partition, `judging` (pure)
computes it again by the rules of `consumers.domain` and names every difference.
"""

from consumers.audit.findings import Difference
from consumers.audit.history import Audited, audit_history
from consumers.audit.sources import History

__all__ = ["Audited", "Difference", "History", "audit_history"]
