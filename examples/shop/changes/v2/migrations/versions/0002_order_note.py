"""Orders may carry a note. Expand only: the version before does not see the column."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN note text")


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP COLUMN note")
