"""The contest of equal effort: every method tuned by the same search, and its winners on fresh seeds."""
