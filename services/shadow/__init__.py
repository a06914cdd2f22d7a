"""In shadow: what the CRM's people really did, as answers to handoffs that nobody was given."""
