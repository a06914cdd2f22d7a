"""What came of a lead, and what we change: lifecycle, labels, calibration."""
