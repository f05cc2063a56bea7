"""Training samples and batches."""
