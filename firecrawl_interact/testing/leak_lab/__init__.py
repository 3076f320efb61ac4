"""
The leak lab: what a client leaves behind when things go wrong, counted.

``firecrawl-interact leak-lab`` runs it; `adapters` says how to run it on a client of your own.
"""
