"""One file per unlearning method, upon base; stored and serve are the steps that run them."""
