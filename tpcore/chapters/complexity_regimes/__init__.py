"""What a training step costs: operations, time, and the map of regimes."""
