"""Who calls the lead, and by when: territories, rotation, calendars, SLA."""
