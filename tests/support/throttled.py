"""A DynamoDB client that is throttled: whole calls, and single statements of calls that come through."""

import json
import random
import threading
from collections import Counter
from typing import Any

from botocore.awsrequest import AWSResponse

from consumers.adapters.dynamodb.table import TableClient

CALLS = ("BatchGetItem", "BatchExecuteStatement", "Query")
REFUSALS = ("ThrottlingException", "ProvisionedThroughputExceededException")
STATEMENT_REFUSALS = ("ThrottlingError", "ProvisionedThroughputExceeded")


class Throttled:
    """Fulfils TableClient over a client of boto3, whose own retries see throttled calls as DynamoDB would answer them.

    Attributes:
        share: Of the calls, and of the statements or keys in the others, that are throttled.
        seen: What was asked and what was throttled, counted.
    """

    def __init__(self, client: Any, share: float) -> None:
        self._client: TableClient = client
        self.share = share
        self.seen: Counter[str] = Counter()
        self._chance, self._lock = random.Random(7), threading.Lock()
        for call in CALLS:
            client.meta.events.register(f"before-send.dynamodb.{call}", self._before_send)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Leave keys unprocessed."""
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
        refused = [self._throttles("statement") for _ in request["Statements"]]
        kept = [statement for statement, no in zip(request["Statements"], refused, strict=True) if not no]
        answers = iter(self._client.batch_execute_statement(Statements=kept)["Responses"] if kept else [])
        return {"Responses": [self._refusal() if no else next(answers) for no in refused]}

    def query(self, **request: Any) -> dict[str, Any]:
        """As it is; the call itself may be throttled."""
        return self._client.query(**request)

    def _refusal(self) -> dict[str, Any]:
        return {"Error": {"Code": self._chance.choice(STATEMENT_REFUSALS), "Message": "slow down"}}

    def _before_send(self, request: Any, **_: Any) -> AWSResponse | None:
        if not self._throttles("call"):
            return None
        body = json.dumps({"__type": f"com.amazonaws.dynamodb#{self._chance.choice(REFUSALS)}", "message": "slow down"})
        return _Answer(request.url, 400, {"x-amzn-requestid": "1"}, body.encode())

    def _throttles(self, what: str) -> bool:
        with self._lock:
            self.seen[what] += 1
            throttled = self._chance.random() < self.share
            self.seen[f"{what} throttled"] += throttled
            return throttled


class _Answer(AWSResponse):  # type: ignore[misc]  # botocore is not typed
    def __init__(self, url: str, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(url, status, headers, None)
        self._content = body
