"""Data sets as absolute ids, views and batches."""
