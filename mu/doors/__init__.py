"""What comes in from users is looked at here, before the first step: networks, loaders, targets."""
