"""A closer look at the searches, draw by draw."""
