"""What the chapter *Regularized inversion* shows."""
