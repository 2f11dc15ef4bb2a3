"""What the chapters of the book show: a module or a folder for each, named as the chapter."""
