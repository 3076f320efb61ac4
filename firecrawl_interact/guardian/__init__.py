"""The helper process that deletes when its owner dies."""
