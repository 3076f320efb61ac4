"""Recordings of sessions: taken, kept within limits, and shown again."""
