"""What can go wrong for a user, each with its HTTP status."""


class ShopError(Exception):
    """Base: the message is shown to the user."""

    status = 500


class BadRequest(ShopError):
    """The request does not make sense."""

    status = 400


class NotSignedIn(ShopError):
    """Wrong e-mail or password, or no valid session."""

    status = 401


class PaymentDeclined(ShopError):
    """The gateway said no."""

    status = 402


class NotFound(ShopError):
    """There is no such thing."""

    status = 404


class SoldOut(ShopError):
    """Not enough in stock."""

    status = 409


class PaymentUnavailable(ShopError):
    """The gateway did not answer properly."""

    status = 502


class PricingFailed(ShopError):
    """The total of an order could not be worked out."""

    status = 500
