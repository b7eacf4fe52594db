"""A DynamoDB client that is throttled: whole calls, and single statements of calls that come through."""

import random
import threading
from collections import Counter
from typing import Any

from botocore.exceptions import ClientError

from consumers.adapters.dynamodb.table import TableClient

REFUSALS = ("ThrottlingException", "ProvisionedThroughputExceededException")
STATEMENT_REFUSALS = ("ThrottlingError", "ProvisionedThroughputExceeded")


class Throttled:
    """Fulfils TableClient over a client of boto3; what it raises is what remains after that one's own retries.

    Attributes:
        share: Of the calls, and of the statements or keys in the others, that are throttled.
        seen: What was asked and what was throttled, counted.
    """

    def __init__(self, client: Any, share: float) -> None:
        self._client: TableClient = client
        self.share = share
        self.seen: Counter[str] = Counter()
        self._chance, self._lock = random.Random(7), threading.Lock()

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Leave keys unprocessed."""
        self._admit()
        [(table, asked)] = request["RequestItems"].items()
        left = [key for key in asked["Keys"] if self._throttles("key")]
        kept = [key for key in asked["Keys"] if key not in left]
        answer: dict[str, Any] = {"Responses": {table: []}}
        if kept:
            answer = self._client.batch_get_item(RequestItems={table: {**asked, "Keys": kept}})
        if left:
            waiting = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            answer["UnprocessedKeys"] = {table: {**asked, "Keys": [*waiting, *left]}}
        return answer

    def batch_execute_statement(self, **request: Any) -> dict[str, Any]:
        """Refuse statements, and carry out the others."""
        self._admit()
        refused = [self._throttles("statement") for _ in request["Statements"]]
        kept = [statement for statement, no in zip(request["Statements"], refused, strict=True) if not no]
        answers = iter(self._client.batch_execute_statement(Statements=kept)["Responses"] if kept else [])
        return {"Responses": [self._refusal() if no else next(answers) for no in refused]}

    def query(self, **request: Any) -> dict[str, Any]:
        """As it is; the call itself may be throttled."""
        self._admit()
        return self._client.query(**request)

    def _refusal(self) -> dict[str, Any]:
        return {"Error": {"Code": self._chance.choice(STATEMENT_REFUSALS), "Message": "slow down"}}

    def _admit(self) -> None:
        if self._throttles("call"):
            raise ClientError({"Error": {"Code": self._chance.choice(REFUSALS), "Message": "slow down"}}, "Any")

    def _throttles(self, what: str) -> bool:
        self._count(what)
        throttled = self._chance.random() < self.share
        self._count(f"{what} throttled", int(throttled))
        return throttled

    def _count(self, what: str, times: int = 1) -> None:
        with self._lock:
            self.seen[what] += times
