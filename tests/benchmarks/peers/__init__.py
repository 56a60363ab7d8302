"""The same things done by others, so that a figure has something to be held against in its own run."""
