from hypothesis import settings

# Property tests are the same on every run, and no speed is asserted.
settings.register_profile("book", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("book")
