"""One slider from targets to gradients, and the contest of equal effort."""
