"""From a published event to an anonymized row, on real parts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from consumers.local import Services
from tests.support.installation import installation


def test_pipeline_anonymizes_who_is_due_and_nobody_else(services: Services, tmp_path: Path) -> None:
    with installation(services, tmp_path) as lapse:
        lapse.people("due-1", "due-2", "postponed", "recent", "silent")
        lapse.close_product("due-1", "due-2", "postponed")
        lapse.close_product("recent", days_ago=3)
        with lapse.producer() as producer:
            producer.postpone("postponed", "activity", until=datetime.now(UTC) + timedelta(days=9))
        untouched = {each: lapse.rows("crm")[each] for each in ("postponed", "recent", "silent")}
        with lapse.roles():
            lapse.wait_until_folded()
            assert lapse.tick().taken == 2
            lapse.wait_until_completed("due-1", "due-2")
        for service in lapse.names:
            assert lapse.anonymized(service) == {"due-1", "due-2"}
            assert lapse.ledger(service) == {"due-1": "DONE", "due-2": "DONE"}
        assert {each: lapse.rows("crm")[each] for each in untouched} == untouched
