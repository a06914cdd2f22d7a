"""Files that people have, turned into records of Baton: pure parsers, line by line, each refusal with its reason.

lines.py         a file into numbered documents or rows, whatever its shape
draft.py         what a parser answers with: events to publish, or a refusal
cloudevents.py   CloudEvents in structured JSON
segment.py       identify, track, page, screen, group and alias calls
traits.py        other people's names for a person's traits
mapping.py       the small file that says what a CSV file's columns mean
csv_rows.py      rows of a CSV file, by such a mapping
outcomes.py      what a row says of a handoff that exists
records.py       drafts into records: topic, key, headers, value
"""
