"""Labels in the formats of others: read into the project's own, and written from it."""
