"""What every store has to do, as tests that whoever writes one runs over his own.

    from consumers.stores.conformance import LedgeredStoreConformance

    class TestMyStore(LedgeredStoreConformance):
        @pytest.fixture
        def subject(self):
            with my_server() as server:
                yield MySubject(server)        # see `Subject`

`pytest` collects every case of the suite below the class. Nothing here needs pytest itself. For failures that show
values, put `pytest.register_assert_rewrite("consumers.stores.conformance")` in conftest.py.
"""

from consumers.stores.conformance.subject import Subject
from consumers.stores.conformance.suite import LedgeredStoreConformance, StoreConformance
from consumers.stores.conformance.swept import SweptStoreConformance

__all__ = ["LedgeredStoreConformance", "StoreConformance", "Subject", "SweptStoreConformance"]
