"""What we remember: the database, the ledger, locks and windows."""
