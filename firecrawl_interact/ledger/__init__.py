"""What we may owe, written down before we owe it."""
