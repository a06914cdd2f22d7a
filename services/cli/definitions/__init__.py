"""What `baton definition` is made of: the text, the words, the differences, the topic; `services.cli.definition` is the
command."""
