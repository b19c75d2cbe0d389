"""What the load client asks for."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """One kind of request; `body` is sent as JSON."""

    method: str
    path: str
    body: bytes = b""

    @property
    def name(self) -> str:
        """How it is called in the summary."""
        return f"{self.method} {self.path}"


def shop_requests() -> list[Request]:
    """The traffic of a shop: mostly looking, some buying; in the order in which it is sent."""
    mix = []
    for number in range(1, 11):
        order = {"lines": [{"product_id": number, "quantity": 1}]}
        sale = {"store": "north", "tender": "card", **order}
        mix += [
            Request("GET", "/api/products"),
            Request("GET", f"/api/products/{number}"),
            Request("GET", f"/api/stock/{number}"),
            Request("POST", "/api/orders", json.dumps(order).encode()),
            Request("GET", "/api/products"),
            Request("GET", f"/api/products/{number + 10}"),
            Request("GET", "/api/orders/00000000-0000-4000-8000-000000000001"),
            Request("GET", f"/api/stock/{number + 10}"),
            Request("POST", "/api/sales", json.dumps(sale).encode()),
            Request("GET", "/api/products"),
        ]
    return mix


def encode(request: Request, host: str, keep: bool) -> bytes:
    """The bytes that go over the wire."""
    lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {host}"]
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        lines += ["Content-Type: application/json", f"Content-Length: {len(request.body)}"]
    if not keep:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + request.body
