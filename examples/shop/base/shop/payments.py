"""Taking money through the outside gateway."""

from uuid import UUID

import aiohttp

from shop.errors import PaymentDeclinedError, PaymentUnavailableError
from shop.metrics import ShopMetrics

TIMEOUT_S = 3.0


class Payments:
    """A client of the gateway; charges carry the order's id, so the gateway takes money once."""

    def __init__(self, url: str, metrics: ShopMetrics) -> None:
        self._url = url
        self._metrics = metrics
        self._session: aiohttp.ClientSession | None = None

    async def charge(self, order_id: UUID, amount_cents: int) -> str:
        """Take the money; the gateway's reference.

        Raises PaymentDeclinedError; PaymentUnavailableError when the gateway fails or is slow.
        """
        try:
            status, answer = await self._post(
                "/charges", {"order": str(order_id), "amount_cents": amount_cents}
            )
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            self._metrics.payments.add("error")
            raise PaymentUnavailableError("the payment gateway did not answer") from error
        if status == 402:
            self._metrics.payments.add("declined")
            raise PaymentDeclinedError("the payment was declined")
        if status != 201 or "reference" not in answer:
            self._metrics.payments.add("error")
            raise PaymentUnavailableError(f"the payment gateway answered {status}")
        self._metrics.payments.add("approved")
        return str(answer["reference"])

    async def refund(self, reference: str) -> bool:
        """Give the money back; False when the gateway did not take the request."""
        try:
            status, _ = await self._post("/refunds", {"reference": reference})
        except (TimeoutError, aiohttp.ClientError, ValueError):
            return False
        return status == 201

    async def close(self) -> None:
        """Close the connections to the gateway."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, path: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        async with self._session.post(self._url + path, json=body) as response:
            answer = await response.json()
            return response.status, answer if isinstance(answer, dict) else {}
