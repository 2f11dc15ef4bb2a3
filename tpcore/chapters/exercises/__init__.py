"""What a reader of each chapter does: questions, a prediction, and a check of the code that fills the chapter's gap."""
