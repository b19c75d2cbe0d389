"""The first tables: products, stock, customers, orders, sales, shipments."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE products (
    id integer PRIMARY KEY,
    name text NOT NULL,
    category text NOT NULL,
    price_cents integer NOT NULL CHECK (price_cents > 0)
);
CREATE TABLE stock (
    product_id integer PRIMARY KEY REFERENCES products,
    quantity integer NOT NULL CONSTRAINT stock_not_negative CHECK (quantity >= 0)
) WITH (fillfactor = 50);
CREATE TABLE customers (
    id integer PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    password_hash text NOT NULL
);
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    customer_id integer REFERENCES customers,
    status text NOT NULL CHECK (status IN ('paid', 'fulfilled')),
    total_cents integer NOT NULL,
    payment_reference text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    fulfilled_at timestamptz
);
CREATE INDEX orders_created_at ON orders (created_at);
CREATE INDEX orders_waiting ON orders (created_at) WHERE status = 'paid';
CREATE TABLE order_lines (
    order_id uuid NOT NULL REFERENCES orders,
    product_id integer NOT NULL REFERENCES products,
    quantity integer NOT NULL CHECK (quantity > 0),
    price_cents integer NOT NULL,
    PRIMARY KEY (order_id, product_id)
);
CREATE TABLE sales (
    id uuid PRIMARY KEY,
    store text NOT NULL,
    tender text NOT NULL,
    total_cents integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sales_created_at ON sales (created_at);
CREATE TABLE sale_lines (
    sale_id uuid NOT NULL REFERENCES sales,
    product_id integer NOT NULL REFERENCES products,
    quantity integer NOT NULL CHECK (quantity > 0),
    price_cents integer NOT NULL,
    PRIMARY KEY (sale_id, product_id)
);
CREATE TABLE shipments (
    order_id uuid PRIMARY KEY REFERENCES orders,
    worker text NOT NULL,
    shipped_at timestamptz NOT NULL DEFAULT now()
);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute(
        "DROP TABLE shipments, sale_lines, sales, order_lines, orders, customers, stock, products"
    )
