"""Orders remember the channel they came by.

The fault of this version: the second statement copies from a column that does not exist.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN channel text")
    op.execute("UPDATE orders SET channel = source")
    op.execute("ALTER TABLE orders ALTER COLUMN channel SET NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP COLUMN channel")
