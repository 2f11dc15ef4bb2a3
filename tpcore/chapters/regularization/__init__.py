"""Regularization is crucial: the maps of r and the step size, and what their records say of the claim."""
