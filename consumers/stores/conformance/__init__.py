"""What every store, and every strategy, has to do, as tests that whoever writes one runs over his own.

    from consumers.stores.conformance import LedgeredStoreConformance

    class TestMyStore(LedgeredStoreConformance):
        @pytest.fixture
        def subject(self):
            with my_server() as server:
                yield MySubject(server)        # see `Subject`

Strategies likewise, below `StrategyConformance`, with a `StrategySubject` for each kind of database they are for.
`pytest` collects every case of the suite below the class. Nothing here needs pytest itself. For failures that show
values, put `pytest.register_assert_rewrite("consumers.stores.conformance")` in conftest.py.
"""

from consumers.stores.conformance.strategies import StrategyConformance
from consumers.stores.conformance.strategy_subject import StrategySubject
from consumers.stores.conformance.subject import Subject
from consumers.stores.conformance.suite import LedgeredStoreConformance, StoreConformance
from consumers.stores.conformance.swept import SweptStoreConformance

__all__ = [
    "LedgeredStoreConformance",
    "StoreConformance",
    "StrategyConformance",
    "StrategySubject",
    "Subject",
    "SweptStoreConformance",
]
