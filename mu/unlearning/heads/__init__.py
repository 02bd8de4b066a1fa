"""The last layers alone: training them, features of a frozen trunk, a logistic head (certified)."""
