"""Measurements against bare aiohttp, the vendors' SDKs and browsers launched by hand."""
