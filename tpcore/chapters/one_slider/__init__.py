"""One slider from targets to gradients: its gains, what flows back, and the runs at each of its places."""
