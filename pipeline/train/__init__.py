"""One training loop: an objective says what is learnt, everything else is the same for all."""
