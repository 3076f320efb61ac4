"""The local Chromium server."""
