"""From text to facts: a file for each subject, found by its being here."""
