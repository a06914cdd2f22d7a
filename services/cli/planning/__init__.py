"""What a change of the configuration would do, tried on past traffic: replayed, compared, told."""
