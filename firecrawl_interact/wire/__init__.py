"""Provider JSON as attrs classes; both ends of the line use them."""
