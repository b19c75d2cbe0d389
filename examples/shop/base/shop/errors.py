"""What can go wrong for a user, each with its HTTP status."""


class ShopError(Exception):
    """Base: the message is shown to the user."""

    status = 500


class BadRequestError(ShopError):
    """The request does not make sense."""

    status = 400


class NotSignedInError(ShopError):
    """Wrong e-mail or password, or no valid session."""

    status = 401


class PaymentDeclinedError(ShopError):
    """The gateway said no."""

    status = 402


class NotFoundError(ShopError):
    """There is no such thing."""

    status = 404


class SoldOutError(ShopError):
    """Not enough in stock."""

    status = 409


class PaymentUnavailableError(ShopError):
    """The gateway did not answer properly."""

    status = 502


class PricingError(ShopError):
    """The total of an order could not be worked out."""

    status = 500
