"""HTTP that knows no provider."""
