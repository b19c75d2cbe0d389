"""Values that were never filled in, and values that should have been secrets."""

import re

_PLACEHOLDER = re.compile(
    r"\[[A-Za-z][\w .'/-]*\]"  # [Phone]
    r"|<[a-z][\w .-]*>"  # <secure-random-string>
    r"|@handle|@name|@your[-_a-z]*"
    r"|\byour[-_ ](?:\w)"  # your-api.com
    r"|\b(?:todo|tbd|fixme|xxx+|changeme|change[-_]me|placeholder|fill[-_ ]me[-_ ]in)\b",
    re.IGNORECASE,
)
_EXAMPLE_PHONE = re.compile(r"555\D?01\d\d|123\D?456|0{6,}|1234567")
_WEAK = frozenset(
    (
        "secret",
        "password",
        "passwd",
        "changeme",
        "default",
        "admin",
        "root",
        "test",
        "example",
        "letmein",
        "qwerty",
        "supersecret",
        "mysecret",
        "jwtsecret",
        "dummy",
        "none",
        "null",
        "undefined",
    )
)
_SECRET_KEY = re.compile(
    r"(^|_)(SECRET|PASSWORD|PASSWD|PWD|TOKEN|API_?KEY|PRIVATE_KEY|ACCESS_KEY|CREDENTIALS?)(_|$)"
)
_NOT_A_SECRET = re.compile(r"(_EXPIRES?_IN|_EXPIRATION|_TTL|_LENGTH|_FILE|_PATH|_URL|_NAME|_ID)$")
_PASSWORD_IN_URL = re.compile(r"://[^/@\s:]*:([^/@\s]+)@")


def is_placeholder(text: str, *, phone: bool = False) -> bool:
    """Whether ``text`` is something that was meant to be filled in."""
    if _PLACEHOLDER.search(text):
        return True
    return phone and bool(_EXAMPLE_PHONE.search(text.replace(" ", "").replace("-", "")))


def is_weak(secret: str) -> str:
    """Why ``secret`` protects nothing; empty when it may do. Never contains the secret."""
    plain = secret.strip().lower()
    if is_placeholder(secret):
        return "is a placeholder"
    if plain in _WEAK or re.sub(r"[^a-z]", "", plain) in _WEAK:
        return "is a word everybody tries first"
    if len(plain) >= 4 and len(set(plain)) <= 2:
        return "repeats one or two characters"
    return ""


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable called ``name`` should not stand in the file as it is."""
    if not value or "${" in value or _NOT_A_SECRET.search(name):
        return False
    return bool(_SECRET_KEY.search(name)) or has_password(value)


def has_password(address: str) -> bool:
    """Whether an address holds a password that is not a variable."""
    match = _PASSWORD_IN_URL.search(address)
    return match is not None and "${" not in match.group(1)
