"""One pipe to a browser, for all who drive it."""
