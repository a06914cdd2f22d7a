"""A seeded world outside of Baton: people who browse, a marketing tool that reports it, reps who answer or forget."""
