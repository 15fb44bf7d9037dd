"""What the pages show, made ready for their templates: the form's choices, answers as tables, jobs with their ages."""
