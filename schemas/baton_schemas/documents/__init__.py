"""The documents that people write in YAML and `baton apply` publishes: one module per kind."""
