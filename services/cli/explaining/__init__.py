"""What `baton explain` says of one person: found on the log, recomputed as of a time, in numbers and in words."""
