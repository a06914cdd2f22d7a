"""What makes a lead good: fit, engagement, identity, qualification, explanation."""
