"""The routes that speak each provider's wire."""
