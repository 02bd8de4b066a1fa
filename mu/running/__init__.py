"""Steps as jobs: decided, handed to workers, run once each."""
