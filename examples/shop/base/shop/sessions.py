"""Signing in: a session in Redis, and a signed token (JWT, HS256, RFC 7519) that names it."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING

from shop.database import Database, Row
from shop.errors import NotSignedInError

if TYPE_CHECKING:
    from redis.asyncio import Redis

TTL_S = 3600
SCRYPT_COST = 2**10


def hash_password(password: str, salt: bytes) -> str:
    """`salt$key` in hexadecimal; the cost is low because this is an example."""
    key = hashlib.scrypt(password.encode(), salt=salt, n=SCRYPT_COST, r=8, p=1)
    return f"{salt.hex()}${key.hex()}"


def sign(claims: dict[str, object], secret: str) -> str:
    """A token with these claims."""
    head = _encode(b'{"alg":"HS256","typ":"JWT"}')
    body = _encode(json.dumps(claims, separators=(",", ":")).encode())
    return f"{head}.{body}.{_signature(f'{head}.{body}', secret)}"


def verify(token: str, secret: str, now: float) -> dict[str, object]:
    """The claims of a token. Raises NotSignedInError when it is forged, broken or too old."""
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(signed, secret).encode()):
        raise NotSignedInError("the token is not valid")
    try:
        claims = json.loads(_decode(signed.partition(".")[2]))
    except (ValueError, binascii.Error) as error:
        raise NotSignedInError("the token is not valid") from error
    if not isinstance(claims, dict) or claims.get("exp", 0) < now:
        raise NotSignedInError("the session has ended")
    return claims


class Sessions:
    """Customers and who is signed in."""

    def __init__(self, database: Database, redis: "Redis", secret: str) -> None:
        self._database, self._redis, self._secret = database, redis, secret

    async def sign_in(self, email: str, password: str) -> str:
        """A token. Raises NotSignedInError."""
        rows = await self._database.fetch(
            "SELECT id, name, email, password_hash FROM customers WHERE email = %s", [email]
        )
        if not rows or not await _matches(password, rows[0]["password_hash"]):
            raise NotSignedInError("wrong e-mail or password")
        session_id = secrets.token_urlsafe(16)
        customer = {key: rows[0][key] for key in ("id", "name", "email")}
        await self._redis.set(f"session:{session_id}", json.dumps(customer), ex=TTL_S)
        return sign({"sid": session_id, "exp": int(time.time()) + TTL_S}, self._secret)

    async def customer(self, token: str) -> Row:
        """Who the token belongs to. Raises NotSignedInError."""
        claims = verify(token, self._secret, time.time())
        found = await self._redis.get(f"session:{claims.get('sid')}")
        if found is None:
            raise NotSignedInError("the session has ended")
        customer: Row = json.loads(found)
        return customer


async def _matches(password: str, stored: str) -> bool:
    salt = bytes.fromhex(stored.partition("$")[0])
    loop = asyncio.get_running_loop()
    return hmac.compare_digest(
        await loop.run_in_executor(None, hash_password, password, salt), stored
    )


def _signature(text: str, secret: str) -> str:
    return _encode(hmac.digest(secret.encode(), text.encode(), "sha256"))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
