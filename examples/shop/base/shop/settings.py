"""What the environment says, read once at the start of a process."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

MIN_SECRET_LENGTH = 16


class SettingsError(Exception):
    """The environment does not hold what this process needs."""


@dataclass(frozen=True)
class Settings:
    """One process's settings. Addresses that a process does not need are empty."""

    database_url: str = ""
    redis_url: str = ""
    payment_url: str = ""
    api_url: str = ""
    jwt_secret: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    log_level: str = "info"
    db_pool_max: int = 10


def read(needs: tuple[str, ...], environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`; every variable in `needs` has to be there.

    Raises SettingsError, which names all that is missing or unusable.
    """
    problems = [f"{name} is not set" for name in needs if not environ.get(name)]
    numbers = {}
    for name, default in (("PORT", 8000), ("DB_POOL_MAX", 10)):
        text = environ.get(name) or str(default)
        if text.isdigit() and int(text) > 0:
            numbers[name] = int(text)
        else:
            problems.append(f"{name} is not a positive number")
    if "JWT_SECRET" in needs and 0 < len(environ.get("JWT_SECRET", "")) < MIN_SECRET_LENGTH:
        problems.append(f"JWT_SECRET is shorter than {MIN_SECRET_LENGTH} characters")
    if problems:
        raise SettingsError("; ".join(problems))
    return Settings(
        database_url=environ.get("DATABASE_URL", ""),
        redis_url=environ.get("REDIS_URL", ""),
        payment_url=environ.get("PAYMENT_URL", "").rstrip("/"),
        api_url=environ.get("API_URL", "").rstrip("/"),
        jwt_secret=environ.get("JWT_SECRET", ""),
        host=environ.get("HOST") or "127.0.0.1",
        port=numbers["PORT"],
        log_level=(environ.get("LOG_LEVEL") or "info").lower(),
        db_pool_max=numbers["DB_POOL_MAX"],
    )


def read_or_exit(*needs: str) -> Settings:
    """The settings of this process; says what is wrong and exits 2 if it cannot start."""
    try:
        return read(needs, os.environ)
    except SettingsError as problem:
        print(f"ERROR cannot start: {problem}", file=sys.stderr, flush=True)
        sys.exit(2)
