"""Puts products, stock and customers into an empty database: `python -m shop.seed`.

Running it again changes nothing; stock that was sold stays sold.
"""

from uuid import UUID

import psycopg

from shop import settings
from shop.log import Log
from shop.sessions import hash_password

FIRST_ORDER = UUID("00000000-0000-4000-8000-000000000001")
PASSWORD = "shop-demo"
STOCK = 10_000_000
GOODS = {
    "Kitchen": ("Kettle", "Teapot", "Frying pan", "Chopping board", "Bread knife", "Mixing bowl"),
    "Garden": ("Watering can", "Hand trowel", "Secateurs", "Plant pot", "Garden twine", "Rake"),
    "Home": ("Desk lamp", "Wool blanket", "Cushion", "Wall clock", "Door mat", "Candle"),
    "Office": ("Notebook", "Fountain pen", "Stapler", "Desk tray", "Paper clips", "Calendar"),
    "Travel": ("Rucksack", "Water bottle", "Travel mug", "Umbrella", "Map case", "Torch"),
}


def products() -> list[tuple[int, str, str, int]]:
    """(id, name, category, price in cents), the same every time."""
    names = [(name, category) for category, goods in GOODS.items() for name in goods]
    return [(i, n, c, 450 + (i * 737) % 6400) for i, (n, c) in enumerate(names, start=1)]


def customers(count: int = 20) -> list[tuple[int, str, str, str]]:
    """(id, e-mail, name, password hash); all have the same password."""
    return [
        (
            number,
            f"customer{number}@example.com",
            f"Customer {number}",
            hash_password(PASSWORD, number.to_bytes(8, "big")),
        )
        for number in range(1, count + 1)
    ]


def seed(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    """Insert what is missing, in one transaction."""
    first_price = products()[0][3]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO products VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", products()
        )
        cursor.execute(
            "INSERT INTO stock SELECT id, %s FROM products ON CONFLICT DO NOTHING", [STOCK]
        )
        cursor.executemany(
            "INSERT INTO customers VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", customers()
        )
        cursor.execute(
            "INSERT INTO orders (id, customer_id, status, total_cents, payment_reference,"
            " fulfilled_at) VALUES (%s, 1, 'fulfilled', %s, 'seed', now()) ON CONFLICT DO NOTHING",
            [FIRST_ORDER, first_price],
        )
        cursor.execute(
            "INSERT INTO order_lines VALUES (%s, 1, 1, %s) ON CONFLICT DO NOTHING",
            [FIRST_ORDER, first_price],
        )


def main() -> None:
    """Seed the database at $DATABASE_URL."""
    found = settings.read_or_exit("DATABASE_URL")
    url = found.database_url.replace("postgresql+psycopg:", "postgresql:", 1)
    with psycopg.connect(url, connect_timeout=5) as connection:
        seed(connection)
    Log().info("seeded", products=len(products()), customers=len(customers()))


if __name__ == "__main__":
    main()
