"""What the chapter *Deriving target propagation* shows."""
