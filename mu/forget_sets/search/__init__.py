"""The bi-level search for the worst case: levels, gradients, projections."""
