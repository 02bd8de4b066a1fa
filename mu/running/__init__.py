"""Steps as jobs: decided, handed to workers, run once each; models that only help."""
